import Library
import Recovery
import Store
import Torrent

/// The text output of `pieces status`: the table, and below it the totals, what the engine has to say, and the errors.
struct StatusTable: ~Copyable {
    /// The lines of some torrents, for a table with the same columns.
    struct Part: Sendable {
        fileprivate let table: Table.Part
        fileprivate let sums: Sums
    }

    /// What stands below the table.
    fileprivate struct Sums: Sendable {
        var errors: [String] = []
        /// Those of ``counts`` that are called damaged.
        var damagedCounts = StateCounts()
        var maps: [UInt8] = []
        var counts = StateCounts()
        var totals = (wanted: Int64(0), completed: Int64(0), down: Int64(0), up: Int64(0))

        mutating func add(_ other: Sums) {
            errors += other.errors
            damagedCounts.add(other.damagedCounts)
            maps += other.maps
            counts.add(other.counts)
            totals.wanted += other.totals.wanted
            totals.completed += other.totals.completed
            totals.down += other.totals.down
            totals.up += other.totals.up
        }
    }

    /// The width of a piece map without a terminal.
    private static let usualWidth = 80
    /// The width below which states have short names.
    private static let narrow = 70
    /// The divisor that gives the share of the screen for errors: a third of the lines.
    private static let errorShare = 3

    private let engine: EngineState
    private let recovery: RecoveryNote?
    private let queue: QueueState?
    private let columns: [StatusColumn]
    private let now: Timestamp
    private let display: Display
    /// The width of the terminal; `nil` if nothing has to be cut.
    private let width: Int?
    private var table: Table
    private var sums = Sums()
    /// The last state that was written of a torrent without a live status and damage.
    private var lastState: (state: TorrentState, text: String)?
    /// One sentence on the limits, if it has to be known.
    var limits: String?
    /// Complete torrents that wait to move to their own folder.
    var waiting: [DestinationRow] = []
    /// How many pieces are damaged and not repaired.
    var damaged = 0
    /// The torrents to which these pieces belong.
    var damagedTorrents: Set<TorrentID> = []
    /// The last line about torrents that have no line.
    var remainder: String?
    /// What stands in place of an empty table.
    var emptiness = "no torrents yet: add one with `pieces add` or `pieces download`"

    init(
        _ engine: EngineState, _ recovery: RecoveryNote?, _ queue: QueueState? = nil, columns: [StatusColumn]? = nil,
        expectedRows: Int = 1, now: Timestamp = .now()
    ) {
        self.engine = engine
        self.recovery = recovery
        self.queue = queue
        self.columns = columns ?? StatusColumn.usual
        self.now = now
        display = Terminal.shared.display
        width = Terminal.shared.textWidth
        let shown = self.columns
        func places(_ names: [StatusColumn]) -> [Int] {
            columns == nil ? names.compactMap { shown.firstIndex(of: $0) } : []
        }
        table = Table(
            shown.map(\.column),
            flexible: shown.firstIndex(of: .name) ?? shown.firstIndex(of: .folder) ?? shown.count - 1,
            droppable: places([.up, .peers, .size]), lastDroppable: places([.state, .down, .id]),
            expectedRows: expectedRows)
    }

    var needsRows: Bool { columns.contains { $0.isOfRow } }

    /// The lines as a part of another table.
    var part: Part { Part(table: table.part, sums: sums) }

    /// Appends the torrents of the next part of the list.
    mutating func append(_ part: Part) {
        table.append(part.table)
        sums.add(part.sums)
    }

    /// Counts a torrent in the totals.
    mutating func count(_ torrent: StatusLine) {
        let state = engine.state(of: torrent)
        sums.counts.add(state)
        if EngineState.isDone(state), isDamaged(torrent) { sums.damagedCounts.add(state) }
        sums.totals.wanted += torrent.wantedBytes
        sums.totals.completed += min(torrent.completedBytes, torrent.wantedBytes)
        if let live = engine.live(torrent, now) {
            sums.totals.down += live.downloadRate
            sums.totals.up += live.uploadRate
        }
    }

