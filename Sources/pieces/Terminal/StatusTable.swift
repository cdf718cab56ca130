import Store
import Torrent

/// What `pieces status` prints for people: a sentence about the engine, the table, and below it what failed and why.
struct StatusTable {
    /// Columns of a piece map where there is no terminal.
    private static let usualWidth = 80

    private let engine: EngineState
    private let mended: MendedNote?
    private let queue: QueueState?
    private let now: Timestamp
    /// Of the terminal; `nil` where nothing is to be cut.
    private let width: Int?
    private var isEmpty = true
    private var table = Table(
        [
            .right("ID"), .left("NAME"), .left("STATE"), .right("DONE"), .right("SIZE"), .right("DOWN"), .right("UP"), .right("PEERS"),
            .right("LEFT"),
        ], flexible: 1)
    private var errors: [UInt8] = []
    private var maps: [UInt8] = []

    init(_ engine: EngineState, _ mended: MendedNote?, _ queue: QueueState? = nil, now: Timestamp = .now()) {
        self.engine = engine
        self.mended = mended
        self.queue = queue
        self.now = now
        width = Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil
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
        // What failed says why below the table, where there is room.
        if let error = torrent.error { errors.append(contentsOf: "\(torrent.id)  \(error.printable)\n".utf8) }
    }

    /// Shows which pieces of the torrent are on the disk.
    mutating func add(_ have: Bitfield, of torrent: StatusLine) {
        let part = "\(Format.count(have.population)) of \(Format.count(have.count, "piece"))"
        let map = PieceMap.text(have, width: (width ?? Self.usualWidth) - 4)
        maps.append(contentsOf: "\(torrent.id)  \(torrent.name.printable): \(part)\n  |\(map)|\n".utf8)
    }

    var bytes: [UInt8] {
        var text = Array((engine.sentence + "\n").utf8)
        if let mended { text += "\(Format.moment(mended.at)): \(mended.sentence.printable)\n".utf8 }
        if isEmpty {
            text.append("no torrents yet: `pieces add` or `pieces download` brings some\n")
        } else {
            table.write(to: &text, width: width)
        }
        for sentence in queue?.sentences ?? [] { text += "\(sentence)\n".utf8 }
        return text + errors + maps
    }
}
