import Engine
import Library
import Store
import Torrent

/// Shows the progress of the named torrents in a live block on a terminal.
struct BlockReport: DownloadReport {
    private let pace = DownloadPace()

    let interval = Duration.milliseconds(300)

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
        Terminal.shared.show(DownloadBlock(Terminal.shared.display).lines(torrents, of: all))
    }

    func ended(_ torrents: [TorrentRow]) {
        Terminal.shared.show([])
        for line in DownloadWords.ended(torrents, pace) { Terminal.shared.print(line) }
    }
}
