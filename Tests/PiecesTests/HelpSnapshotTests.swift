import ArgumentParser
import Foundation
import Testing
import pieces

/// The help of every command equals the text file in `HelpSnapshots` beside this file, so that each change of a text is
/// seen in review.
///
/// To write the files again, run these tests with `PIECES_RENEW_SNAPSHOTS=1`, and read the diff.
struct HelpSnapshotTests {
    private static let columns = 100
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "HelpSnapshots")
    private static let isRenewing = ProcessInfo.processInfo.environment["PIECES_RENEW_SNAPSHOTS"] == "1"

    private static func name(_ path: [String]) -> String { (["pieces"] + path).joined(separator: "-") + ".txt" }

    /// The short help of the program, and the topics.
    private static let texts = ["pieces-help.txt": Help.overview].merging(
        Help.topics.filter { $0 != "commands" }.map { ("topic-\($0).txt", Help.text(of: $0) ?? "") }
    ) { first, _ in first }

    @Test(arguments: CommandTree.all.map(\.path))
    func helpEqualsItsSnapshot(path: [String]) throws {
        let command = try #require(CommandTree.all.first { $0.path == path }).command
        let help = Pieces.helpMessage(for: command, columns: Self.columns) + "\n"
        try compare(help, with: Self.folder.appendingPathComponent(Self.name(path)))
    }

    @Test(arguments: texts.keys.sorted()) func textEqualsItsSnapshot(name: String) throws {
        try compare(Self.texts[name] ?? "", with: Self.folder.appendingPathComponent(name))
    }

    /// The article is written by the same code as `pieces help json`.
    @Test func articleOnJSONEqualsTheTopic() throws {
        let sources = Self.folder.appendingPathComponent("../../../Sources")
        try compare(JSONTopic.article, with: sources.appendingPathComponent("Engine/Engine.docc/JSON.md"))
    }

    private func compare(_ help: String, with file: URL) throws {
        if Self.isRenewing {
            try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
            try help.write(to: file, atomically: false, encoding: .utf8)
        }
        let snapshot = try? String(contentsOf: file, encoding: .utf8)
        let difference = zip(
            help.split(separator: "\n", omittingEmptySubsequences: false) + ["(end)"],
            (snapshot ?? "").split(separator: "\n", omittingEmptySubsequences: false) + ["(end)"]
        ).first { $0 != $1 }
        #expect(
            help == snapshot,
            """
            the help differs from \(file.lastPathComponent), first in “\(difference?.0 ?? "")” (was \
            “\(difference?.1 ?? "")”); if the new text is right, run this test with PIECES_RENEW_SNAPSHOTS=1
            """)
    }

    @Test func everySnapshotHasACommand() throws {
        let names = Set(CommandTree.all.map { Self.name($0.path) } + Self.texts.keys)
        for file in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path) where !names.contains(file) {
            if Self.isRenewing {
                try FileManager.default.removeItem(at: Self.folder.appendingPathComponent(file))
            } else {
                Issue.record("HelpSnapshots/\(file) is of no command; run this test with PIECES_RENEW_SNAPSHOTS=1")
            }
        }
    }
}
