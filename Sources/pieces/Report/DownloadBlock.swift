package import Store
import Torrent

/// Lays out the live block of a download or an engine.
///
/// One torrent has two lines and a map of its pieces. Several have the same below a line of totals. If they don't fit,
/// each has one line, those that move come first, and the last line counts the torrents without a line.
package struct DownloadBlock {
    private static let widestBar = 40
    private static let narrowestBar = 8
    /// The minimum width for a piece map.
    private static let mapWidth = 50
    private static let indent = "  "

    private let display: Display
    private let words: DownloadWords

    package init(_ display: Display) {
        self.display = display
        words = DownloadWords(display)
    }

    /// The lines of the block, at most as many as the display has room for. `all` also counts the torrents that aren't
    /// active.
    package func lines(_ torrents: [TorrentProgress], of all: TorrentTally) -> [String] {
        let total = max(all.total, torrents.count)
        if total == 1, let torrent = torrents.first { return Array(whole(torrent, lines: display.room)) }
        let totals = words.totals(torrents, of: all, width: display.width)
        let sorted = torrents.sorted { (rank($0), $0.id) < (rank($1), $1.id) }
        let room = display.room - 1 - (total > torrents.count ? 1 : 0)
        if !sorted.isEmpty, let lines = [3, 2].first(where: { $0 * sorted.count <= room }) {
            return [totals] + sorted.flatMap { whole($0, lines: lines) } + rest(total - sorted.count)
        }
        let shown = sorted.prefix(max(0, total > display.room - 1 ? display.room - 2 : display.room - 1))
        guard !shown.isEmpty else { return [totals] }
        let columns = BlockColumns(names: sorted.map { $0.name.printable.columns }.max() ?? 0, width: display.width)
        return [totals] + shown.map { row($0, columns) } + rest(total - shown.count)
    }

    private func rest(_ count: Int) -> [String] { count > 0 ? ["and \(Format.count(count, "more torrent"))"] : [] }

    /// What moves comes first, and then problems. The torrents of one rank keep their order.
    private func rank(_ torrent: TorrentProgress) -> Int {
        if torrent.isMoving { return 0 }
        return switch torrent.state {
        case .error, .offline, .noSpace: 1
        case .downloading, .checking: 2
        default: 3
        }
    }

    // MARK: Several lines a torrent

    private func whole(_ torrent: TorrentProgress, lines: Int) -> [String] {
        let bar = Self.indent + progress(torrent, width: display.width - Self.indent.count)
        guard lines > 1 else { return [bar] }
        let hasMap = lines > 2 && display.width >= Self.mapWidth && torrent.have.count > 1
        return [title(torrent), bar] + (hasMap ? [map(torrent)] : [])
    }

    private func title(_ torrent: TorrentProgress) -> String {
        let state = words.state(torrent)
        let name = torrent.name.printable.fitted(max(Self.narrowestBar, display.width - state.columns - 2))
        return "\(name)  \(state)".fitted(display.width)
    }

    /// A bar and the numbers. The bar is dropped after peers and seeders, and before the rate and the time left.
    private func progress(_ torrent: TorrentProgress, width: Int) -> String {
        let least = Self.narrowestBar + 1
        guard words.essentials(torrent).columns + least <= width else { return words.numbers(torrent, width: width) }
        let numbers = words.numbers(torrent, width: width - least)
        let bar = Bar.text(
            torrent.completedBytes, of: torrent.wantedBytes, width: min(Self.widestBar, width - numbers.columns - 1),
            unicode: display.speaksUnicode)
        return "\(bar) \(numbers)"
    }

    private func map(_ torrent: TorrentProgress) -> String {
        let caption = "pieces |"
        let count = "| \(Format.count(torrent.have.population)) of \(Format.count(torrent.have.count))"
        let width = display.width - Self.indent.count - caption.count - count.count
        return Self.indent + caption + PieceMap.text(torrent.have, width: width, unicode: display.speaksUnicode) + count
    }

    // MARK: One line a torrent

    private func row(_ torrent: TorrentProgress, _ columns: BlockColumns) -> String {
        let name = torrent.name.printable.fitted(columns.name).padded(columns.name)
        let start = "\(Self.indent)\(name)  "
        guard torrent.state != .error, torrent.state != .offline, torrent.state != .noSpace else {
            return (start + words.state(torrent)).fitted(display.width)
        }
        let bar = Bar.text(
            torrent.completedBytes, of: torrent.wantedBytes, width: BlockColumns.bar, unicode: display.speaksUnicode)
        let percent = Format.percent(torrent.completedBytes, of: torrent.wantedBytes)
        var cells = [(columns.hasBar ? "\(bar) " : "") + percent.padded(BlockColumns.percent, right: true)]
        if torrent.state == .checking {
            cells.append(words.state(torrent))
        } else {
            if columns.hasRate { cells.append(words.rate(torrent).padded(BlockColumns.rate)) }
            let left = torrent.timeLeft.map { Format.time($0) + (columns.saysLeft ? " left" : "") } ?? ""
            cells.append(left.padded(columns.left))
            if columns.hasSeeders { cells.append(words.seeders(torrent).padded(BlockColumns.seeders)) }
            if columns.hasPeers { cells.append(Format.count(torrent.peers, "peer").padded(BlockColumns.peers)) }
            if columns.hasUpload, torrent.state != .seeding { cells.append(words.up(torrent.uploadRate)) }
        }
        var line = start + cells.joined(separator: "  ")
        while line.last == " " { line.removeLast() }
        return line.fitted(display.width)
    }
}

/// The columns of torrents that have one line each. The widths depend only on the terminal and the names, so that
/// columns stay in their place while the numbers change.
private struct BlockColumns {
    static let bar = 10
    static let percent = 6
    static let rate = 12
    static let time = 11
    static let seeders = 10
    static let peers = 9
    private static let gap = 2
    /// The width that names keep before a column is dropped for them, and the widest column of names.
    private static let names = (least: 16, most: 40)
    private static let narrowestName = 8

    private(set) var hasBar = true
    private(set) var hasRate = true
    private(set) var saysLeft = true
    private(set) var hasSeeders = true
    private(set) var hasPeers = true
    private(set) var hasUpload = true
    private(set) var name = 0

    var left: Int { Self.time + (saysLeft ? " left".count : 0) }

    /// `names` is the width of the longest name.
    init(names: Int, width: Int) {
        let wanted = min(names, Self.names.most)
        // The order in which columns are dropped; percent and time left stay.
        let drops: [(inout BlockColumns) -> Void] = [
            { $0.hasUpload = false }, { $0.hasPeers = false }, { $0.hasSeeders = false }, { $0.hasBar = false },
            { $0.saysLeft = false },
        ]
        for drop in drops where width - used < min(wanted, Self.names.least) { drop(&self) }
        if width - used < min(wanted, Self.narrowestName) { hasRate = false }
        name = max(0, min(wanted, width - used))
    }

    /// The width of everything but the name.
    private var used: Int {
        let cells = [
            (hasBar ? Self.bar + 1 : 0) + Self.percent, hasRate ? Self.rate : 0, left, hasSeeders ? Self.seeders : 0,
            hasPeers ? Self.peers : 0, hasUpload ? Self.rate : 0,
        ]
        return Self.gap + cells.reduce(0) { $0 + ($1 > 0 ? $1 + Self.gap : 0) }
    }
}
