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

    @Test(arguments: CommandTree.all.map(\.path))
    func helpEqualsItsSnapshot(path: [String]) throws {
        let command = try #require(CommandTree.all.first { $0.path == path }).command
        let help = Pieces.helpMessage(for: command, columns: Self.columns) + "\n"
        let file = Self.folder.appendingPathComponent(Self.name(path))
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
            the help differs from HelpSnapshots/\(Self.name(path)), first in “\(difference?.0 ?? "")” (was \
            “\(difference?.1 ?? "")”); if the new text is right, run this test with PIECES_RENEW_SNAPSHOTS=1
            """)
    }

    @Test func everySnapshotHasACommand() throws {
        let names = Set(CommandTree.all.map { Self.name($0.path) })
        for file in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path) where !names.contains(file) {
            if Self.isRenewing {
                try FileManager.default.removeItem(at: Self.folder.appendingPathComponent(file))
            } else {
                Issue.record("HelpSnapshots/\(file) is of no command; run this test with PIECES_RENEW_SNAPSHOTS=1")
            }
        }
    }
}
