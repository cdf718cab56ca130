import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Commands that go on until they are interrupted: they tell of what moves, end with 130, and leave the terminal as it
/// was.
@Suite(.crowded) struct WatchTests {
    private func besideADownload(seed: UInt64, _ body: (Pieces, RunningProgram) async throws -> Void) async throws {
        let torrent = try SampleTorrent(length: 8 << 20, pieceLength: 1 << 16, seed: seed)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.slow(6)]) { peers in
                try await pieces.beside(try pieces.download(torrent, from: [peers[0].address])) { running in
                    try await eventually("the first pieces") { try await pieces.claimed(torrent).population > 0 }
                    try await body(pieces, running)
                }
            }
        }
    }

    /// Ends it by the signal, whatever `body` finds.
    private func ending(
        _ watch: RunningProgram, by signal: Int32 = SIGINT, _ body: () async throws -> Void
    ) async throws -> RunningProgram.End {
        let result = await Result { try await body() }
        watch.send(signal)
        let end = await Result { try await watch.end() }
        await watch.kill()
        try result.get()
        return try end.get()
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func watchedJSONStatusGoesIntoAPipe(signal: Int32) async throws {
        try await besideADownload(seed: 221) { pieces, _ in
            let watch = try pieces.start(["status", "--watch", "--json"])
            let end = try await ending(watch, by: signal) {
                try await eventually("two states of the download") {
                    try Set(Self.completedBytes(watch.output)).count >= 2
                }
            }
            #expect(end.exitCode == 130, "\(end)")
            #expect(end.output.hasSuffix("}\n") && !end.output.contains("\u{1b}"))
            let bytes = try Self.completedBytes(end.output)
            #expect(bytes == bytes.sorted())
        }
    }

    @Test func watchedTextStatusGoesIntoAPipe() async throws {
        try await besideADownload(seed: 222) { pieces, _ in
            let watch = try pieces.start(["status", "--watch"])
            let end = try await ending(watch) {
                try await eventually("it to be said again") {
                    watch.output.split(separator: "\n").count { $0.hasPrefix("ID ") } >= 2
                }
            }
            #expect(end.exitCode == 130, "\(end)")
            #expect(!end.output.contains("\u{1b}"))
        }
    }

    @Test func watchedStatusIsRedrawnOnATerminal() async throws {
        try await besideADownload(seed: 223) { pieces, _ in
            let terminal = try PseudoTerminal()
            let settings = try terminal.settings
            let watch = try pieces.start(["status", "--watch"], on: terminal)
            let end = try await ending(watch) {
                try await eventually("two states of the download") {
                    Set(terminal.text.matches(of: /(\d+(\.\d+)?) ?%/).map(\.output.0)).count >= 2
                }
            }
            #expect(end.exitCode == 130, "\(end)")
            #expect(end.errors.isEmpty)
            let text = terminal.text
            // Each drawing goes up to where the one before began and over it; the last one stays, and the cursor stands
            // below it.
            #expect(text.contains(/\u{1b}\[\d+F/) && text.hasSuffix("\r\n\u{1b}[K"))
            let screen = Screen(text, columns: 100, rows: 30)
            #expect(screen.erasures == 0 && screen.scrolled.isEmpty)
            #expect(
                screen.lines.count { $0.hasPrefix("ID ") } == 1 && screen.colours > 0 && !screen.isColoured)
            // No cursor is hidden, no colour left on, and no other screen is shown.
            #expect(!text.contains("\u{1b}[?25l") && !text.contains("\u{1b}[?1049h"))
            #expect(try terminal.settings == settings)
            try terminal.close()
        }
    }

    @Test(arguments: [true, false]) func followedLogPrintsNewEvents(json: Bool) async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 224)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.run(["add", try pieces.file(of: torrent).string, "--output", pieces.output.string])
            let watch = try pieces.start(["log", "--follow"] + (json ? ["--json"] : []))
            let end = try await ending(watch) {
                try await eventually("what happened before") { watch.output.contains("added") }
                #expect(!watch.output.contains("paused"))
                for (command, word) in [("pause", "paused"), ("resume", "resumed")] {
                    try await pieces.run([command, "1"])
                    try await eventually("\(word)") { watch.output.contains(word) }
                }
            }
            #expect(end.exitCode == 130, "\(end)")
            // Each event once, in its order.
            let lines = end.output.split(separator: "\n")
            #expect(lines.count == 3)
            for (line, word) in zip(lines, ["added", "paused", "resumed"]) { #expect(line.contains(word), "\(line)") }
        }
    }

    /// The `completed_bytes` of the one torrent, in each line that is whole.
    private static func completedBytes(_ output: String) throws -> [Int] {
        try output.matches(of: /"completed_bytes":(\d+)[^\n]*\n/).map { try #require(Int($0.output.1)) }
    }
}
