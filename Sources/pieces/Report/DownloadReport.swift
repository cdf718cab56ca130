import Engine
import Library
import Store
import Torrent

/// Receives the progress and events of a download and presents them.
protocol DownloadReport: Sendable {
    /// The time between two progress reports.
    var interval: Duration { get }
    /// The engine is listening. `torrents` are the named torrents; empty if the engine works on all.
    func began(_ torrents: [TorrentRow], at socket: ListeningSocket)
    /// Reports the progress of the active torrents. `all` sums up the named torrents, or all torrents; sums over all
    /// torrents have no byte counts.
    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally)
    func happened(_ event: EventRow, to torrent: TorrentRow?)
    /// The engine has stopped. `torrents` are the same as in ``began(_:at:)``.
    func ended(_ torrents: [TorrentRow])
}

/// The address at which the engine accepts incoming peers.
struct ListeningSocket: Sendable, CustomStringConvertible {
    /// The local address; `nil` means every address of the machine.
    let host: PeerAddress.Host?
    let port: UInt16

    var description: String { host.map { "\(PeerAddress($0, port: port))" } ?? "port \(port)" }
}

/// A report that prints nothing.
struct SilentReport: DownloadReport {
    let interval = Duration.seconds(1)
    func began(_ torrents: [TorrentRow], at socket: ListeningSocket) {}
    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally) {}
    func happened(_ event: EventRow, to torrent: TorrentRow?) {}
    func ended(_ torrents: [TorrentRow]) {}
}