    /// Adds a line for a torrent; `row` is necessary for some columns.
    mutating func add(_ torrent: StatusLine, _ row: StatusRow? = nil) {
        let live = engine.live(torrent, now)
        for column in columns {
            switch column {
            case .id: table.cell(number: torrent.id.rawValue)
            case .name: table.cell(printing: torrent.name)
            case .state: table.cell(stateText(of: torrent, live))
            case .done where !torrent.hasMetadata: table.emptyCell()
            case .size where !torrent.hasMetadata: table.emptyCell()
            case .missing where !torrent.hasMetadata: table.emptyCell()
            case .down where live == nil: table.emptyCell()
            case .up where live == nil: table.emptyCell()
            case .peers where live == nil: table.emptyCell()
            case .left where live == nil: table.emptyCell()
            case .done: table.cell(percent: torrent.completedBytes, of: torrent.wantedBytes)
            case .size: table.cell(size: torrent.wantedBytes)
            case .down: table.cell(rate: live?.downloadRate)
            case .up: table.cell(rate: live?.uploadRate)
            case .peers: table.cell(number: (live?.peersConnected).map { Int64($0) })
            case .left: table.cell(live?.timeLeft.map { Format.time($0) } ?? "")
            case .have: table.cell(size: torrent.completedBytes)
            case .missing: table.cell(size: max(0, torrent.wantedBytes - torrent.completedBytes))
            case .seeders:
                // As in JSON: trackers know the whole swarm.
                table.cell(number: (row?.scrape.seeders ?? live?.seeders).map { Int64($0) })
            case .downloaded: table.cell(size: row?.downloadedBytes)
            case .uploaded: table.cell(size: row?.uploadedBytes)
            case .ratio: table.cell(row.map { Self.ratio($0) } ?? "")
            case .added: table.cell(row.map { Format.moment($0.addedAt) } ?? "")
            case .folder: table.cell(row.map { Self.folders($0) } ?? "")
            case .hash: table.cell(row.map { "\($0.infoHash)" } ?? "")
            case .labels: table.cell(row?.labels.joined(separator: ", ").printable ?? "")
            }
        }
        // Errors are explained below the table, where there is room.
        if let error = torrent.error { sums.errors.append("\(torrent.id)  \(error.printable)") }
    }

    /// The state in its colour. Most torrents of a long list have the state of the one before.
    private mutating func stateText(of torrent: StatusLine, _ live: LiveRow?) -> String {
        let state = engine.state(of: torrent)
        let isPlain = live == nil && !isDamaged(torrent)
        if isPlain, let last = lastState, last.state.number == state.number { return last.text }
        let text = display.text(word(of: torrent), state.colour)
        if isPlain { lastState = (state, text) }
        return text
    }

    /// The folder of the torrent, and the one that it moves to when it is complete.
    private static func folders(_ row: StatusRow) -> String {
        ([row.output] + (row.destination.map { [$0] } ?? [])).map { DownloadWords.place($0) }.joined(separator: " > ")
    }

    private static func ratio(_ row: StatusRow) -> String {
        row.totalBytes > 0 ? Format.decimal(Double(row.uploadedBytes) / Double(row.totalBytes), places: 2) : ""
    }

    /// The state as people read it, abbreviated in a narrow terminal.
    private func word(of torrent: StatusLine) -> String {
        let state = engine.state(of: torrent)
        guard let width, width < Self.narrow else {
            let isSparing = state == .seeding && engine.live(torrent, now)?.spreadPieces != nil
            return isSparing ? "super-seeding" : engine.word(for: state, isDamaged: isDamaged(torrent))
        }
        return switch state {
        case .downloading: "down"
        case .seeding where !isDamaged(torrent): "seed"
        case .checking: "check"
        case .complete where !isDamaged(torrent): "done"
        default: engine.word(for: state, isDamaged: isDamaged(torrent))
        }
    }

    private func isDamaged(_ torrent: StatusLine) -> Bool {
        !torrent.isComplete && damagedTorrents.contains(torrent.id)
    }

    /// Adds a map of the torrent's pieces that are on disk.
    mutating func add(_ have: Bitfield, of torrent: StatusLine) {
        let part = "\(Format.count(have.population)) of \(Format.count(have.count, "piece"))"
        let map = PieceMap.text(have, width: (width ?? Self.usualWidth) - 4)
        sums.maps.append(contentsOf: "\(torrent.id)  \(torrent.name.printable): \(part)\n  |\(map)|\n".utf8)
    }

    /// The number of lines beside the torrents and their errors.
    var frame: Int { 1 + [recoveryText, footer].reduce(0) { $0 + $1.count { $0 == "\n" } } }

    /// The number of lines for torrents on a screen with `room` lines.
    func rows(in room: Int, errors: Int) -> Int {
        max(1, room - frame - min(errors, room / Self.errorShare))
    }

    /// The lines of a screen with `room` lines.
    func lines(in room: Int) -> [String] {
        var lines = String(decoding: parts(errorRoom: room / Self.errorShare).joined, as: UTF8.self)
            .split(separator: "\n").map(String.init)
        if let remainder { lines.append(remainder) }
        return lines
    }

    /// The whole text, in parts.
    var parts: [KeptText] { parts(errorRoom: .max) + [KeptText((remainder.map { "\($0)\n" } ?? "").utf8)] }

