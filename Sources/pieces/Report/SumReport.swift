import Engine
import Library
import Store
import Torrent

/// Shows the activity of an engine for a whole database: events, and a live block on a terminal.
struct SumReport: DownloadReport {
    private let pace = DownloadPace()

    let interval = Duration.seconds(1)

    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {
        Terminal.shared.print("listening on \(socket)")
    }

    func happened(_ event: EventRow, to torrent: TorrentRow?) {
        if let line = DownloadWords.happened(event, to: torrent, pace) { Terminal.shared.print(line) }
    }

    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally) {
        let torrents = torrents.map { TorrentProgress($0) }
        pace.progressed(torrents)
        guard Terminal.shared.isInteractive else { return }
        Terminal.shared.show(DownloadBlock(Terminal.shared.display).lines(torrents, of: all))
    }

    func ended(_ torrents: [TorrentRow]) {
        Terminal.shared.show([])
        Terminal.shared.print("stopped")
    }
}
