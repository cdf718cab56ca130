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
        let listed = screen.lines.count { $0.contains(/item-\d+\s+stopped\b/) }
        #expect(
            listed >= 10 && screen.lines.contains { $0.hasPrefix("and \(40 - listed) more torrents") },
            "\(screen.lines)")
        try terminal.close()
    }

    /// Keys turn the pages of a refreshed list and end it; the terminal is left as it was.
    @Test func watchedListTurnsPagesAndEndsWithQ() async throws {
        let terminal = try PseudoTerminal(columns: 60, rows: 20)
        let settings = try terminal.settings
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let files = try (0..<40).map { n in
                try pieces.file(
                    of: try SampleTorrent(
                        folder: "item-\(n)", [.init("f", 20_000)], pieceLength: 16384, seed: UInt64(900 + n))
                ).string
            }
            try await pieces.run(["add"] + files + ["--output", pieces.output.string])
            let watch = try pieces.start(["status", "--watch"], on: terminal, reading: true)
            func lines() -> [String] { Screen(terminal.text, columns: 60, rows: 20).lines }
            func wait(_ range: String) async throws {
                try await eventually("\(range): \(lines())") {
                    lines().contains { $0.hasPrefix("\(range) of 40: space and b turn the pages") }
                }
            }
            let result = await Result {
                try await wait("1-13")
                // One line a torrent.
                #expect(lines().count { $0.contains(/item-\d+\s+stopped\b/) } == 13, "\(lines())")
                for (key, range) in [
                    (" ", "14-26"), ("\u{1b}[B", "27-39"), ("f", "40-40"), (" ", "40-40"), ("b", "27-39"),
                    ("\u{1b}[5~", "14-26"),
                ] {
                    try terminal.type(key)
                    try await wait(range)
                }
                try terminal.type("q")
            }
            if case .failure = result { watch.send(SIGTERM) }
            let end = await Result { try await watch.end() }
            await watch.kill()
            try result.get()
            #expect(try end.get().exitCode == 0)
        }
        let screen = Screen(terminal.text, columns: 60, rows: 20)
        #expect(screen.erasures == 0 && screen.scrolled.isEmpty && screen.unknown.isEmpty)
        #expect(try terminal.settings == settings)
        try terminal.close()
    }

    /// A terminal that can do nothing but print lines gets lines, and one without UTF-8 gets ASCII.
    @Test(arguments: [["TERM": "dumb"], ["LC_ALL": "C"], ["NO_COLOR": "1"]]) func terminalsWithLessGetLess(
        environment: [String: String]
    ) async throws {
        let terminal = try PseudoTerminal(columns: 80, rows: 24)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let torrent = try SampleTorrent(folder: "item", [.init("f", 200_000)], pieceLength: 16384, seed: 990)
            let file = try pieces.file(of: torrent).string
            let running = try pieces.start(
                ["download", file, "--output", pieces.output.string] + Pieces.network, on: terminal,
                environment: environment)
            let result = await Result {
                try await eventually("it to begin: \(terminal.text)") {
                    terminal.text.contains(environment["TERM"] == nil ? "0 peers" : "starting item")
                }
                running.send(SIGINT)
            }
            let end = await Result { try await running.end() }
            await running.kill()
            try result.get()
            #expect(try end.get().exitCode == 130)
            // What an error and a problem look like.
            try await pieces.run(["pause", "1"])
            let status = try pieces.start(["status", "1"], on: terminal, environment: environment)
            #expect(try await status.end().exitCode == 0)
        }
        let text = terminal.text
        #expect(text.contains("stopped item at 0 %"))
        if environment["TERM"] == "dumb" { #expect(!text.contains("\u{1b}")) }
        if environment["LC_ALL"] == "C" { #expect(text.utf8.allSatisfy { $0 < 0x80 }, "\(text)") }
        if environment["NO_COLOR"] != nil { #expect(Screen(text, columns: 80, rows: 24).colours == 0) }
        try terminal.close()
    }
}
