import Testing
import Torrent

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

struct SafePathTests {
    @Test(
        arguments: [
            ("plain.txt", "plain.txt"), ("", "_"), (".", "_"), ("..", "__"), ("...", "..."), (".hidden", ".hidden"),
            ("a/b", "a_b"),
            ("/etc/passwd", "_etc_passwd"),
            ("../../x", ".._.._x"), ("a\\b", "a_b"), ("nul\0byte", "nul_byte"), ("tab\there\n", "tab_here_"),
            ("\u{7f}\u{9b}", "__"), ("CON", "CON"),
            ("trailing. ", "trailing. "), (" ", " "), ("日本語.mkv", "日本語.mkv"), ("cod\u{202e}fdp.exe", "cod_fdp.exe"),
            ("\u{2028}", "_"), ("/", "_"),
            ("./", "._"),
        ] as [(String, String)])
    func unsafeNamesAreReplaced(given: String, safe: String) {
        #expect(SafePath.name(bytes(given)) == safe)
        #expect(SafePath.name(bytes(safe)) == safe, "a safe name stays as it is")
    }

    @Test(
        arguments: [
            ([0x63, 0x61, 0x66, 0xe9], "café"), ([0x80, 0x92], "€’"), ([0xff, 0xfe], "ÿþ"), ([0x41, 0x9d], "A_"),
            ([0xc3, 0x28], "Ã("), ([0x9f], "Ÿ"),
        ] as [([UInt8], String)])
    func onlyTheFirstRuleDecodesInvalidUTF8AsWindows1252(given: [UInt8], first: String) {
        #expect(PathText.bytes(SafePath.name(given)) == given)
        #expect(SafePath.name(given, .first) == first)
    }

    @Test func onlyUnsafeBytesOfInvalidUTF8NamesAreReplaced() {
        #expect(PathText.bytes(SafePath.name([0xe9, 0x2f, 0xe9, 0x0a, 0x5c])) == [0xe9, 0x5f, 0xe9, 0x5f, 0x5f])
        // The UTF-8 of U+009B, which steers terminals, and the same byte alone, which is shown as `\\x9B`.
        #expect(PathText.bytes(SafePath.name([0xff, 0xc2, 0x9b, 0x9b])) == [0xff, 0x5f, 0x9b])
    }

    /// A character that is kept for escapes is four bytes as any other of its plane.
    @Test(arguments: [NameRule.bytes, .first]) func escapeCharactersKeepTheirBytes(rule: NameRule) {
        #expect(PathText.bytes(SafePath.name("\u{10fee9}".utf8, rule)) == Array("\u{10fee9}".utf8))
    }

    @Test func lengthLimitsCountBytes() {
        let long = [UInt8](repeating: 0xe9, count: 255)
        #expect(PathText.bytes(SafePath.name(long)) == long)
        let cut = PathText.bytes(SafePath.name(long + Array(".mkv".utf8)))
        #expect(cut.count == 255 && cut.starts(with: [0xe9, 0xe9]) && cut.suffix(4) == Array(".mkv".utf8)[...])
        let whole = SafePath.path(Array(repeating: long, count: 11), in: "r").map { PathText.bytes($0) }
        #expect(whole == [Array("r".utf8)] + Array(repeating: long, count: 11))
        let short = SafePath.path(Array(repeating: long, count: 13), in: "r").map { PathText.bytes($0) }
        #expect(short.count == 13 && short.last == long && short[..<11] == whole[..<11], "\(short.count)")
    }

    @Test func everyByteHasItsOwnCharacter() {
        let texts = (0...255).map { LegacyText.decode([0xff, UInt8($0)]) }
        #expect(Set(texts).count == 256)
    }

    @Test func longNamesKeepTheirExtensionAndStayDistinct() {
        let long = String(repeating: "é", count: 200)
        let one = SafePath.name(bytes(long + "1.mkv"))
        let two = SafePath.name(bytes(long + "2.mkv"))
        #expect(one != two)
        for name in [one, two] {
            #expect(name.utf8.count <= 255 && name.utf8.count > 240)
            #expect(name.hasPrefix("éééé") && name.hasSuffix(".mkv"))
        }
        #expect(SafePath.name(bytes(String(repeating: "x", count: 255))).utf8.count == 255)
        #expect(SafePath.name(bytes("." + String(repeating: "x", count: 300))).utf8.count == 255)
    }

    @Test(
        arguments: [
            (["a", "b"], ["a", "b"]), (["", "a", ".", "b", ""], ["a", "b"]), ([".."], ["__"]),
            (["..", "..", "etc"], ["__", "__", "etc"]),
            ([""], ["_"]), ([], ["_"]),
            (["/"], ["_"]),
        ] as [([String], [String])])
    func unsafePathsAreReplaced(given: [String], safe: [String]) {
        #expect(SafePath.path(given.map(bytes), in: "root") == ["root"] + safe)
    }

