import Library
import Recovery
import Store
import Torrent

/// The text output of `pieces status`: a sentence about the engine, the table, and below it the errors.
struct StatusTable {
    /// The width of a piece map without a terminal.
    private static let usualWidth = 80

    private let engine: EngineState
    private let recovery: RecoveryNote?
    private let queue: QueueState?
    private let now: Timestamp
    /// The width of the terminal; `nil` if nothing has to be cut.
    private let width: Int?
    private var isEmpty = true
    private var table = Table(
        [
            .right("ID"), .left("NAME"), .left("STATE"), .right("DONE"), .right("SIZE"), .right("DOWN"), .right("UP"),
            .right("PEERS"),
            .right("LEFT"),
        ], flexible: 1, droppable: [6, 7, 4])
    private var errors: [UInt8] = []
    private var maps: [UInt8] = []
    /// The number of torrents that have no line.
    private var hidden = 0
    /// The divisor that gives the share of the screen for errors: a third of the lines.
    private static let errorShare = 3

    init(_ engine: EngineState, _ recovery: RecoveryNote?, _ queue: QueueState? = nil, now: Timestamp = .now()) {
        self.engine = engine
        self.recovery = recovery
        self.queue = queue
        self.now = now
        width = Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil
    }

    /// The torrents to show on a screen with `room` lines if not all fit: active torrents first, then failed ones.
    mutating func choose(_ torrents: [StatusLine], room: Int) -> [StatusLine] {
        // The sentence about the engine and the titles take two lines.
        let room = room - 2 - (recovery == nil ? 0 : 1)
        let errors = torrents.count { $0.error != nil }
        guard torrents.count + errors > room else { return torrents }
        let shown = max(1, min(torrents.count, room - 1 - min(errors, room / Self.errorShare)))
        hidden = torrents.count - shown
        let sorted = torrents.sorted { (rank($0), $0.id) < (rank($1), $1.id) }
        return sorted.prefix(shown).sorted { $0.id < $1.id }
    }

    private func rank(_ torrent: StatusLine) -> Int {
        let live = engine.live(torrent, now)
        if live.map({ $0.downloadRate + $0.uploadRate > 0 }) ?? false { return 0 }
        return switch engine.state(of: torrent) {
        case .checking: 0
        case .error, .offline: 1
        case .downloading: 2
        default: 3
        }
    }

    mutating func add(_ torrent: StatusLine) {
        isEmpty = false
        let live = engine.live(torrent, now)
        table.cell { $0.append(decimal: torrent.id.rawValue) }
        table.cell(torrent.name.printable)
        table.cell(engine.state(of: torrent).rawValue)
        table.cell { Format.percent(torrent.completedBytes, of: torrent.wantedBytes, to: &$0) }
        table.cell { Format.bytes(torrent.wantedBytes, to: &$0) }
        table.cell { text in live.map { Format.rate($0.downloadRate, to: &text) } }
        table.cell { text in live.map { Format.rate($0.uploadRate, to: &text) } }
        table.cell { text in live.map { text.append(decimal: Int64($0.peersConnected)) } }
        table.cell(live?.timeLeft.map { Format.time($0) } ?? "")
        // Errors are explained below the table, where there is room.
        if let error = torrent.error { errors.append(contentsOf: "\(torrent.id)  \(error.printable)\n".utf8) }
    }

    /// Adds a map of the torrent's pieces that are on disk.
    mutating func add(_ have: Bitfield, of torrent: StatusLine) {
        let part = "\(Format.count(have.population)) of \(Format.count(have.count, "piece"))"
        let map = PieceMap.text(have, width: (width ?? Self.usualWidth) - 4)
        maps.append(contentsOf: "\(torrent.id)  \(torrent.name.printable): \(part)\n  |\(map)|\n".utf8)
    }

    var bytes: [UInt8] {
        var text = Array((engine.sentence + "\n").utf8)
        if let recovery { text += "\(Format.moment(recovery.at)): \(recovery.sentence.printable)\n".utf8 }
        if isEmpty {
            text.append("no torrents yet: add one with `pieces add` or `pieces download`\n")
        } else {
            table.write(to: &text, width: width)
        }
        if hidden > 0 { text += "and \(Format.count(hidden, "more torrent")): `pieces status` lists all\n".utf8 }
        for sentence in queue?.sentences ?? [] { text += "\(sentence)\n".utf8 }
        return text + errors + maps
    }
}
