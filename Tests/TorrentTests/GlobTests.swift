import Testing
import Torrent

struct GlobTests {
    @Test(
        arguments: [
            ("*.mkv", "a.mkv", true), ("*.mkv", "a/b.mkv", false), ("*", "", true), ("*", "a/b", false),
            ("?", "é", true), ("?", "/", false),
            ("?", "", false),
            ("a?c", "abc", true), ("**", "a/b/c", true), ("**/c", "c", true), ("**/c", "a/b/c", true),
            ("**/c", "a/bc", false),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false), ("a/**/z", "a/z", true), ("a/**/z", "a/b/c/z", true), ("a/**/z", "az", false),
            ("a/", "a/b/c", true),
            ("a/", "b/a/c", false),
            ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true), ("[^a-c]x", "ax", false),
            ("[!a]b", "/b", false),
            ("[]]", "]", true),
            ("[a-]", "-", true), ("[z-a]", "m", false), ("[ab", "[ab", true), ("[", "[", true), ("\\*", "*", true),
            ("\\*", "a", false),
            ("\\", "\\", true),
            ("a*b*c", "axxbxxc", true), ("a*b*c", "axxbxx", false), ("*/b/*", "a/b/c", true),
            ("**/*.mkv", "x/y/z.mkv", true),
            ("**/s*/e?.mkv", "x/s1/q/s2/e1.mkv", true),
            ("A", "a", false), ("é", "e\u{301}", true), ("", "", true), ("", "a", false), ("a**c", "a/b/c", true),
        ] as [(String, String, Bool)])
    func patternsMatchAsListed(pattern: String, text: String, isMatch: Bool) {
        #expect(Glob(pattern).matches(Array(text)) == isMatch)
    }

    @Test func exactMatchComparesBytes() {
        #expect(
            !Glob("é*").matches(Array("e\u{301}a"), exactly: true)
                && Glob("e\u{301}*").matches(Array("e\u{301}a"), exactly: true))
        #expect(Glob("[é]?").matches(Array("éa"), exactly: true))
    }

    /// A mark joins the character before it, but no name the `/` before it.
    @Test(arguments: ["a/\u{301}b", "a/*", "*/?", "a/", "**/*"]) func nameCanBeginWithACombiningMark(pattern: String) {
        #expect(Glob(pattern).matches(Glob.characters(["a", "\u{301}b"])) == (pattern != "*/?"))
        #expect(Glob(pattern).matches(Glob.characters(["a", "\u{301}"])) == (pattern != "a/\u{301}b"))
    }

    @Test func invalidUTF8ByteMatchesAsOneCharacter() {
        let name = PathText.text([0x63, 0xe9, 0xff])
        for pattern in [
            "c??", "c*", PathText.text([0x63, 0xe9, 0x3f]), PathText.text([0x63, 0x5b, 0xe9, 0x2d, 0xea, 0x5d, 0x3f]),
            name,
        ] {
            #expect(Glob(pattern).matches(Array(name), exactly: true))
        }
        #expect(!Glob("c?").matches(Array(name)) && !Glob("cé*").matches(Array(name)))
    }

    /// The same language by trying every split.
    private static func reference(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>, atName: Bool = true)
        -> Bool
    {
        guard let first = pattern.first else { return text.isEmpty }
        if first == "*" {
            let stars = pattern.prefix { $0 == "*" }.count
            let rest = pattern.dropFirst(stars)
            if stars > 1, atName, rest.first == "/" {
                let ends = [text.startIndex] + text.indices.filter { text[$0] == "/" }.map { $0 + 1 }
                return ends.contains { reference(rest.dropFirst(), text[$0...]) }
            }
            return (text.startIndex...text.endIndex).contains { end in
                (stars > 1 || !text[..<end].contains("/")) && reference(rest, text[end...], atName: false)
            }
        }
        guard let character = text.first, first == "?" ? character != "/" : character == first else { return false }
        return reference(pattern.dropFirst(), text.dropFirst(), atName: first == "/")
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func globMatchesTheReference(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        func word(_ alphabet: String, _ length: Int) -> [Character] {
            (0..<Int.random(in: 0...length, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? "a"
            }
        }
        for _ in 0..<40 {
            let pattern = word("ab/**?", 8)
            guard pattern.last != "/" else { continue }
            let text = word("ab/", 9)
            let expected = Self.reference(pattern[...], text[...])
            #expect(
                Glob(String(pattern)).matches(text) == expected,
                "'\(String(pattern))' on '\(String(text))', seed \(seed)")
        }
    }

    @Test func manyStarsDoNotTakeExponentialTime() {
        let text = Array(String(repeating: "a", count: 200))
        #expect(!Glob(String(repeating: "*a", count: 30) + "b").matches(text))
        #expect(!Glob(String(repeating: "**a", count: 30) + "b").matches(text))
    }
}
