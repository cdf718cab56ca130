/// Texts that are repeated in a long list, and the marks that stand for them until the list is printed. This halves the
/// memory of the list. A mark is a byte below the space, which JSON escapes.
package struct ShortForms: Sendable {
    /// The number of marks, which begin at 1.
    package static let most = 31
    /// Texts are copied in blocks of this length.
    private static let block = 32
    /// The text without marks is copied in words of this length.
    private static let word = 8
    /// The least length of a part but the last: small enough that it is in a near cache when it is printed.
    package static let partLength = 64 << 10

    private struct Form {
        let start: Int
        let length: Int
    }

    /// The texts one after another, each filled up to whole blocks, of which each has one at least.
    private var texts: [UInt8] = []
    private var forms: [Form] = []

    package init() {}

    /// Adds the text for the next mark.
    package mutating func append(_ text: [UInt8]) {
        precondition(forms.count < Self.most, "there are no more marks")
        forms.append(Form(start: texts.count, length: text.count))
        texts += text
        texts += repeatElement(0, count: Self.block - text.count % Self.block)
    }

    /// Calls `body` with the whole text in parts: each mark is replaced by its text.
    package func forEachPart(of short: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        guard !forms.isEmpty else { return body(short) }
        // Copies in blocks and words go beyond the end.
        let longest = (forms.map(\.length).max() ?? 0) + Self.block + Self.word
        withUnsafeTemporaryAllocation(byteCount: Self.partLength + longest, alignment: Self.block) { part in
            guard let place = part.baseAddress else { return }
            texts.withUnsafeBytes { texts in
                forms.withUnsafeBufferPointer { forms in
                    var taken = 0
                    while taken < short.count {
                        let length = Self.expand(short, from: &taken, forms, texts, to: place)
                        body(UnsafeRawBufferPointer(start: place, count: length))
                    }
                }
            }
        }
    }

    /// Moves `taken` on until a part is made or nothing is left. The result is the length of the part.
    private static func expand(
        _ short: UnsafeRawBufferPointer, from taken: inout Int, _ forms: UnsafeBufferPointer<Form>,
        _ texts: UnsafeRawBufferPointer, to part: UnsafeMutableRawPointer
    ) -> Int {
        guard let start = short.baseAddress, let first = texts.baseAddress else { return 0 }
        var (from, to) = (taken, 0)
        while from < short.count, to < partLength {
            let available = min(word, short.count &- from)
            let bytes =
                available == word
                ? UInt64(littleEndian: (start + from).loadUnaligned(as: UInt64.self))
                : lastWord(UnsafeRawBufferPointer(rebasing: short[from...]))
            (part + to).storeBytes(of: bytes.littleEndian, as: UInt64.self)
            let length = min(available, lengthBeforeMark(bytes))
            from &+= length
            to &+= length
            guard length < available else { continue }
            let number = Int(truncatingIfNeeded: bytes >> UInt64(truncatingIfNeeded: length &* 8) & 0xff) &- 1
            precondition(number >= 0 && number < forms.count, "a mark stands for nothing")
            let form = forms[number]
            copyBlock(first + form.start, to: part + to)
            var copied = block
            while copied < form.length {
                copyBlock(first + form.start + copied, to: part + to + copied)
                copied &+= block
            }
            from &+= 1
            to &+= form.length
        }
        taken = from
        return to
    }

    @inline(__always)
    private static func copyBlock(_ from: UnsafeRawPointer, to place: UnsafeMutableRawPointer) {
        place.storeBytes(of: from.loadUnaligned(as: SIMD4<UInt64>.self), as: SIMD4<UInt64>.self)
    }

    /// The bytes as a word, the first one lowest, filled up with bytes that are no marks.
    private static func lastWord(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.reversed().reduce(~0) { $0 << 8 | UInt64($1) }
    }

    /// How many of the lowest bytes are no marks. A borrow may set the top bit of bytes above the first mark.
    private static func lengthBeforeMark(_ bytes: UInt64) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        return ((bytes &- ones &* 0x20) & ~bytes & (ones &* 0x80)).trailingZeroBitCount / 8
    }
}
