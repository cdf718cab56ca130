import Engine
import Library
import Store
import Torrent

/// A live block on a terminal. Each torrent has two lines, and the piece map if there is room. If not all torrents fit,
/// the block has a line of totals, a line for each active torrent, and the number of torrents that aren't shown.
struct BlockReport: DownloadReport {
    /// The minimum terminal width for the piece map.
    private static let mapWidth = 100
    private static let widestBar = 40
    private static let narrowestBar = 8
    /// The width of a bar and the range of name widths when each torrent has one line.
    private static let shortBar = 10
    private static let names = 16...40
    /// The width of the usual text after a bar, without seeders and uploads.
    private static let usualTail = 48

    let interval = Duration.milliseconds(300)

    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {
        for line in DownloadWords.began(torrents) { Terminal.shared.print(line) }
    }

    func happened(_ event: EventRow, to torrent: TorrentRow?) {
        if let line = DownloadWords.happened(event, to: torrent) { Terminal.shared.print(line) }
    }

    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally) {
        let width = Terminal.shared.size.width
        let room = Terminal.shared.room
        let total = max(all.total, torrents.count)
        Terminal.shared.show(
            total * 2 <= room ? whole(torrents, of: total, width, room) : summed(torrents, of: all, width, room))
    }

    func ended(_ torrents: [TorrentRow]) {
        Terminal.shared.show([])
        for line in DownloadWords.ended(torrents) { Terminal.shared.print(line) }
    }

    // MARK: Two lines a torrent

    private func whole(_ torrents: [TorrentSnapshot], of total: Int, _ width: Int, _ room: Int) -> [String] {
        let hasMap = width >= Self.mapWidth && total * 3 <= room
        // Torrents with something to do come first, where people look.
        return torrents.sorted { (rank($0), $0.id) < (rank($1), $1.id) }.flatMap { torrent in
            let lines = ["\(torrent.name.printable)  \(words(torrent))".fitted(width - 1), line(torrent, width)]
            return hasMap ? lines + ["  " + PieceMap.text(torrent.have, width: width - 4)] : lines
        }
    }

    private func line(_ torrent: TorrentSnapshot, _ width: Int) -> String {
        // Two columns before the bar, one column after it, and the last column of the terminal stay empty.
        let rest = width - 4
        let tail = DownloadWords.tail(torrent, width: rest - Self.narrowestBar)
        let bar = Bar.text(
            torrent.completedBytes, of: torrent.wantedBytes,
            width: min(Self.widestBar, max(Self.narrowestBar, rest - tail.columns)))
        return "  \(bar) \(tail)"
    }

    private func words(_ torrent: TorrentSnapshot) -> String {
        switch torrent.state {
        case .checking: "checking, \(Format.count(torrent.unverified, "piece")) left"
        case .downloading: "\(Format.bytes(torrent.completedBytes)) of \(Format.bytes(torrent.wantedBytes))"
        case .error, .offline: "\(torrent.state.rawValue): \(torrent.error?.printable ?? "unknown reason")"
        default: "\(torrent.state.rawValue), \(Format.bytes(torrent.wantedBytes))"
        }
    }

    private func rank(_ torrent: TorrentSnapshot) -> Int {
        switch torrent.state {
        case .error, .offline: 0
        case .checking: 1
        case .downloading: 2
        default: 3
        }
    }

    // MARK: More than fit

    private func summed(_ torrents: [TorrentSnapshot], of all: TorrentTally, _ width: Int, _ room: Int) -> [String] {
        let moving = torrents.filter { $0.downloadRate > 0 || $0.uploadRate > 0 || $0.state == .checking }.sorted {
            $0.id < $1.id
        }
        let shown = moving.prefix(max(0, room - 2))
        let totals = DownloadWords.totals(torrents, of: all, width: width - 1)
        guard !shown.isEmpty else { return [totals] }
        let hidden = max(all.total, torrents.count) - shown.count
        return [totals] + shown.map { short($0, width) }
            + (hidden > 0 ? ["and \(Format.count(hidden, "more torrent"))"] : [])
    }

    private func short(_ torrent: TorrentSnapshot, _ width: Int) -> String {
        let rest = width - 1 - Self.shortBar - 5
        let nameWidth = min(max(rest - Self.usualTail, Self.names.lowerBound), Self.names.upperBound)
        let tail = DownloadWords.tail(torrent, width: max(0, rest - nameWidth))
        let bar = Bar.text(torrent.completedBytes, of: torrent.wantedBytes, width: Self.shortBar)
        let name = torrent.name.printable.fitted(nameWidth).padded(nameWidth)
        return "  \(name)  \(bar) \(tail)"
    }
}
