import Engine
import Store
import Torrent

/// A calm live block on a terminal: two lines a torrent, and the piece map where there is room.
struct BlockReport: DownloadReport {
    /// Columns from which on the piece map is shown.
    private static let mapWidth = 100
    private static let widestBar = 40

    let interval = Duration.milliseconds(300)

    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {
        for torrent in torrents { Terminal.shared.print(DownloadWords.began(torrent)) }
    }

    func happened(_ event: EventRow, to torrent: TorrentRow?) {
        if let line = DownloadWords.happened(event, to: torrent) { Terminal.shared.print(line) }
    }

    func progressed(_ torrents: [TorrentSnapshot]) {
        let (width, height) = Terminal.shared.size
        // What has something to do comes first, so that the screen shows it.
        let sorted = torrents.sorted { (rank($0), $0.id) < (rank($1), $1.id) }
        let hasMap = width >= Self.mapWidth && torrents.count * 3 < height - 2
        let shown = sorted.prefix(max(1, (height - 2) / (hasMap ? 3 : 2)))
        var lines: [String] = []
        for torrent in shown {
            lines.append("\(torrent.name.printable)  \(words(torrent))".fitted(width - 1))
            lines.append(line(torrent, width))
            if hasMap { lines.append("  " + PieceMap.text(torrent.have, width: width - 4)) }
        }
        if sorted.count > shown.count { lines.append("and \(Format.count(sorted.count - shown.count, "more torrent"))") }
        Terminal.shared.show(lines)
    }

    func ended(_ torrents: [TorrentRow]) {
        Terminal.shared.show([])
        for torrent in torrents { if let line = DownloadWords.ended(torrent) { Terminal.shared.print(line) } }
    }

    private func line(_ torrent: TorrentSnapshot, _ width: Int) -> String {
        let percent = Format.percent(torrent.completedBytes, of: torrent.wantedBytes).padded(6, right: true)
        let left = torrent.timeLeft.map { "  \(Format.time($0)) left" } ?? ""
        let tail = "\(percent)  \(DownloadWords.traffic(torrent))\(left)"
        let bar = Bar.text(torrent.completedBytes, of: torrent.wantedBytes, width: min(Self.widestBar, max(8, width - tail.columns - 6)))
        return "  \(bar) \(tail)"
    }

    private func words(_ torrent: TorrentSnapshot) -> String {
        switch torrent.state {
        case .checking: "checking, \(Format.count(torrent.doubtful, "piece")) left"
        case .downloading: "\(Format.bytes(torrent.completedBytes)) of \(Format.bytes(torrent.wantedBytes))"
        case .error, .offline: "\(torrent.state.rawValue): \(torrent.error?.printable ?? "nobody knows why")"
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
}
