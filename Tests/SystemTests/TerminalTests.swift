import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The live block on a terminal: it stays in its place, is drawn over itself, and says what doesn't fit.
@Suite(.crowded) struct TerminalTests {
    /// Runs `body` beside a download of so many torrents on a terminal, of which nobody has anything; how the download
    /// ended.
    private func download(
        _ count: Int, on terminal: PseudoTerminal, _ more: [String] = [],
        _ body: (Pieces, RunningProgram) async throws -> Void
    ) async throws -> RunningProgram.End {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let files = try (0..<count).map { n in
                try pieces.file(
                    of: try SampleTorrent(
                        folder: "item-\(n)", [.init("f", 20_000)], pieceLength: 16384, seed: UInt64(600 + n))
                ).string
            }
            let running = try pieces.start(
                ["download"] + files + ["--output", pieces.output.string] + Pieces.network + more, on: terminal)
            let result = await Result { try await body(pieces, running) }
            running.send(SIGINT)
            let end = await Result { try await running.end() }
            await running.kill()
            try result.get()
            return try end.get()
        }
    }

    @Test(arguments: [(80, 24), (60, 20), (40, 5)] as [(Int, Int)]) func manyTorrentsAreShownAsSums(
        columns: Int, rows: Int
    ) async throws {
        let terminal = try PseudoTerminal(columns: UInt16(columns), rows: UInt16(rows))
        let end = try await download(70, on: terminal) { pieces, _ in
            try await eventually("the sums: \(terminal.text)") {
                terminal.text.contains("70 torrents: 50 downloading, 20 queued") || columns < 50
            }
            try await eventually("all of them to be begun with") {
                guard terminal.text.contains("starting") else { return false }
                return try Connection.open(pieces.database, mode: .readOnly, now: .now()).torrents.stateCounts()[
                    .downloading]
                    == 50
            }
        }
        #expect(end.exitCode == 130, "\(end)")
        let screen = Screen(terminal.text, columns: columns, rows: rows)
        #expect(screen.erasures == 0, "more than a line was erased")
        // Nothing is written again that was there already.
        for (drawing, next) in zip(screen.drawings, screen.drawings.dropFirst()) { #expect(drawing != next) }
        // What is left is what was said before and after, each once.
        let said = (screen.scrolled + screen.lines).joined(separator: " ").split(separator: " ").joined(separator: " ")
        #expect(said.contains("starting 70 torrents: 1.34 MiB into"), "\(said)")
        #expect(said.matches(of: /stopped 70 torrents at 0 %/).count == 1, "\(said)")
        #expect(!said.contains("queued"), "the block is gone: \(said)")
        try terminal.close()
    }

    @Test func fewTorrentsAreRedrawnInPlace() async throws {
        let terminal = try PseudoTerminal(columns: 80, rows: 12)
        let end = try await download(4, on: terminal) { _, _ in
            try await eventually("the block: \(terminal.text)") {
                terminal.text.contains("item-3 ") && terminal.text.contains("0 peers")
            }
        }
        #expect(end.exitCode == 130, "\(end)")
        let screen = Screen(terminal.text, columns: 80, rows: 12)
        #expect(screen.erasures == 0)
        let said = (screen.scrolled + screen.lines).joined(separator: "\n")
        for n in 0..<4 {
            #expect(said.matches(of: try Regex("starting item-\(n):")).count == 1, "\(said)")
            #expect(said.matches(of: try Regex("stopped item-\(n) at 0 %")).count == 1, "\(said)")
        }
        #expect(!said.contains("0 peers"), "the block is gone: \(said)")
        try terminal.close()
    }

    /// What an engine for all torrents says in its one line, with those that wait.
    @Test func engineLineCountsWaitingTorrents() async throws {
        let terminal = try PseudoTerminal()
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let files = try (0..<60).map { n in
                try pieces.file(
                    of: try SampleTorrent(
                        folder: "item-\(n)", [.init("f", 20_000)], pieceLength: 16384, seed: UInt64(700 + n))
                ).string
            }
            try await pieces.run(["add"] + files + ["--output", pieces.output.string])
            let running = try pieces.start(["run"] + Pieces.network, on: terminal)
            let result = await Result {
                try await eventually("the counts: \(terminal.text)") {
                    terminal.text.contains("50 downloading, 10 queued")
                }
            }
            running.send(SIGTERM)
            let end = await Result { try await running.end() }
            await running.kill()
            try result.get()
            #expect(try end.get().exitCode == 0)
        }
        try terminal.close()
    }

    /// A refreshed list that doesn't fit shows what it can, and how much it doesn't.
    @Test func watchedListReportsHiddenRows() async throws {
        let terminal = try PseudoTerminal(columns: 80, rows: 20)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let files = try (0..<40).map { n in
                try pieces.file(
                    of: try SampleTorrent(
                        folder: "item-\(n)", [.init("f", 20_000)], pieceLength: 16384, seed: UInt64(800 + n))
                ).string
            }
            try await pieces.run(["add"] + files + ["--output", pieces.output.string])
            let watch = try pieces.start(["status", "--watch"], on: terminal)
            let result = await Result {
                try await eventually("the list: \(terminal.text)") {
                    terminal.text.contains(/and \d+ more torrents: `pieces status` lists all/)
                }
            }
            watch.send(SIGHUP)
            let end = await Result { try await watch.end() }
            await watch.kill()
            try result.get()
            #expect(try end.get().exitCode == 130)
        }
        let screen = Screen(terminal.text, columns: 80, rows: 20)
        #expect(screen.erasures == 0 && screen.scrolled.isEmpty)
        let listed = screen.lines.count { $0.contains(/item-\d+ +stopped /) }
        #expect(
            listed >= 10 && screen.lines.contains { $0.hasPrefix("and \(40 - listed) more torrents") },
            "\(screen.lines)")
        try terminal.close()
    }
}
