import Engine
import Store
import Torrent

/// What the engine of a whole database does, in one live line.
struct SumReport: DownloadReport {
    let interval = Duration.seconds(1)

    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {
        Terminal.shared.print("listening on \(socket)")
    }

    func happened(_ event: EventRow, to torrent: TorrentRow?) {
        if let line = DownloadWords.happened(event, to: torrent) { Terminal.shared.print(line) }
    }

    func progressed(_ torrents: [TorrentSnapshot]) { progressed(torrents, slots: SlotReport()) }

    func progressed(_ torrents: [TorrentSnapshot], slots: SlotReport) {
        let arrows = Terminal.shared.speaksUnicode ? ("↓", "↑") : ("down", "up")
        let down = Format.rate(torrents.reduce(0) { $0 + Int64($1.downloadRate) })
        let up = Format.rate(torrents.reduce(0) { $0 + Int64($1.uploadRate) })
        var counts = [TorrentState.downloading, .seeding, .checking, .offline, .error].compactMap { state in
            let count = torrents.count { $0.state == state }
            return count > 0 ? "\(Format.count(count)) \(state.rawValue)" : nil
        }
        let queued = slots.downloads.waiting + slots.checks.waiting
        if queued > 0 { counts.append("\(Format.count(queued)) queued") }
        if counts.isEmpty { counts = ["all asleep"] }
        let peers = Format.count(torrents.reduce(0) { $0 + $1.peers }, "peer")
        Terminal.shared.show(["\(counts.joined(separator: ", "))  \(arrows.0) \(down)  \(arrows.1) \(up)  \(peers)"])
    }

    func ended(_ torrents: [TorrentRow]) {
        Terminal.shared.show([])
        Terminal.shared.print("stopped")
    }
}
