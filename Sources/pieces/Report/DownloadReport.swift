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

/// The text that the plain reports share.
enum DownloadWords {
    /// The kinds of events that get a line; the end of a download repeats `completed`.
    private static let told: Set<EventKind> = [
        .verified, .completed, .offline, .online, .failed, .banned, .rot, .edited, .resumed,
    ]

    /// The maximum number of torrents with individual lines; for more torrents, only sums are shown.
    static let namedAtMost = 10

    /// One line for each torrent, or one line for many torrents.
    static func began(_ torrents: [TorrentRow]) -> [String] {
        guard torrents.count > namedAtMost else { return torrents.map { began($0) } }
        let places = Set(torrents.map(\.output))
        let place = places.count == 1 ? torrents[0].output.printable : Format.count(places.count, "folder")
        let wanted = torrents.reduce(0) { $0 + $1.wantedBytes }
        guard torrents.contains(where: { $0.completedBytes > 0 || $0.isRootSeen }) else {
            return ["starting \(Format.count(torrents.count, "torrent")): \(Format.bytes(wanted)) into \(place)"]
        }
        return ["resuming \(sum(torrents)) in \(place)"]
    }

    /// The torrents that are incomplete when the engine has stopped: one line for each, or one line for many.
    static func ended(_ torrents: [TorrentRow]) -> [String] {
        let rest = torrents.filter { !$0.isComplete }
        guard rest.count > namedAtMost else { return rest.compactMap { ended($0) } }
        return ["stopped \(sum(torrents)) on disk; the same command resumes them"]
    }

    /// Formats a sum such as `90 torrents (12 complete) at 13.4 %: 1.2 GiB of 9.0 GiB`.
    private static func sum(_ torrents: [TorrentRow]) -> String {
        let done = torrents.reduce(0) { $0 + $1.completedBytes }
        let wanted = torrents.reduce(0) { $0 + $1.wantedBytes }
        let complete = torrents.count { $0.isComplete }
        let part = complete > 0 ? " (\(Format.count(complete)) complete)" : ""
        return
            "\(Format.count(torrents.count, "torrent"))\(part) at \(Format.percent(done, of: wanted)): \(Format.bytes(done)) of \(Format.bytes(wanted))"
    }

    static func began(_ torrent: TorrentRow) -> String {
        let name = torrent.name.printable
        let place = torrent.output.printable
        guard torrent.completedBytes > 0 || torrent.isRootSeen else {
            return "starting \(name): \(Format.bytes(torrent.wantedBytes)) into \(place)"
        }
        let part = "\(Format.bytes(torrent.completedBytes)) of \(Format.bytes(torrent.wantedBytes))"
        return
            "resuming \(name) at \(Format.percent(torrent.completedBytes, of: torrent.wantedBytes)): \(part) in \(place)"
    }

    /// The line for an event; `nil` for events that users don't need to read.
    static func happened(_ event: EventRow, to torrent: TorrentRow?) -> String? {
        guard told.contains(event.kind) else { return nil }
        return "\(torrent.map { $0.name.printable + ": " } ?? "")\(event.detail.printable)"
    }

    /// The line for a torrent after the engine has stopped, because only then is it known whether a complete torrent's
    /// files can be reached.
    static func ended(_ torrent: TorrentRow) -> String? {
        if torrent.isComplete {
            let place = "\(Format.bytes(torrent.wantedBytes)) in \(torrent.output.printable)"
            return torrent.isFaulty ? nil : "\(torrent.name.printable) is complete: \(place)"
        }
        let part = "\(Format.bytes(torrent.completedBytes)) of \(Format.bytes(torrent.wantedBytes))"
        let percent = Format.percent(torrent.completedBytes, of: torrent.wantedBytes)
        return
            "stopped \(torrent.name.printable) at \(percent): \(part) on disk; the same command resumes it"
    }

    /// Formats the traffic as `↓ 1.2 MiB/s  ↑ 0 B/s  5 peers (2 seeders)`.
    static func traffic(_ torrent: TorrentSnapshot) -> String {
        let peers = [Format.count(torrent.peers, "peer"), seeders(torrent)].filter { !$0.isEmpty }.joined(
            separator: " ")
        return "\(down(torrent.downloadRate))  \(up(torrent.uploadRate))  \(peers)"
    }

    /// Formats the progress as `43.2 %  ↓ 1.2 MiB/s  ↑ 0 B/s  5 peers (2 seeders)  3 min 20 s left`. The least
    /// important parts are dropped on a narrow terminal.
    static func tail(_ torrent: TorrentSnapshot, width: Int) -> String {
        var parts = LineParts()
        parts.append(Format.percent(torrent.completedBytes, of: torrent.wantedBytes).padded(6, right: true), rank: 0)
        parts.append(down(torrent.downloadRate), rank: 2)
        parts.append(up(torrent.uploadRate), rank: torrent.uploadRate > 0 ? 3 : 6)
        parts.append(Format.count(torrent.peers, "peer"), rank: 4)
        parts.append(seeders(torrent), rank: 5, gap: " ")
        parts.append(torrent.timeLeft.map { "\(Format.time($0)) left" } ?? "", rank: 1)
        return parts.text(width: width)
    }

    /// Formats totals as `90 torrents: 12 complete, 50 downloading, 28 queued  ↓ 3.2 MiB/s  4 min 20 s left`.
    static func totals(_ torrents: [TorrentSnapshot], of all: TorrentTally, width: Int) -> String {
        let rate = torrents.reduce(0) { $0 + $1.downloadRate }
        let others: [TorrentState] = [.downloading, .checking, .queued, .paused, .offline, .error]
        let counts =
            (all.complete > 0 ? ["\(Format.count(all.complete)) complete"] : [])
            + others.compactMap { state in all.counts[state].map { "\(Format.count($0)) \(state.rawValue)" } }
        let missing = all.wantedBytes - all.completedBytes
        var parts = LineParts()
        parts.append("\(Format.count(all.total, "torrent")): \(counts.joined(separator: ", "))", rank: 0)
        parts.append(Format.percent(all.completedBytes, of: all.wantedBytes), rank: 4)
        parts.append(down(rate), rank: 2)
        parts.append(
            rate > 0 && missing > 0 ? "\(Format.time(.seconds(Double(missing) / Double(rate)))) left" : "", rank: 1)
        return parts.text(width: width)
    }

    static func down(_ rate: Int) -> String {
        "\(Terminal.shared.speaksUnicode ? "↓" : "down") \(Format.rate(Int64(rate)))"
    }
    static func up(_ rate: Int) -> String {
        "\(Terminal.shared.speaksUnicode ? "↑" : "up") \(Format.rate(Int64(rate)))"
    }

    private static func seeders(_ torrent: TorrentSnapshot) -> String {
        torrent.seeders > 0 ? "(\(Format.count(torrent.seeders, "seeder")))" : ""
    }
}
