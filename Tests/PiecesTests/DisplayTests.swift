import Store
import TestSupport
import Testing
import Torrent
import pieces

/// The live block, on terminals of all sizes and with few and many torrents: a model of a terminal interprets what is
/// written.
struct DisplayTests {
    struct Size: CustomTestStringConvertible, Sendable {
        let columns: Int
        let rows: Int
        var testDescription: String { "\(columns)×\(rows)" }
        /// As the program sees it: the last column and three rows stay free.
        func display(unicode: Bool = true, colour: Bool = false) -> Display {
            Display(width: columns - 1, room: max(1, rows - 3), speaksUnicode: unicode, hasColour: colour)
        }
    }

    static let sizes = [40, 60, 80, 120, 200].flatMap { columns in
        [24, 60].map { Size(columns: columns, rows: $0) }
    }
    static let counts = [1, 5, 90, 1000]

    /// A made-up download of `count` torrents after `round` steps. Of many, 50 are active; every third of them moves.
    private struct Download {
        let count: Int
        var round = 0

        var active: [TorrentProgress] { (0..<min(count, 50)).map(torrent) }

        var tally: TorrentTally {
            var tally = TorrentTally()
            tally.counts[.downloading] = min(count, 50)
            if count > 50 { tally.counts[.queued] = count - 50 }
            tally.wantedBytes = Int64(count) * 600 << 20
            tally.completedBytes = active.reduce(0) { $0 + $1.completedBytes }
            return tally
        }

        private func torrent(_ n: Int) -> TorrentProgress {
            let isMoving = count == 1 || n % 3 == 1
            let pieces = 100 + (isMoving ? round : 0)
            var have = Bitfield(count: 1200)
            for piece in 0..<pieces { have.insert(PieceIndex(piece)) }
            let rate = isMoving ? 20_000_000 + 100_000 * (round % 7) : 0
            let missing = 600 << 20 - pieces << 19
            return TorrentProgress(
                id: TorrentID(Int64(n + 1)), name: n % 5 == 4 ? "漢字-\(n)" : "item-\(n).iso", state: .downloading,
                wantedBytes: 600 << 20, completedBytes: Int64(pieces) << 19, have: have, downloadRate: rate,
                uploadRate: 0, peers: 5, seeders: 2,
                timeLeft: rate > 0 ? .seconds(missing / rate) : nil)
        }
    }

    @Test(arguments: sizes, counts) func blockStaysInItsPlaceAndIsRedrawnInPart(size: Size, count: Int) throws {
        let display = size.display()
        var download = Download(count: count)
        var block = LiveBlock()
        // The cursor is in the last row, as after a long session.
        var screen = Screen(String(repeating: "old\n", count: size.rows), columns: size.columns, rows: size.rows)
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        func lines() -> [String] { DownloadBlock(display).lines(download.active, of: download.tally) }

        var shown = lines()
        #expect(shown.count <= display.room && shown.allSatisfy { $0.columns <= display.width }, "\(shown)")
        screen.feed(text(block.show(shown, width: size.columns, height: size.rows)))
        let history = screen.scrolled.count
        // Nothing new: nothing is written.
        #expect(block.show(shown, width: size.columns, height: size.rows).isEmpty)

        var written = 0
        let seconds = 10
        for round in 1...seconds * 3 {
            download.round = round
            shown = lines()
            let bytes = block.show(shown, width: size.columns, height: size.rows)
            written += bytes.count
            screen.feed(text(bytes))
            #expect(Array(screen.lines[(screen.row - shown.count)..<screen.row]) == shown)
        }
        #expect(screen.scrolled.count == history, "a redraw scrolls")
        #expect(screen.erasures == 0 && screen.unknown.isEmpty, "\(screen.unknown)")
        // The numbers of each moving line change three times a second.
        let moving = shown.count { $0.contains(" s") || $0.contains("| ") }
        #expect(written / seconds <= (moving + 2) * 3 * (size.columns + 60), "\(written / seconds) bytes a second")

        // A message scrolls the screen by its own rows alone.
        let (start, message, rest) = block.printing(
            Array("item-3.iso: complete\n".utf8), width: size.columns, height: size.rows)
        screen.feed(text(start + message + rest))
        #expect(screen.scrolled.count == history + 1)
        #expect(screen.lines[screen.row - shown.count - 1] == "item-3.iso: complete")

        // The end: the block is gone, and what was above it still stands.
        screen.feed(text(block.show([], width: size.columns, height: size.rows)))
        #expect(screen.shown.last == "item-3.iso: complete" && screen.row == screen.shown.count)
    }

