import Engine
import Library
import Store
import Torrent

/// Shows the activity of an engine for a whole database in one live line.
struct SumReport: DownloadReport {
    let interval = Duration.seconds(1)

    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {
        Terminal.shared.print("listening on \(socket)")
    }

    func happened(_ event: EventRow, to torrent: TorrentRow?) {
        if let line = DownloadWords.happened(event, to: torrent) { Terminal.shared.print(line) }
    }

    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally) {
        let states: [TorrentState] = [.downloading, .seeding, .checking, .queued, .complete, .paused, .offline, .error]
        let counts = states.compactMap { state in all.counts[state].map { "\(Format.count($0)) \(state.rawValue)" } }
        var parts = LineParts()
        parts.append(counts.isEmpty ? "no torrents" : counts.joined(separator: ", "), rank: 0)
        parts.append(DownloadWords.down(torrents.reduce(0) { $0 + $1.downloadRate }), rank: 1)
        parts.append(DownloadWords.up(torrents.reduce(0) { $0 + $1.uploadRate }), rank: 2)
        parts.append(Format.count(torrents.reduce(0) { $0 + $1.peers }, "peer"), rank: 3)
        Terminal.shared.show([parts.text(width: Terminal.shared.size.width - 1)])
    }

    func ended(_ torrents: [TorrentRow]) {
        Terminal.shared.show([])
        Terminal.shared.print("stopped")
    }
}
