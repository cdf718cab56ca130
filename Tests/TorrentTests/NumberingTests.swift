import Testing
import Torrent

/// The search for a free number from the first one on, name by name, as it was before it remembered what was tried.
private struct PlainSearch {
    private let rule: NameRule
    private var folders: [String: Int] = [:]
    private var folderNames = [""]
    private var taken: Set<String> = []
    private var nextNumbers: [String: Int] = [:]

    init(_ rule: NameRule) { self.rule = rule }

    mutating func claim(_ path: [String]) -> [String] {
        var result = path
        var folder = 0
        for (n, name) in path.dropLast().enumerated() {
            let place = key(name, folder)
            if folders[place] == nil {
                folderNames.append(take(name, folder, isFolder: true))
                folders[place] = folderNames.count - 1
            }
            folder = folders[place] ?? 0
            if !isOne(folderNames[folder], name) { result[n] = folderNames[folder] }
        }
        let name = path[path.count - 1]
        let free = take(name, folder, isFolder: false)
        if !isOne(free, name) { result[result.count - 1] = free }
        return result
    }

    private mutating func take(_ name: String, _ folder: Int, isFolder: Bool) -> String {
        if taken.insert(key(name, folder)).inserted { return name }
        var number = nextNumbers[key(name, folder)] ?? 2
        while true {
            let numbered = Self.numbered(name, number, isFolder: isFolder)
            number += 1
            if taken.insert(key(numbered, folder)).inserted {
                nextNumbers[key(name, folder)] = number
                return numbered
            }
        }
    }

    private func isOne(_ one: String, _ other: String) -> Bool { key(one, 0) == key(other, 0) }

    /// Equal where the names are: strings are where they are ways to write the same characters, and lists of bytes
    /// aren't.
    private func key(_ name: String, _ folder: Int) -> String {
        let text = rule == .first ? name : name.utf8.map { "\($0)" }.joined(separator: ",")
        return "\(folder)/\(text)"
    }

    private static func numbered(_ name: String, _ number: Int, isFolder: Bool) -> String {
        var (stem, dotted) = (name[...], "")
        if !isFolder, let dot = name.lastIndex(of: "."), dot != name.startIndex, PathText.byteCount(name[dot...]) <= 16
        {
            (stem, dotted) = (name[..<dot], String(name[dot...]))
        }
        let tail = " (\(number))" + dotted
        var cut = String.UnicodeScalarView()
        var count = PathText.byteCount(tail)
        for scalar in stem.unicodeScalars {
            count += PathText.byte(of: scalar) == nil ? UTF8.width(scalar) : 1
            if count > SafePath.maximumNameBytes { break }
            cut.append(scalar)
        }
        return String(cut) + tail
    }
}

