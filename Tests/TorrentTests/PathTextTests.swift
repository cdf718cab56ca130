import SystemPackage
import Testing
import Torrent

struct PathTextTests {
    /// Bytes that are likely to be half a character, an escape, or half an escape.
    private static let alphabet: [UInt8] = [
        0x00, 0x2f, 0x41, 0x7f, 0x80, 0x8f, 0xba, 0xbb, 0xbf, 0xc0, 0xc2, 0xc3, 0xa9, 0xcc, 0x81, 0xe2, 0x82, 0xac,
        0xed, 0xa0, 0xef, 0xbd, 0xf0,
        0x9f, 0x98, 0xf4, 0xf4, 0x90, 0xf5, 0xff,
    ]

    @Test(arguments: 0..<200 as Range<UInt64>)
    func bytesRoundTripThroughText(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let given = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                Self.alphabet.randomElement(using: &generator) ?? 0
            }
            let text = PathText.text(given)
            #expect(PathText.bytes(text) == given, "seed \(seed): \(given)")
            #expect(PathText.byteCount(text) == given.count, "seed \(seed): \(given)")
            #expect(String(validating: Array(text.utf8), as: UTF8.self) != nil, "seed \(seed): \(given)")
            #expect(PathText.isEscaped(text) || Array(text.utf8) == given, "seed \(seed): \(given)")
        }
    }

    @Test func everyPairOfBytesRoundTrips() {
        var texts: Set<[UInt8]> = []
        for first in 0...UInt8.max {
            for second in 0...UInt8.max {
                let text = PathText.text([first, second])
                #expect(PathText.bytes(text) == [first, second])
                texts.insert(Array(text.utf8))
            }
        }
        #expect(texts.count == 65536, "no two paths have one text")
    }

    @Test(arguments: [
        "", "plain", "é", "e\u{301}", "日本語", "\u{fffd}", "\u{10ffff}", "\u{e000}", "\u{f0000}", "\u{10fe7f}",
        "\u{10ff00}", "a\nb ", "👩‍👩‍👧",
    ])
    func validUTF8IsItsOwnText(text: String) {
        #expect(Array(PathText.text(text.utf8).utf8) == Array(text.utf8) && !PathText.isEscaped(text))
    }

    @Test func invalidUTF8IsEscapedByteByByte() {
        #expect(PathText.text([0x63, 0xe9]) == "c\u{10fee9}")
        #expect(PathText.text([0x80, 0xff]) == "\u{10fe80}\u{10feff}")
        #expect(PathText.text([0xed, 0xa0, 0x80]) == "\u{10feed}\u{10fea0}\u{10fe80}", "half a surrogate pair")
        #expect(
            PathText.text("\u{10fee9}".utf8) == "\u{10fef4}\u{10fe8f}\u{10febb}\u{10fea9}",
            "an escape that is in the path itself")
        #expect(PathText.byte(of: "\u{10fee9}") == 0xe9 && PathText.byte(of: "é") == nil)
    }

    @Test(
        arguments: [
            [0x2f, 0x63, 0xe9], Array("/\u{e9}".utf8), Array("/e\u{301}".utf8), Array("/\u{10fee9}/\u{fffd} \n".utf8),
            [0x2f, 0xff],
        ] as [[UInt8]])
    func filePathsKeepTheirBytes(bytes: [UInt8]) {
        let path = FilePath(text: PathText.text(bytes))
        #expect(path.withPlatformString { PathText.bytes(PathText.text(cString: $0)) } == bytes)
        #expect(path.withPlatformString { path in (0..<bytes.count).map { UInt8(bitPattern: path[$0]) } } == bytes)
        #expect(PathText.isSame(path.text, PathText.text(bytes)))
        #expect(FilePath("/").appending(name: PathText.text(bytes.dropFirst())) == path)
        #expect(PathText.withCString(path.text) { FilePath(platformString: $0) } == path)
    }

    @Test func namesAreComparedByBytes() {
        #expect("é" == "e\u{301}", "what is to be avoided")
        #expect(FileName("é") != FileName("e\u{301}") && FileName("é") == FileName("\u{e9}"))
        #expect(Set(["é", "e\u{301}", "é"].map(FileName.init)).count == 2)
        #expect(Set([["a", "bc"], ["ab", "c"]].map { $0.map(FileName.init) }).count == 2)
    }
}