    /// Each torrent is listed or counted, and what moves is listed first.
    @Test(arguments: sizes, [90, 1000]) func manyTorrentsAreAllCounted(size: Size, count: Int) throws {
        let download = Download(count: count)
        let lines = DownloadBlock(size.display()).lines(download.active, of: download.tally)
        let torrents = lines.filter { $0.hasPrefix("  ") }
        #expect(lines[0].hasPrefix("\(Format.count(count)) torrents"), "\(lines[0])")
        #expect(lines.last == "and \(Format.count(count - torrents.count)) more torrents")
        let isMoving = torrents.map { $0.contains("MiB/s") || $0.contains(/\d s$/) || $0.contains(" s ") }
        #expect(isMoving == isMoving.sorted { $0 && !$1 }, "\(torrents)")
        #expect(isMoving.count { $0 } == min(torrents.count, 17))
    }

    /// What goes first where the screen is narrow: uploads, peers, seeders; percent, rate and time left stay.
    @Test(arguments: sizes) func columnsAreDroppedInOrder(size: Size) {
        for count in [1, 90] {
            let download = Download(count: count)
            let lines = DownloadBlock(size.display()).lines(download.active, of: download.tally)
            let line = lines[1]
            for kept in ["8.3 %", "28 s"] { #expect(line.contains(kept), "\(line)") }
            #expect(line.contains("↓ 19.1 MiB/s") || count > 1 && size.columns == 40)
            let dropped = ["↑", "5 peers", "2 seeders"].map { !line.contains($0) }
            // Nothing stays that is less important than what was dropped.
            #expect(dropped == dropped.sorted { $0 && !$1 }, "\(line)")
            #expect(dropped.contains(true) == (size.columns < (count == 1 ? 80 : 120)), "\(line)")
        }
    }

    @Test func screensOfOneTorrentAreExact() {
        func lines(_ columns: Int, unicode: Bool = true, count: Int = 1) -> String {
            let download = Download(count: count)
            let display = Size(columns: columns, rows: 24).display(unicode: unicode)
            return DownloadBlock(display).lines(download.active, of: download.tally).joined(separator: "\n")
        }
        #expect(
            lines(40) == """
                item-0.iso  50.0 MiB of 600 MiB
                   8.3 %  ↓ 19.1 MiB/s  28 s left
                """)
        #expect(
            lines(60) == """
                item-0.iso  50.0 MiB of 600 MiB
                  ━─────────────  8.3 %  ↓ 19.1 MiB/s  28 s left  2 seeders
                  pieces |██▓                                | 100 of 1,200
                """)
        #expect(
            lines(100) == """
                item-0.iso  50.0 MiB of 600 MiB
                  ━━━─────────────────────────────────  8.3 %  ↓ 19.1 MiB/s  28 s left  5 peers  2 seeders  ↑ 0 B/s
                  pieces |██████░                                                                    | 100 of 1,200
                """)
        #expect(
            lines(80, unicode: false) == """
                item-0.iso  50.0 MiB of 600 MiB
                  =>..........  8.3 %  down 19.1 MiB/s  28 s left  5 peers  2 seeders  up 0 B/s
                  pieces |####:                                                  | 100 of 1,200
                """)
        #expect(
            lines(80, count: 5).hasPrefix(
                """
                5 torrents: 5 downloading  8.3 %  ↓ 38.1 MiB/s  1 min 12 s left  25 peers
                item-1.iso  50.0 MiB of 600 MiB
                  ━───────────────  8.3 %  ↓ 19.1 MiB/s  28 s left  5 peers  2 seeders  ↑ 0 B/s
                  pieces |████▒                                                  | 100 of 1,200
                漢字-4  50.0 MiB of 600 MiB
                """))
    }

    @Test func screenOfManyTorrentsIsExact() {
        func lines(_ columns: Int, unicode: Bool = true) -> String {
            let download = Download(count: 90)
            let display = Display(width: columns - 1, room: 5, speaksUnicode: unicode, hasColour: false)
            return DownloadBlock(display).lines(download.active, of: download.tally).joined(separator: "\n")
        }
        #expect(
            lines(40) == """
                90 torrents  4.6 %  2 min 38 s left
                  item-1.iso    8.3 %  28 s
                  漢字-4        8.3 %  28 s
                  item-7.iso    8.3 %  28 s
                and 87 more torrents
                """)
        #expect(
            lines(60) == """
                90 torrents  4.6 %  ↓ 324 MiB/s  2 min 38 s left
                  item-1.iso    8.3 %  ↓ 19.1 MiB/s  28 s left
                  漢字-4        8.3 %  ↓ 19.1 MiB/s  28 s left
                  item-7.iso    8.3 %  ↓ 19.1 MiB/s  28 s left
                and 87 more torrents
                """)
        #expect(
            lines(80, unicode: false) == """
                90 torrents: 50 downloading, 40 queued  4.6 %  down 324 MiB/s  2 min 38 s left
                  item-1.iso   >.........  8.3 %  down 19.1 MiB/s  28 s left         2 seeders
                  漢字-4       >.........  8.3 %  down 19.1 MiB/s  28 s left         2 seeders
                  item-7.iso   >.........  8.3 %  down 19.1 MiB/s  28 s left         2 seeders
                and 87 more torrents
                """)
        #expect(
            lines(120) == """
                90 torrents: 50 downloading, 40 queued  4.6 %  ↓ 324 MiB/s  2 min 38 s left  250 peers  ↑ 0 B/s
                  item-1.iso   ╸─────────  8.3 %  ↓ 19.1 MiB/s  28 s left         2 seeders   5 peers    ↑ 0 B/s
                  漢字-4       ╸─────────  8.3 %  ↓ 19.1 MiB/s  28 s left         2 seeders   5 peers    ↑ 0 B/s
                  item-7.iso   ╸─────────  8.3 %  ↓ 19.1 MiB/s  28 s left         2 seeders   5 peers    ↑ 0 B/s
                and 87 more torrents
                """)
    }

    @Test func statesAndProblemsAreColouredAndNothingElse() throws {
        var download = Download(count: 5)
        download.round = 1
        var torrents = download.active
        torrents[0].state = .error
        torrents[0].error = "no space left on the disk"
        torrents[1].state = .checking
        torrents[1].unverified = 1
        let display = Size(columns: 80, rows: 24).display(colour: true)
        let lines = DownloadBlock(display).lines(torrents, of: download.tally)
        #expect(lines.allSatisfy { $0.columns <= display.width })
        #expect(lines.contains("item-0.iso  \u{1b}[31merror: no space left on the disk\u{1b}[m"), "\(lines)")
        #expect(lines.contains("item-1.iso  \u{1b}[33mchecking, 1 piece left\u{1b}[m"), "\(lines)")
        #expect(lines.count { $0.contains("\u{1b}") } == 2)
        // A cut doesn't lose the end of the colour.
        for width in 0...30 {
            let cut = Colour.red.text("error: 漢字 on the disk").fitted(width)
            var screen = Screen(columns: 40, rows: 1)
            screen.feed(cut)
            #expect(!screen.isColoured && cut.columns <= width)
        }
    }

    @Test(
        arguments: [
            ("short", 20, "short"),
            ("the disk is full; free some space", 20, "the disk is full;\n  free some space"),
            ("  1  a b c d", 8, "  1  a b\n  c d"),
            ("see /a/very/long/path/that/has/no/end", 12, "see\n  /a/very/long/path/that/has/no/end"),
            ("one two\nthree four five", 12, "one two\nthree four\n  five"), ("漢字 漢字 漢字", 9, "漢字 漢字\n  漢字"),
        ] as [(String, Int, String)])
    func sentencesAreWrappedAtWords(text: String, width: Int, wrapped: String) {
        #expect(text.wrapped(width, indent: 2) == wrapped)
    }

    /// A terminal that became narrower has wrapped the block; one that became lower has lost a part of it.
    @Test(arguments: [(60, 24), (120, 24), (80, 10)] as [(Int, Int)]) func resizedBlockIsRedrawn(
        columns: Int, rows: Int
    ) {
        let download = Download(count: 90)
        func lines(_ columns: Int, _ rows: Int) -> [String] {
            DownloadBlock(Size(columns: columns, rows: rows).display()).lines(download.active, of: download.tally)
        }
        var block = LiveBlock()
        _ = block.show(lines(80, 24), width: 80, height: 24)
        let new = lines(columns, rows)
        let bytes = block.show(new, width: columns, height: rows)
        var screen = Screen(String(repeating: "\n", count: rows), columns: columns, rows: rows)
        screen.feed(String(decoding: bytes, as: UTF8.self))
        #expect(screen.erasures == 0)
        if rows == 24 { #expect(Array(screen.lines[(screen.row - new.count)..<screen.row]) == new) }
    }
}
