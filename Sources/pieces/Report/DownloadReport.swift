import Engine
import Library
import Store
import Torrent

/// Who is told how a download goes, in words of their own.
protocol DownloadReport: Sendable {
    /// How often it wants to hear of progress.
    var interval: Duration { get }
    /// The engine listens. `torrents` are those that were named; none when it works on all.
    func began(_ torrents: [TorrentRow], at socket: ListeningSocket)
    /// How the awake torrents do, and the sums over those that were named, or over all; sums over all have no bytes.
    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally)
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
    func progressed(_ torrents: [TorrentSnapshot], of all: TorrentTally) {}
    func happened(_ event: EventRow, to torrent: TorrentRow?) {}
    func ended(_ torrents: [TorrentRow]) {}
}

/// What both kinds of plain words have in common.
enum DownloadWords {
    /// Kinds of events that are worth a line; `completed` is told by the end of the download, too.
    private static let told: Set<EventKind> = [
        .verified, .completed, .offline, .online, .failed, .banned, .rot, .edited, .resumed,
    ]

    /// Torrents up to which each has lines of its own; of more than that the sums are told.
    static let namedAtMost = 10

    /// A line for each torrent, or one for many of them.
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

    /// What isn't complete when the engine has stopped; a line for each torrent, or one for many of them.
    static func ended(_ torrents: [TorrentRow]) -> [String] {
        let rest = torrents.filter { !$0.isComplete }
        guard rest.count > namedAtMost else { return rest.compactMap { ended($0) } }
        return ["stopped \(sum(torrents)) on disk; the same command resumes them"]
    }

    /// `90 torrents (12 complete) at 13.4 %: 1.2 GiB of 9.0 GiB`
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
        return
            "stopped \(torrent.name.printable) at \(percent): \(part) on disk; the same command resumes it"
    }

    /// `↓ 1.2 MiB/s  ↑ 0 B/s  5 peers (2 seeders)`
    static func traffic(_ torrent: TorrentSnapshot) -> String {
        let peers = [Format.count(torrent.peers, "peer"), seeders(torrent)].filter { !$0.isEmpty }.joined(
            separator: " ")
        return "\(down(torrent.downloadRate))  \(up(torrent.uploadRate))  \(peers)"
    }

    /// `43.2 %  ↓ 1.2 MiB/s  ↑ 0 B/s  5 peers (2 seeders)  3 min 20 s left`; what matters least goes where the terminal
    /// is narrow.
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

    /// `90 torrents: 12 complete, 50 downloading, 28 queued  ↓ 3.2 MiB/s  4 min 20 s left`
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
