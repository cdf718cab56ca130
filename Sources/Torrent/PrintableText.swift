/// Makes text from outside (names, comments, client names, tracker errors) safe for a terminal.
extension String {
    /// The text with `.` in place of every character that could control a terminal or hide text: control characters,
    /// marks of reading direction, and characters without a glyph. A byte of a name that isn't UTF-8 (``PathText``)
    /// becomes `\xE9`.
    package var printable: String {
        if unicodeScalars.allSatisfy(\.isSimple) { return self }
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if let byte = PathText.byte(of: scalar) {
                text.append(contentsOf: "\\x\(String(byte, radix: 16, uppercase: true))".unicodeScalars)
            } else {
                text.append(scalar.isPrintable ? scalar : ".")
            }
        }
        return String(text)
    }
}

extension String {
    /// Whether no UTF-8 byte satisfies the condition. Most text is plain ASCII, and this check is fast.
    @inlinable package func hasNone(where isOdd: (UInt8) -> Bool) -> Bool {
        utf8.withContiguousStorageIfAvailable { $0.hasNone(where: isOdd) } ?? !utf8.contains(where: isOdd)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether no byte satisfies the condition.
    @inlinable package func hasNone(where isOdd: (UInt8) -> Bool) -> Bool {
        // The loop checks all bytes without a branch for each, so that the compiler can vectorize it.
        var found: UInt8 = 0
        for byte in self { found |= isOdd(byte) ? 1 : 0 }
        return found == 0
    }

    /// Whether all bytes are printable ASCII other than these two.
    @inlinable package func isPrintableASCII(without first: UInt8 = 0, _ second: UInt8 = 0) -> Bool {
        guard let start = baseAddress else { return true }
        let firsts = UInt64(first) &* 0x0101_0101_0101_0101
        let seconds = UInt64(second) &* 0x0101_0101_0101_0101
        var found: UInt64 = 0
        var place = 0
        while place + 8 <= count {
            let word = UnsafeRawPointer(start + place).loadUnaligned(as: UInt64.self)
            found |= Self.odd(word, firsts, seconds)
            place += 8
        }
        guard count < 8 else {
            // The last eight bytes; some of them may have been looked at before.
            let word = UnsafeRawPointer(start + count - 8).loadUnaligned(as: UInt64.self)
            return (found | Self.odd(word, firsts, seconds)) == 0
        }
        var word: UInt64 = 0x2020_2020_2020_2020
        while place < count {
            word = word << 8 | UInt64(start[place])
            place += 1
        }
        return Self.odd(word, firsts, seconds) == 0
    }

    /// Zero only if each of the eight bytes is printable ASCII and differs from the bytes of both others. In each line,
    /// the top bit of the lowest byte that is meant is set; a borrow may set those of bytes above it.
    @inlinable static func odd(_ word: UInt64, _ first: UInt64, _ second: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let (delete, one, two) = (word ^ (ones &* 0x7f), word ^ first, word ^ second)
        let control = (word &- ones &* 0x20) & ~word
        return (word | control | (delete &- ones) & ~delete | (one &- ones) & ~one | (two &- ones) & ~two)
            & (ones << 7)
    }
}

extension Unicode.Scalar {
    /// Whether it is one of the usual characters of names in Latin or Cyrillic: printable, one column wide, and never
    /// part of another character. For others, tables have to be searched.
    @inlinable package var isSimple: Bool {
        switch value {
        case 0x20...0x7e, 0xa1...0xac, 0xae...0x2ff, 0x400...0x482, 0x48a...0x52f, 0x2010...0x2027: true
        default: false
        }
    }

    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