    /// Folders that are too many become one; files of one folder stay together, and those of others apart.
    @Test(arguments: [
        ("a", 63, true), ("a", 64, false), ("a", 5000, false), (String(repeating: "b", count: 255), 11, true),
    ])
    func deepPathsAreShortened(folder: String, count: Int, fits: Bool) {
        func path(_ last: String...) -> [String] {
            SafePath.path(Array(repeating: bytes(folder), count: count - 1) + last.map(bytes), in: "root")
        }
        let one = path("one.bin")
        #expect((one == ["root"] + Array(repeating: folder, count: count - 1) + ["one.bin"]) == fits)
        #expect(one.count <= SafePath.maximumDepth)
        #expect(one.reduce(one.count) { $0 + $1.utf8.count } <= SafePath.maximumPathBytes)
        #expect(one.first == "root" && one.last == "one.bin")
        #expect(path("two.bin").dropLast() == one.dropLast())
        if !fits { #expect(path("other", "one.bin").dropLast() != one.dropLast()) }
    }

    @Test func longPathsAreShortened() {
        let long = bytes(String(repeating: "c", count: 255))
        let path = SafePath.path(
            Array(repeating: long, count: 30) + [bytes("x.mkv")], in: String(repeating: "d", count: 255))
        #expect(path.reduce(path.count) { $0 + $1.utf8.count } <= SafePath.maximumPathBytes)
        #expect(path.count == 13 && path.last == "x.mkv" && path[path.count - 2].hasPrefix("~"))
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func noBytesMakeAnUnsafeName(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let alphabet: [UInt8] = [0, 0x2e, 0x2e, 0x2f, 0x5c, 0x0a, 0x61, 0xc3, 0xa9, 0xe2, 0x80, 0xae, 0xff]
            let given = (0..<Int.random(in: 0...400, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            let name = SafePath.name(given)
            #expect(!["", ".", ".."].contains(name) && PathText.byteCount(name) <= 255, "seed \(seed)")
            #expect(PathText.isSame(PathText.text(PathText.bytes(name)), name), "seed \(seed)")
            #expect(!name.utf8.contains { $0 < 0x20 || $0 == 0x2f || $0 == 0x5c }, "seed \(seed)")
            #expect(SafePath.name(given) == name, "seed \(seed)")
        }
    }
}

struct PathClaimsTests {
    @Test(
        arguments: [
            (["a", "b"], ["a", "b"]), (["a.txt", "a.txt", "a.txt"], ["a.txt", "a (2).txt", "a (3).txt"]),
            (["a", "a/b", "a/c"], ["a", "a (2)/b", "a (2)/c"]),
            (["a/b", "a", "a/b"], ["a/b", "a (2)", "a/b (2)"]), (["x (2)", "x", "x"], ["x (2)", "x", "x (3)"]),
            (["A", "a"], ["A", "a"]),
            (["d.x/f", "d.x/f/g", "d.x"], ["d.x/f", "d.x/f (2)/g", "d (2).x"]),
            (["a", "a/b", "a (2)/b"], ["a", "a (2)/b", "a (2) (2)/b"]),
        ] as [([String], [String])])
    func repeatedNamesAreNumbered(given: [String], kept: [String]) {
        for rule in [NameRule.bytes, .first] {
            var claims = PathClaims(rule)
            let result = given.map { claims.claim($0.split(separator: "/").map(String.init)).joined(separator: "/") }
            #expect(result == kept && !claims.hasTwins)
        }
    }

    @Test(
        arguments: [
            (["é", "e\u{301}"], ["é", "e\u{301} (2)"]),
            (["é/a", "e\u{301}/a", "e\u{301}/b"], ["é/a", "e\u{301}/a (2)", "e\u{301}/b"]),
            (["e\u{301}", "é/a"], ["e\u{301}", "é (2)/a"]),
        ] as [([String], [String])])
    func onlyTheFirstRuleMergesEquivalentUnicodeNames(given: [String], first: [String]) {
        for (rule, kept) in [(NameRule.bytes, given), (.first, first)] {
            var claims = PathClaims(rule)
            let result = given.map { claims.claim($0.split(separator: "/").map(String.init)).joined(separator: "/") }
            #expect(result.map { Array($0.utf8) } == kept.map { Array($0.utf8) })
            #expect(claims.hasTwins == (rule == .bytes))
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func claimedPathsAreUniqueAndNeverInsideAFile(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var claims = PathClaims()
        let names = ["a", "b", "a (2)", "a (2) (2)", "b.c", "b (2).c"]
        var files: Set<[String]> = []
        for _ in 0..<200 {
            let path = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                names.randomElement(using: &generator) ?? ""
            }
            #expect(files.insert(claims.claim(path)).inserted, "seed \(seed)")
        }
        for file in files {
            for depth in 1..<max(2, file.count) where depth < file.count {
                #expect(!files.contains(Array(file.prefix(depth))), "seed \(seed)")
            }
        }
    }

    @Test func manyEqualNamesAreNumberedInLinearTime() {
        var claims = PathClaims()
        var last = ""
        for _ in 0..<20_000 { last = claims.claim(["same.bin"])[0] }
        #expect(last == "same (20000).bin")
    }

    @Test func numberedNamesFitTheLengthLimit() {
        var claims = PathClaims()
        let name = String(repeating: "x", count: 251) + ".mkv"
        let kept = (0..<12).map { _ in claims.claim([name])[0] }
        #expect(Set(kept).count == 12)
        #expect(kept.allSatisfy { $0.utf8.count <= 255 && $0.hasSuffix(".mkv") })
    }
}
