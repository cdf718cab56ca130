import Testing
import Torrent

struct PrintableTextTests {
    /// Every byte at every place of words and of what is left of them.
    @Test func oddBytesAreFoundAnywhere() {
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        for length in 0..<20 {
            for place in 0..<max(1, length) {
                for byte in UInt8.min...UInt8.max {
                    var bytes = (0..<length).map { UInt8(ascii: "!") + UInt8($0) * 4 + 2 }
                    if length > 0 { bytes[place] = byte }
                    let isOdd = length > 0 && !(0x20...0x7e).contains(byte)
                    let isOther = length > 0 && (byte == quote || byte == backslash)
                    bytes.withUnsafeBufferPointer {
                        #expect($0.isPrintableASCII() == !isOdd)
                        let others = $0.contains(quote) || $0.contains(backslash)
                        #expect($0.isPrintableASCII(without: quote, backslash) == !(isOdd || isOther || others))
                    }
                }
            }
        }
    }

    /// What is called simple is a character of its own beside any other, and has a glyph.
    @Test func simpleCharactersAreSimple() {
        let simple = (UInt32(0)...0x3000).compactMap { Unicode.Scalar($0) }.filter(\.isSimple)
        #expect(simple.count > 1000)
        for scalar in simple {
            #expect("e\(scalar)e\(scalar)".count == 4, "\(scalar.value)")
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned,
                .nonspacingMark, .enclosingMark, .spacingMark:
                Issue.record("\(scalar.value) isn't simple")
            default: break
            }
        }
        #expect("\u{1b}e\u{301}\u{ad}".unicodeScalars.count { !$0.isSimple } == 3)
    }

    @Test(
        arguments: [
            ("Fotos aus München – Teil 3", "Fotos aus München – Teil 3"), ("Кино", "Кино"), ("日本", "日本"),
            ("a\u{1b}[31m", "a.[31m"), ("ü\u{ad}\u{202e}x", "ü..x"), ("\n", "."),
        ])
    func controlsAreReplaced(text: String, printed: String) { #expect(text.printable == printed) }
}