/// Names of files never change: a torrent that was added finds its files under those that they got then.
struct NumberingTests {
    /// Names that fight for the same numbers: equal ones, numbered ones, and long ones that are the same once they are
    /// cut.
    private static func name(using generator: inout SeededGenerator) -> String {
        let long = ["x", "é", "e\u{301}", "\u{10fee9}", "日"].randomElement(using: &generator) ?? ""
        let length = SafePath.maximumNameBytes / max(1, PathText.byteCount(long))
        let short = ["a", "a (2)", "a (3)", "a.b", "a (2).b", "é", "e\u{301}", ".x", "b.\u{301}"]
        guard Bool.random(using: &generator) else { return short.randomElement(using: &generator) ?? "" }
        let tail =
            ["", "a", "b", "ab", "é", "e\u{301}", ".mkv", "a.mkv", " (2)", " (9).mkv"].randomElement(using: &generator)
            ?? ""
        let stem = String(repeating: long, count: length - Int.random(in: 0...4, using: &generator))
        return SafePath.name(PathText.bytes(stem + tail))
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func numberedNamesMatchAPlainSearch(seed: UInt64) {
        for rule in [NameRule.bytes, .first] {
            var generator = SeededGenerator(seed: seed)
            var claims = PathClaims(rule)
            var search = PlainSearch(rule)
            let names = (0..<12).map { _ in Self.name(using: &generator) }
            for _ in 0..<200 {
                let depth = Int.random(in: 1...3, using: &generator)
                let path = (0..<depth).map { _ in names.randomElement(using: &generator) ?? "" }
                let (one, other) = (claims.claim(path), search.claim(path))
                #expect(one.map { Array($0.utf8) } == other.map { Array($0.utf8) }, "seed \(seed), \(rule)")
            }
        }
    }

    /// Names whose numbered forms are the same, so that each would try the numbers of all before it.
    @Test(arguments: [
        (NameRule.bytes, false), (.bytes, true), (.first, false), (.first, true),
    ])
    func numberingTakesLinearWork(rule: NameRule, areFolders: Bool) {
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        let stem = String(repeating: "x", count: SafePath.maximumNameBytes - 3)
        let names = letters.flatMap { a in letters.flatMap { b in letters.prefix(4).map { stem + [a, b, $0] } } }
        var claims = PathClaims(rule)
        for name in names {
            _ = claims.claim([name])
            _ = claims.claim(areFolders ? [name, "file"] : [name])
        }
        // One look for each number and a few that skip what others tried; a plain search makes a million.
        #expect(claims.work < 8 * names.count, "\(claims.work) for \(names.count)")
    }

    /// Numbers that are taken beforehand are tried once for all names.
    @Test func takenNamesAreTriedOnce() {
        let count = 2000
        var claims = PathClaims()
        for number in 2..<count { _ = claims.claim(["a (\(number))"]) }
        var last = ""
        for _ in 0..<count { last = claims.claim(["a"])[0] }
        #expect(last == "a (\(2 * count - 2))")
        #expect(claims.work < 4 * count, "\(claims.work)")
    }
}

/// Names and paths far beyond any limit, against the plain way to shorten them.
struct LongNameTests {
    private static func plain(_ bytes: [UInt8], _ rule: NameRule) -> String {
        var safe = String.UnicodeScalarView()
        let given = rule == .first ? PathText.text(LegacyText.decode(bytes).utf8) : PathText.text(bytes)
        for scalar in given.unicodeScalars {
            let isUnsafe =
                scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
                || "/\\\u{2028}\u{202e}".unicodeScalars.contains(scalar)
            safe.append(isUnsafe ? "_" : scalar)
        }
        let name = String(safe)
        var (stem, dotted) = (name[...], "")
        if let dot = name.lastIndex(of: "."), dot != name.startIndex, PathText.byteCount(name[dot...]) <= 16 {
            (stem, dotted) = (name[..<dot], String(name[dot...]))
        }
        let tail = "~" + Hex.encode(SHA1.hash(bytes).prefix(4)) + dotted
        var cut = String.UnicodeScalarView()
        var count = PathText.byteCount(tail)
        for scalar in stem.unicodeScalars {
            count += PathText.byte(of: scalar) == nil ? UTF8.width(scalar) : 1
            if count > SafePath.maximumNameBytes { break }
            cut.append(scalar)
        }
        return String(cut) + tail
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func longNameIsReadOnlyAtItsEnds(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let parts: [[UInt8]] = [
            [0x61], [0x2e], [0xc3, 0xa9], [0xe2, 0x80, 0xa8], [0xe9], [0x80], [0xf4, 0x8f, 0xbb, 0xa9],
            [0x65, 0xcc, 0x81],
            [0xe6, 0x97, 0xa5], [0x2f],
        ]
        // Some seeds make valid UTF-8, which the first rule reads as such.
        let used = seed % 2 == 0 ? parts : parts.filter { String(validating: $0, as: UTF8.self) != nil }
        var bytes: [UInt8] = []
        let length = Int.random(in: SafePath.longestNameRead...4 * SafePath.longestNameRead, using: &generator)
        while bytes.count <= length { bytes += used.randomElement(using: &generator) ?? [] }
        if seed % 3 == 0 { bytes += Array(".mkv".utf8) }
        for rule in [NameRule.bytes, .first] {
            let (one, other) = (SafePath.name(bytes, rule), Self.plain(bytes, rule))
            #expect(PathText.isSame(one, other), "seed \(seed), \(rule): \(one) \(other)")
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func deepPathIsShortenedLikeAWholePath(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...(seed % 2 == 0 ? 70 : 2000), using: &generator)
        let names = (0..<count).map { _ in
            Array(String(repeating: "n", count: Int.random(in: 1...90, using: &generator)).utf8)
        }
        let all = ["root"] + names.map { String(decoding: $0, as: UTF8.self) }
        func fits(_ path: [String]) -> Bool {
            path.count <= SafePath.maximumDepth
                && path.reduce(path.count) { $0 + $1.utf8.count } <= SafePath.maximumPathBytes
        }
        var expected = all
        if !fits(all) {
            let hash = SHA1.hash(Array(all.dropLast().joined(separator: "/").utf8))
            let rest = ["~" + Hex.encode(hash.prefix(4)), all[all.count - 1]]
            expected = []
            for folder in all.dropLast().prefix(SafePath.maximumDepth - 2) {
                guard fits(expected + [folder] + rest) else { break }
                expected.append(folder)
            }
            expected += rest
        }
        #expect(SafePath.path(names, in: "root") == expected, "seed \(seed)")
    }
}
