import ArgumentParser
import Library
import Store
import Torrent

/// Which torrents `pieces status` lists, in which order, and how many.
struct StatusOptions: ParsableArguments {
    @Option(
        name: .customLong("state"), parsing: .singleValue,
        help: ArgumentHelp("Only torrents in this state; may be repeated. `active` means that data flows."))
    var states: [StatusState] = []

    @OptionGroup var labels: LabelOptions

    @Option(help: "Order of the list; numbers from the largest down, except for id, done and left. Default: id.")
    var sort: StatusOrder?

    @Flag(help: "Reverse the order.")
    var reverse = false

    @Option(help: ArgumentHelp("Show at most this many torrents.", valueName: "n"))
    var limit: Int?

    @Option(
        help: ArgumentHelp(
            "Columns of the table, separated by commas: \(StatusColumn.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "names"), transform: StatusColumn.list)
    var columns: [StatusColumn]?

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    /// Whether the list is everything in its usual order.
    var isEverything: Bool { states.isEmpty && sort == nil && !reverse && limit == nil }

    /// The torrents in these states, sorted, without the limit.
    func chosen<Item>(
        _ items: [Item], _ engine: EngineState, _ now: Timestamp, by order: StatusOrder? = nil,
        _ line: (Item) -> StatusLine
    ) -> [Item] {
        var items = items
        if !states.isEmpty { items.removeAll { item in !states.contains { $0.has(line(item), engine, now) } } }
        if let order = sort ?? order { items = order.sorted(items, engine, now, line) }
        return reverse ? items.reversed() : items
    }
}

/// The values of `status --state`: the states, and two that only the command line has.
enum StatusState: String, CaseIterable, ExpressibleByArgument {
    case active, downloading, metadata, seeding, checking, complete, paused, queued, stopped, offline, error
    case noSpace = "no_space"

    /// Whether the torrent is in this state. A torrent that the table calls `stopped` is `queued` in JSON, and matches
    /// both.
    func has(_ torrent: StatusLine, _ engine: EngineState, _ now: Timestamp) -> Bool {
        switch self {
        case .active: engine.isMoving(torrent, now)
        case .stopped: engine.isStopped(engine.state(of: torrent))
        default: engine.state(of: torrent).rawValue == rawValue
        }
    }
}

/// The values of `status --sort`.
enum StatusOrder: String, CaseIterable, ExpressibleByArgument {
    case id, name, state, done, size, down, up, peers, left
    /// What moves, then problems, then what is under way, then the rest.
    case activity

    func sorted<Item>(_ items: [Item], _ engine: EngineState, _ now: Timestamp, _ line: (Item) -> StatusLine) -> [Item]
    {
        guard self != .name else {
            return items.sorted { (line($0).name, line($0).id) < (line($1).name, line($1).id) }
        }
        return items.map { (key: key(line($0), engine, now), id: line($0).id, item: $0) }
            .sorted { ($0.key, $0.id) < ($1.key, $1.id) }.map(\.item)
    }

    private func key(_ torrent: StatusLine, _ engine: EngineState, _ now: Timestamp) -> Double {
        let live = engine.live(torrent, now)
        switch self {
        case .id, .name: return 0
        case .state: return Double(TorrentState.allCases.firstIndex(of: engine.state(of: torrent)) ?? 0)
        case .done:
            return torrent.wantedBytes > 0 ? Double(torrent.completedBytes) / Double(torrent.wantedBytes) : 1
        case .size: return -Double(torrent.wantedBytes)
        case .down: return -Double(live?.downloadRate ?? -1)
        case .up: return -Double(live?.uploadRate ?? -1)
        case .peers: return -Double(live?.peersConnected ?? -1)
        case .left: return live?.timeLeft.map { $0 / .seconds(1) } ?? .infinity
        case .activity:
            if engine.isMoving(torrent, now) { return 0 }
            switch engine.state(of: torrent) {
            case .checking: return 0
            case .error, .offline, .noSpace: return 1
            case .downloading: return 2
            default: return 3
            }
        }
    }
}

/// The columns of the table of `pieces status`.
enum StatusColumn: String, CaseIterable {
    case id, name, state, done, size, down, up, peers, left, have, missing, seeders, downloaded, uploaded, ratio, added
    case folder, hash, labels

    static let usual: [StatusColumn] = [.id, .name, .state, .done, .size, .down, .up, .peers, .left]

    static func list(_ text: String) throws -> [StatusColumn] {
        var columns: [StatusColumn] = []
        for name in text.lowercased().split(separator: ",") {
            guard let column = StatusColumn(rawValue: name.filter { $0 != " " }) else {
                let known = allCases.map(\.rawValue).joined(separator: ", ")
                throw BadValue("there is no column “\(name)”; the columns are \(known)")
            }
            if !columns.contains(column) { columns.append(column) }
        }
        guard !columns.isEmpty else { throw BadValue("name at least one column") }
        return columns
    }

    /// Whether the column needs more than a ``StatusLine``.
    var isOfRow: Bool {
        switch self {
        case .seeders, .downloaded, .uploaded, .ratio, .added, .folder, .hash, .labels: true
        default: false
        }
    }

    var column: Table.Column {
        let title = rawValue.uppercased()
        return switch self {
        case .name, .state, .added, .folder, .hash, .labels: .left(title)
        default: .right(title)
        }
    }
}

extension EngineState {
    /// Whether data flows.
    func isMoving(_ torrent: StatusLine, _ now: Timestamp) -> Bool {
        live(torrent, now).map { $0.downloadRate + $0.uploadRate > 0 } ?? false
    }
}