    private func parts(errorRoom: Int) -> [KeptText] {
        var parts = [KeptText(recoveryText.utf8)]
        parts += sums.counts.isEmpty ? [KeptText("\(emptiness)\n".utf8)] : table.parts(width: width)
        var text = Array(footer.utf8)
        let explained = sums.errors.map { wrapped($0, indent: 4) }.joined(separator: "\n")
        for line in explained.split(separator: "\n").prefix(errorRoom) { text += "\(line)\n".utf8 }
        return parts + [KeptText(text + sums.maps)]
    }

    private var recoveryText: String {
        recovery.map { wrapped("\(Format.moment($0.at)): \($0.sentence.printable)", indent: 2) + "\n" } ?? ""
    }

    private var footer: String {
        var text = ""
        if sums.counts.total > 1 { text += totals + "\n" }
        for row in waiting {
            let sentence = "\(row.torrent)  complete, and waits to move to \(row.folder): \(row.problem ?? "")"
            text += wrapped(sentence.printable, indent: 4) + "\n"
        }
        if damaged > 0 {
            let are = damaged == 1 ? "is" : "are"
            text += wrapped("\(Format.count(damaged, "piece")) \(are) damaged: see `pieces scrub`", indent: 2) + "\n"
        }
        if let limits { text += wrapped(limits, indent: 2) + "\n" }
        for sentence in queue?.sentences ?? [] { text += wrapped(sentence, indent: 2) + "\n" }
        if let sentence = engineSentence { text += wrapped(sentence, indent: 2) + "\n" }
        return text
    }

    /// Totals such as `90 torrents: 12 complete, 78 stopped  13.4 %, 1.2 GiB of 9.0 GiB  ↓ 0 B/s  ↑ 0 B/s`.
    private var totals: String {
        let words = DownloadWords(display)
        var states = sums.counts.all.compactMap { state, count -> String? in
            let count = count - sums.damagedCounts[state]
            guard count > 0 else { return nil }
            let text = "\(Format.count(count)) \(engine.word(for: state))"
            return state == .error || state == .offline ? display.text(text, state.colour) : text
        }
        if sums.damagedCounts.total > 0 {
            states.append("\(Format.count(sums.damagedCounts.total)) \(EngineState.damaged)")
        }
        var parts = LineParts()
        parts.append(Format.count(sums.counts.total, "torrent"), rank: 0)
        parts.append(states.joined(separator: ", "), rank: 3, gap: ": ")
        parts.append(Format.percent(sums.totals.completed, of: sums.totals.wanted), rank: 1)
        parts.append(Format.part(sums.totals.completed, of: sums.totals.wanted), rank: 4, gap: ", ")
        if engine.isRunning {
            parts.append(words.down(Int(sums.totals.down)), rank: 2)
            parts.append(words.up(Int(sums.totals.up)), rank: 5)
        }
        return parts.text(width: width ?? .max)
    }

    /// What is to be known about the engine; `nil` if it does what is expected of it.
    private var engineSentence: String? {
        if engine.isRunning { return engine.silentSince == nil ? nil : engine.sentence }
        guard !engine.isUnknown, engine.since != nil else {
            return engine.isUnknown || sums.counts.has(.queued) || sums.counts.has(.metadata) ? engine.sentence : nil
        }
        guard !sums.counts.has(.queued) else {
            return "no engine is running: `pieces run` continues the stopped torrents"
        }
        return sums.counts.has(.metadata) ? "no engine is running: `pieces run` fetches the missing metadata" : nil
    }

    private func wrapped(_ text: String, indent: Int) -> String {
        width.map { text.wrapped($0, indent: indent) } ?? text
    }
}

/// How many torrents are in each state.
private struct StateCounts {
    /// The order of states in totals: problems first, then what is under way.
    private static let order: [TorrentState] = [
        .error, .offline, .noSpace, .downloading, .metadata, .checking, .queued, .seeding, .complete, .paused,
    ]

    private var counts = [Int](repeating: 0, count: TorrentState.allCases.count)

    var total: Int { counts.reduce(0, +) }
    var isEmpty: Bool { counts.allSatisfy { $0 == 0 } }
    /// The states that a torrent is in.
    var all: [(TorrentState, Int)] { Self.order.map { ($0, self[$0]) }.filter { $0.1 > 0 } }

    func has(_ state: TorrentState) -> Bool { self[state] > 0 }

    subscript(state: TorrentState) -> Int { counts[state.number] }

    mutating func add(_ state: TorrentState) { counts[state.number] += 1 }

    mutating func add(_ other: StateCounts) {
        for place in counts.indices { counts[place] += other.counts[place] }
    }
}
