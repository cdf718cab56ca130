import Testing
import Torrent
import pieces

/// Long lists, whose repeated texts are marks until they are printed.
struct ShortFormsTests {
    private static let many: [StaticString] = [
        "aa", "ab", "ac", "ad", "ae", "ba", "bb", "bc", "bd", "be", "ca", "cb", "cc", "cd", "ce", "da", "db", "dc",
        "dd", "de", "ea", "eb", "ec", "ed", "ee", "fa", "fb", "fc", "fd", "fe",
    ]

    @Test(arguments: 0..<60 as Range<UInt64>)
    func marksAreReplaced(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var forms = ShortForms()
        let texts = (0..<Int.random(in: 1...ShortForms.most, using: &generator)).map { _ in
            (0..<Int.random(in: 0...70, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
        }
        for text in texts { forms.append(text) }
        var (short, whole): ([UInt8], [UInt8]) = ([], [])
        // Some are longer than a part.
        let length = Int.random(in: 0...(seed % 6 == 0 ? 2 * ShortForms.partLength : 200), using: &generator)
        for _ in 0..<length {
            if Int.random(in: 0..<4, using: &generator) == 0 {
                let number = Int.random(in: texts.indices, using: &generator)
                short.append(UInt8(number + 1))
                whole += texts[number]
            } else {
                let byte = UInt8.random(in: 0x20 ... .max, using: &generator)
                short.append(byte)
                whole.append(byte)
            }
        }
        var parts: [[UInt8]] = []
        short.withUnsafeBytes { forms.forEachPart(of: $0) { parts.append(Array($0)) } }
        #expect(Array(parts.joined()) == whole, "seed \(seed)")
        #expect(parts.allSatisfy { !$0.isEmpty }, "seed \(seed)")
        #expect(parts.dropLast().allSatisfy { $0.count >= ShortForms.partLength }, "seed \(seed)")
    }

    @Test func textWithoutMarksIsWhole() {
        var parts: [[UInt8]] = []
        Array("text".utf8).withUnsafeBytes { ShortForms().forEachPart(of: $0) { parts.append(Array($0)) } }
        #expect(parts == [Array("text".utf8)])
    }

    @Test func markMayStandForNothing() {
        var forms = ShortForms()
        forms.append([])
        var whole: [UInt8] = []
        Array("a\u{1}b\u{1}".utf8).withUnsafeBytes { forms.forEachPart(of: $0) { whole += $0 } }
        #expect(whole == Array("ab".utf8))
    }

    /// Objects of different members, more than there are marks, and texts that need escapes.
    @Test func jsonWithMarksIsTheSameText() throws {
        let always = JSONWriter.members { json in
            json.field("always", true)
            json.field("the_same", "x")
        }
        func fill(_ json: inout JSONWriter) {
            for number in 0..<500 {
                json.object { json in
                    json.field("id", number)
                    if number % 3 == 0 { json.field("third", String?.none) }
                    json.field("name", "\"\u{1}\u{7f}é\n\t\(number)")
                    json.append(members: always)
                    json.object("nested") { json in
                        json.field("id", number)
                        json.field("deep", -0.5)
                    }
                    if number % 2 == 0 { for name in Self.many { json.field(name, 1) } }
                    json.array("list") { json in
                        json.string("a")
                        json.string("\u{b}")
                    }
                    json.field("last", UInt64.max)
                }
            }
        }
        var full = JSONWriter()
        var short = JSONWriter(namesAreMarks: true)
        fill(&full)
        fill(&short)
        let text = KeptText(full)
        let kept = KeptText(short)
        #expect([kept].joined == [text].joined)
        #expect(short.length < full.length * 2 / 3)
        #expect([text].joined.allSatisfy { $0 >= 0x20 })
    }
}
