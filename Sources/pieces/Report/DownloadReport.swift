import Engine
import Store
import Torrent

/// Who is told how a download goes, in words of their own.
protocol DownloadReport: Sendable {
    /// How often it wants to hear of progress.
    var interval: Duration { get }
    /// The engine listens. `torrents` are those that were named; none when it works on all.
    func began(_ torrents: [TorrentRow], at socket: ListeningSocket)
    func progressed(_ torrents: [TorrentSnapshot])
    func happened(_ event: EventRow, to torrent: TorrentRow?)
    /// The engine has stopped; `torrents` as in ``began(_:at:)``.
    func ended(_ torrents: [TorrentRow])
}

/// Where incoming peers are awaited.
struct ListeningSocket: Sendable, CustomStringConvertible {
    /// `nil` is every address of the machine.
    let host: PeerAddress.Host?
    let port: UInt16

    var description: String { host.map { "\(PeerAddress($0, port: port))" } ?? "port \(port)" }
}

/// Tells nobody anything.
struct SilentReport: DownloadReport {
    let interval = Duration.seconds(1)
    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {}
    func progressed(_ torrents: [TorrentSnapshot]) {}
    func happened(_ event: EventRow, to torrent: TorrentRow?) {}
    func ended(_ torrents: [TorrentRow]) {}
}

/// What both kinds of plain words have in common.
enum DownloadWords {
    /// Kinds of events that are worth a line; `completed` is told by the end of the download, too.
    private static let told: Set<EventKind> = [.verified, .completed, .offline, .online, .failed, .banned, .rot, .edited, .resumed]

    static func began(_ torrent: TorrentRow) -> String {
        let name = torrent.name.printable
        let place = torrent.output.printable
        guard torrent.completedBytes > 0 || torrent.isRootSeen else { return "starting \(name): \(Format.bytes(torrent.wantedBytes)) into \(place)" }
        let part = "\(Format.bytes(torrent.completedBytes)) of \(Format.bytes(torrent.wantedBytes))"
        return "resuming \(name) at \(Format.percent(torrent.completedBytes, of: torrent.wantedBytes)): \(part) in \(place)"
    }

    /// `nil` for what nobody needs to read.
    static func happened(_ event: EventRow, to torrent: TorrentRow?) -> String? {
        guard told.contains(event.kind) else { return nil }
        return "\(torrent.map { $0.name.printable + ": " } ?? "")\(event.detail.printable)"
    }

    /// How the torrent is when the engine has stopped: only then is it known whether a complete one can be reached.
    static func ended(_ torrent: TorrentRow) -> String? {
        if torrent.isComplete {
            let place = "\(Format.bytes(torrent.wantedBytes)) in \(torrent.output.printable)"
            return torrent.isFaulty ? nil : "\(torrent.name.printable) is complete: \(place)"
        }
        let part = "\(Format.bytes(torrent.completedBytes)) of \(Format.bytes(torrent.wantedBytes))"
        let percent = Format.percent(torrent.completedBytes, of: torrent.wantedBytes)
        return "stopped \(torrent.name.printable) at \(percent): \(part) are on disk; the same command goes on from there"
    }

    /// `↓ 1.2 MiB/s  ↑ 0 B/s  5 peers (2 seeders)`
    static func traffic(_ torrent: TorrentSnapshot) -> String {
        let arrows = Terminal.shared.speaksUnicode ? ("↓", "↑") : ("down", "up")
        let rates = "\(arrows.0) \(Format.rate(Int64(torrent.downloadRate)))  \(arrows.1) \(Format.rate(Int64(torrent.uploadRate)))"
        return "\(rates)  \(Format.count(torrent.peers, "peer"))\(torrent.seeders > 0 ? " (\(Format.count(torrent.seeders, "seeder")))" : "")"
    }
}
