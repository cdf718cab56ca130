import Foundation
import Testing

/// Rules of the house that a compiler doesn't check. Each failure names the file and says what to do.
@Suite struct TidyTests {
    /// The Swift rooms, each a target of its own.
    private static let rooms = [
        "Bencode", "DHT", "Discovery", "Disk", "Engine", "Import", "Library", "Net", "PeerWire", "Recovery", "Store",
        "Swarm",
        "System",
        "Torrent", "TrackerWire", "Verification", "pieces",
    ]

    /// A reader finds what a room is for in the file that is named after it.
    @Test(arguments: rooms) func everyRoomHasAHeader(room: String) throws {
        let name = room == "pieces" ? "Pieces" : room
        let file = try #require(Tree.file("Sources/\(room)/\(name).swift"), "the room needs a file named after it")
        for (line, field) in zip(file.lines, ["Room", "Duty"]) {
            #expect(line.hasPrefix("// \(field): "), "\(file.path)")
        }
        for field in ["Owns", "Never", "Invariants"] {
            #expect(
                file.lines.prefix(12).contains { $0.hasPrefix("// \(field): ") }, "\(file.path) doesn't say “\(field)”")
        }
        let others = Tree.files(below: "Sources/\(room)").filter {
            $0.path != file.path && $0.text.contains("// Room: ")
        }
        #expect(others.isEmpty, "headers stand in \(file.path) alone")
    }

    @Test func everyRoomIsListed() {
        let folders = Set(
            Tree.files(below: "Sources").compactMap { $0.path.split(separator: "/").dropFirst().first.map(String.init) }
        )
        #expect(folders == Set(Self.rooms))
    }

    /// A room imports the rooms that its target names, and no others: SwiftPM itself lets a transitive import pass.
    @Test(arguments: rooms) func roomsImportOnlyDeclaredDependencies(room: String) throws {
        let manifest = try #require(Tree.file("Package.swift")).text
        let start = try #require(
            manifest.ranges(of: "name: \"\(room)\"").last { !manifest[..<$0.lowerBound].hasSuffix("package(") }
        ).upperBound
        let end = manifest[start...].firstRange(of: "swiftSettings")?.lowerBound ?? manifest.endIndex
        let declared = Set(manifest[start..<end].split { !$0.isLetter }.map(String.init))
        for file in Tree.files(below: "Sources/\(room)") {
            for line in file.lines where line.contains("import ") && !line.hasPrefix(" ") && !line.hasPrefix("/") {
                guard let name = line.split(separator: " ").last.map(String.init), Self.rooms.contains(name) else {
                    continue
                }
                #expect(declared.contains(name), "\(file.path) imports \(name)")
            }
        }
    }

    /// A test reaches a room as other rooms do: what it needs is `package`, or it tests through behaviour. Then a test
    /// can't depend on what a room is free to change, and the tests build in release mode too.
    @Test func testsUseThePackageInterface() {
        for file in Tree.files(below: "Tests") {
            for (number, line) in file.lines.enumerated() where line.hasPrefix("@testable") {
                Issue.record(
                    "\(file.path):\(number + 1) imports the internals of a room: test through behaviour, or make what is needed `package`"
                )
            }
        }
    }

    /// The rooms at the boundary to Linux, and the files of the program that handle signals, the terminal, its exit and
    /// its child process; the filter of the DHT needs a logarithm. All others call the system through `System`.
    private static let usersOfGlibc = [
        "Sources/Bencode/", "Sources/DHT/Messages/BloomFilter.swift", "Sources/Disk/",
        "Sources/Engine/", "Sources/Net/", "Sources/Store/", "Sources/System/",
        "Sources/pieces/Demo/ChildProcess.swift", "Sources/pieces/Interruption.swift", "Sources/pieces/Pieces.swift",
        "Sources/pieces/Terminal/Keyboard.swift", "Sources/pieces/Terminal/Terminal.swift",
    ]

    @Test func systemCallsAreMadeAtTheBoundary() {
        for file in Tree.files(below: "Sources") where file.lines.contains(where: { $0.hasSuffix("import Glibc") }) {
            #expect(
                Self.usersOfGlibc.contains { file.path.hasPrefix($0) },
                "\(file.path) imports Glibc: put the call into Sources/System, which repeats interrupted calls")
        }
    }

    /// What a build or a trial leaves at the top level isn't part of the project.
    @Test func topLevelIsAsAgreed() throws {
        let agreed: Set<String> = ["Migrations", "Package.resolved", "Package.swift", "README.md", "Sources", "Tests"]
        let names = try FileManager.default.contentsOfDirectory(atPath: Tree.root.path)
        #expect(Set(names.filter { !$0.hasPrefix(".") }).subtracting(agreed).isEmpty)
    }

    /// Lines end at 120 columns, but for the texts of messages and SQL, and for addresses.
    @Test(arguments: ["Sources", "Tests", "Migrations"]) func linesAreShort(folder: String) {
        for file in Tree.files(below: folder) {
            var isInText = false
            for (number, line) in file.lines.enumerated() {
                let hasQuote = line.utf8.contains(UInt8(ascii: "\""))
                if hasQuote, !line.ranges(of: "\"\"\"").count.isMultiple(of: 2) { isInText.toggle() }
                guard line.utf8.count > 120, line.count > 120, !isInText, !hasQuote, !line.contains("https://") else {
                    continue
                }
                Issue.record("\(file.path):\(number + 1) has \(line.count) columns")
            }
        }
    }

    /// Comments and articles use the field's terms, which the glossary has; these words are what they replaced.
    @Test func glossaryTermsAreUsed() {
        let banned: Set<String> = [
            "nobody", "somebody", "everybody", "asleep", "drowsy", "sleeper", "sleepers", "awake", "mends", "mended",
            "wishes", "distrust", "doubtful",
        ]
        for file in Tree.files(below: "Sources", endings: [".swift", ".md"]) {
            // A block between ``` has names too.
            var isInBlock = false
            for (number, line) in file.lines.enumerated() {
                if line.hasPrefix("```") { isInBlock.toggle() }
                let isProse = file.path.hasSuffix(".md") && !isInBlock || line.drop { $0 == " " }.hasPrefix("//")
                guard isProse else { continue }
                // What stands in backquotes is the name of something.
                let prose = line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                    .filter { $0.offset.isMultiple(of: 2) }.map { $0.element.lowercased() }
                for word in prose.joined(separator: " ").split(whereSeparator: { !$0.isLetter })
                where banned.contains(String(word)) {
                    Issue.record("\(file.path):\(number + 1) says “\(word)”: use the term of the glossary")
                }
            }
        }
    }

    /// Names in code use the field's terms too. A text that scripts read keeps its words: `mended` is
    /// a key of the JSON.
    @Test func namesUseGlossaryTerms() {
        let banned: Set<String> = [
            "doubt", "doubts", "doubtful", "distrust", "distrusted", "nobody", "somebody", "everybody", "asleep",
            "awake",
            "drowsy", "sleeper", "sleepers", "mending", "hello", "stranger", "strangers", "untold", "wish",
            "wishes", "relinking",
        ]
        for file in Tree.files(below: "Sources") {
            for (number, line) in file.lines.enumerated() where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                // What stands in quotation marks is a text.
                let code = line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
                    .filter { $0.offset.isMultiple(of: 2) }.map(\.element).joined(separator: " ")
                for word in Tree.words(of: code) where banned.contains(word) {
                    Issue.record("\(file.path):\(number + 1) names something “\(word)”: use the term of the glossary")
                }
            }
        }
    }

    /// What needs a reason each time it is used, and how often it is used now. A number may fall; one that rises needs
    /// a better design, or a reason in the commit that raises it.
    @Test(arguments: Budget.all) func riskyConstructsStayWithinTheirBudget(budget: Budget) {
        let uses = Tree.files(below: "Sources").flatMap { file in
            file.lines.enumerated().filter { budget.isUse($0.element) }.map { "\(file.path):\($0.offset + 1)" }
        }
        #expect(uses.count <= budget.most, "“\(budget.text)”: \(uses.count) uses: \(uses.joined(separator: ", "))")
    }

    struct Budget: Sendable, CustomTestStringConvertible {
        let text: String
        let most: Int

        var testDescription: String { text }

        /// Whether the line has it in its code. The tasks of a group end with it, and need no reason.
        func isUse(_ line: Substring) -> Bool {
            line.contains(text) && !line.contains("add\(text)") && !line.drop { $0 == " " }.hasPrefix("//")
        }

        static let all = [
            Budget(text: "Task {", most: 42), Budget(text: "@unchecked Sendable", most: 9),
            Budget(text: "nonisolated(unsafe)", most: 0),
            Budget(text: "unsafe", most: 18), Budget(text: "try?", most: 20), Budget(text: "fatalError", most: 0),
            Budget(text: "try!", most: 0),
            Budget(text: "as!", most: 0), Budget(text: "TODO", most: 0),
        ]
    }

    /// The Swift files that the Architecture article sends its readers to are there.
    @Test(arguments: Tree.files(below: "Sources", endings: [".md"])) func articlesNameExistingFiles(article: Tree.File)
    {
        for word in article.text.split(whereSeparator: { " `|,()\n".contains($0) }) where word.contains("/") {
            let path = word.trimming { ".:;".contains($0) }
            guard Self.rooms.contains(where: { path.hasPrefix($0 + "/") }),
                path.hasPrefix("Sources/") || !path.contains("*")
            else { continue }
            let candidates = ["Sources/\(path)", "\(path)", "Sources/\(path).swift"]
            #expect(candidates.contains { Tree.exists($0) }, "\(article.path) names \(path), which isn't there")
        }
    }
}

extension Substring {
    fileprivate func trimming(_ isTrimmed: (Character) -> Bool) -> String {
        var text = self
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return String(text)
    }
}
