import Engine
import Store
import Synchronization
import Torrent

/// Prints plain lines for files and pipes: events at once, and progress every few seconds if it has changed.
final class LineReport: DownloadReport {
    private static let pause = Duration.seconds(5)

    let interval = Duration.seconds(1)
    private let pace = DownloadPace()
    private let words = DownloadWords(Terminal.shared.display)
    private let told = Mutex<(at: ContinuousClock.Instant, lines: [TorrentID: String], totals: String)>((.now, [:], ""))

    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {
        pace.began(torrents)
        for line in DownloadWords.began(torrents) { Terminal.shared.print(line) }
    }

    func happened(_ event: EventRow, to torrent: TorrentRow?) {
        if let line = DownloadWords.happened(event, to: torrent, pace) { Terminal.shared.print(line) }
    }

    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally) {
        let torrents = torrents.map { TorrentProgress($0) }
        pace.progressed(torrents)
        let lines = told.withLock { told -> [String] in
            guard .now - told.at >= Self.pause else { return [] }
            told.at = .now
            guard all.total <= DownloadWords.namedAtMost else {
                let line = words.totals(torrents, of: all, width: .max)
                guard told.totals != line else { return [] }
                told.totals = line
                return [line]
            }
            var news: [String] = []
            for torrent in torrents where told.lines[torrent.id] != line(torrent) {
                told.lines[torrent.id] = line(torrent)
                news.append(line(torrent))
            }
            return news
        }
        for line in lines { Terminal.shared.print(line) }
    }

    func ended(_ torrents: [TorrentRow]) {
        for line in DownloadWords.ended(torrents, pace) { Terminal.shared.print(line) }
    }

    private func line(_ torrent: TorrentProgress) -> String {
        guard torrent.state != .metadata else { return "\(torrent.name.printable)  \(words.state(torrent))" }
        let percent = Format.percent(torrent.completedBytes, of: torrent.wantedBytes)
        let left = torrent.timeLeft.map { "  \(Format.time($0)) left" } ?? ""
        let state = torrent.state == .downloading ? "" : "  \(torrent.state.rawValue)"
        return "\(torrent.name.printable)  \(percent)\(state)  \(words.traffic(torrent))\(left)"
    }
}
