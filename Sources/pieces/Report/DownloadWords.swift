import Library
import Store
import Torrent

/// The text that the reports share.
package struct DownloadWords {
    /// The kinds of events that get a line.
    private static let told: Set<EventKind> = [
        .verified, .completed, .placed, .offline, .online, .failed, .banned, .rot, .unreadable, .missing,
        .unavailable, .edited, .resumed, .metadata,
    ]

    /// The maximum number of torrents with individual lines; for more torrents, only sums are shown.
    static let namedAtMost = 10

    private let display: Display

    package init(_ display: Display) { self.display = display }

    // MARK: Before and after

    /// One line for each torrent, or one line for many torrents.
    static func began(_ torrents: [TorrentRow]) -> [String] {
        guard torrents.count > namedAtMost else { return torrents.map { began($0) } }
        let wanted = torrents.reduce(0) { $0 + $1.wantedBytes }
        guard torrents.contains(where: { $0.completedBytes > 0 || $0.isRootSeen }) else {
            return
                ["starting \(Format.count(torrents.count, "torrent")): \(Format.bytes(wanted)) into \(place(torrents))"]
        }
        return ["resuming \(sum(torrents)) in \(place(torrents))"]
    }

    /// The final state of the torrents: one line for each, or one line for many. `pace` has told of those that this run
    /// completed.
    static func ended(_ torrents: [TorrentRow], _ pace: DownloadPace) -> [String] {
        guard torrents.count > namedAtMost else { return torrents.compactMap { ended($0, pace) } }
        guard torrents.contains(where: { !$0.isComplete }) else {
            let faulty = torrents.count { $0.isFaulty }
            let wanted = torrents.reduce(0) { $0 + $1.wantedBytes }
            let sum = "\(Format.count(torrents.count, "torrent")) complete: \(pace.sentence(of: wanted))"
            return faulty > 0 ? [] : ["\(sum), in \(place(torrents))"]
        }
        return ["stopped \(sum(torrents)); the same command resumes them"]
    }

    /// Formats a sum such as `90 torrents (12 complete) at 13.4 %: 1.2 GiB of 9.0 GiB`.
    private static func sum(_ torrents: [TorrentRow]) -> String {
        let done = torrents.reduce(0) { $0 + $1.completedBytes }
        let wanted = torrents.reduce(0) { $0 + $1.wantedBytes }
        let complete = torrents.count { $0.isComplete }
        let some = complete > 0 ? " (\(Format.count(complete)) complete)" : ""
        return
            "\(Format.count(torrents.count, "torrent"))\(some) at \(Format.percent(done, of: wanted)): \(Format.part(done, of: wanted))"
    }

    private static func began(_ torrent: TorrentRow) -> String {
        let name = torrent.name.printable
        guard torrent.hasMetadata else {
            return "fetching the metadata of \(name), then its files into \(place(torrent.output))"
        }
        guard torrent.completedBytes > 0 || torrent.isRootSeen else {
            return "starting \(name): \(Format.bytes(torrent.wantedBytes)) into \(place(torrent.output))"
        }
        let percent = Format.percent(torrent.completedBytes, of: torrent.wantedBytes)
        let part = Format.part(torrent.completedBytes, of: torrent.wantedBytes)
        return "resuming \(name) at \(percent): \(part), in \(place(torrent.output))"
    }

    /// The line for a torrent after the engine has stopped, because only then is it known whether a complete torrent's
    /// files can be reached.
    private static func ended(_ torrent: TorrentRow, _ pace: DownloadPace) -> String? {
        let name = torrent.name.printable
        // The same command wouldn't help; the error says what does.
        guard torrent.state != .error || torrent.hasMetadata && !torrent.settings.isPaused else { return nil }
        guard torrent.hasMetadata else {
            return "stopped before the metadata of \(name) has arrived; the same command resumes it"
        }
        guard torrent.isComplete else {
            let percent = Format.percent(torrent.completedBytes, of: torrent.wantedBytes)
            let part = Format.part(torrent.completedBytes, of: torrent.wantedBytes)
            let advice =
                pace.hasKeptDamage(torrent.id) || torrent.state == .complete
                ? "`pieces explain \(torrent.id)` says what is left to do" : "the same command resumes it"
            return "stopped \(name) at \(percent): \(part); \(advice)"
        }
        guard !torrent.isFaulty, !pace.hasTold(torrent.id) else { return nil }
        return "\(name) is complete: \(Format.bytes(torrent.wantedBytes)) in \(place(torrent.output))"
    }

    /// The line for an event; `nil` for events that users don't need to read.
    static func happened(_ event: EventRow, to torrent: TorrentRow?, _ pace: DownloadPace) -> String? {
        guard told.contains(event.kind) else { return nil }
        let name = torrent.map { $0.name.printable + ": " } ?? ""
        if event.kind == .completed, let torrent, !torrent.isComplete { pace.keepsDamage(torrent.id) }
        if event.kind == .placed { return "\(name)moved to \(place(event.detail))" }
        guard event.kind == .completed, let torrent, torrent.isComplete else { return name + event.detail.printable }
        return "\(name)complete: \(pace.sentence(of: torrent)), in \(place(torrent.output))"
    }

    /// A folder as people write it: `~/dl` in their home.
    static func place(_ path: String) -> String {
        guard let home = GlobalOptions.environment("HOME"), home.count > 1, !home.hasSuffix("/"),
            path == home || path.hasPrefix(home + "/")
        else { return path.printable }
        return "~" + path.dropFirst(home.count).description.printable
    }

    private static func place(_ torrents: [TorrentRow]) -> String {
        let places = Set(torrents.map(\.output))
        return places.count == 1 ? place(torrents[0].output) : Format.count(places.count, "folder")
    }

    // MARK: Meanwhile

    /// What a torrent is doing.
    func state(_ torrent: TorrentProgress) -> String {
        switch torrent.state {
        case .checking:
            display.text("checking, \(Format.count(torrent.unverified, "piece")) left", torrent.state.colour)
        case .metadata: "fetching metadata: \(torrent.metadata?.sentence ?? "no peer offers it yet")"
        case .downloading: Format.part(torrent.completedBytes, of: torrent.wantedBytes)
        case .error, .offline, .noSpace:
            display.text(
                "\(torrent.state.word): \(torrent.error?.printable ?? "unknown reason")", torrent.state.colour)
        default:
            "\(display.text(torrent.state.rawValue, torrent.state.colour)), \(Format.bytes(torrent.wantedBytes))"
        }
    }

    /// Formats the numbers as `43.2 %  ↓ 1.2 MiB/s  3 min 20 s left  5 peers  2 seeders  ↑ 0 B/s`. On a narrow
    /// terminal, uploads are dropped first, then peers, then seeders, the rate, and the time left.
    func numbers(_ torrent: TorrentProgress, width: Int) -> String {
        var parts = essentialParts(torrent)
        parts.append(Format.count(torrent.peers, "peer"), rank: 4)
        parts.append(webSeeds(torrent), rank: 4)
        parts.append(seeders(torrent), rank: 3)
        if torrent.state != .seeding { parts.append(up(torrent.uploadRate), rank: 5) }
        return parts.text(width: width)
    }

    /// The numbers that are dropped last: percent, rate and time left.
    func essentials(_ torrent: TorrentProgress) -> String { essentialParts(torrent).text(width: .max) }

    private func essentialParts(_ torrent: TorrentProgress) -> LineParts {
        var parts = LineParts()
        parts.append(Format.percent(torrent.completedBytes, of: torrent.wantedBytes).padded(6, right: true), rank: 0)
        parts.append(rate(torrent), rank: 2)
        parts.append(torrent.timeLeft.map { "\(Format.time($0)) left" } ?? "", rank: 1)
        return parts
    }

    /// Formats the traffic as `↓ 1.2 MiB/s  ↑ 0 B/s  5 peers  2 seeders`.
    func traffic(_ torrent: TorrentProgress) -> String {
        [
            down(torrent.downloadRate), up(torrent.uploadRate), Format.count(torrent.peers, "peer"),
            webSeeds(torrent), seeders(torrent),
        ].filter { !$0.isEmpty }.joined(separator: "  ")
    }

    private func webSeeds(_ torrent: TorrentProgress) -> String {
        torrent.webSeeds > 0 ? Format.count(torrent.webSeeds, "web seed") : ""
    }

    /// Formats totals as `90 torrents: 12 complete, 50 downloading, 28 queued  13.4 %  ↓ 3.2 MiB/s  4 min 20 s left`.
    /// The numbers at the end are dropped last.
    func totals(_ torrents: [TorrentProgress], of all: TorrentTally, width: Int) -> String {
        guard all.total > 0 else { return "no torrents" }
        let down = torrents.reduce(0) { $0 + $1.downloadRate }
        let missing = all.wantedBytes - all.completedBytes
        var parts = LineParts()
        parts.append(Format.count(all.total, "torrent"), rank: 0)
        // The problems and the work under way are dropped after what rests.
        let ranks: [(TorrentState, rank: Int)] = [
            (.error, 4), (.offline, 4), (.noSpace, 4), (.complete, 7), (.seeding, 6), (.downloading, 5), (.metadata, 5),
            (.checking, 5), (.queued, 6),
            (.paused, 7),
        ]
        var gap = ": "
        for (state, rank) in ranks {
            guard let count = all.counts[state], count > 0 else { continue }
            let colour = state == .error || state == .offline ? state.colour : nil
            parts.append(display.text("\(Format.count(count)) \(state.word)", colour), rank: rank, gap: gap)
            gap = ", "
        }
        if all.wantedBytes > 0 {
            parts.append(Format.percent(all.completedBytes, of: all.wantedBytes), rank: 1)
        }
        parts.append(self.down(down), rank: 3)
        let left = down > 0 && missing > 0 ? Duration.seconds(Double(missing) / Double(down)) : nil
        parts.append(left.map { "\(Format.time($0)) left" } ?? "", rank: 2)
        parts.append(Format.count(torrents.reduce(0) { $0 + $1.peers }, "peer"), rank: 8)
        parts.append(up(torrents.reduce(0) { $0 + $1.uploadRate }), rank: 9)
        return parts.text(width: width)
    }

    /// The rate that matters: of uploads while the torrent seeds, otherwise of downloads.
    func rate(_ torrent: TorrentProgress) -> String {
        torrent.state == .seeding ? up(torrent.uploadRate) : down(torrent.downloadRate)
    }

    func down(_ rate: Int) -> String { "\(display.speaksUnicode ? "↓" : "down") \(Format.rate(Int64(rate)))" }
    func up(_ rate: Int) -> String { "\(display.speaksUnicode ? "↑" : "up") \(Format.rate(Int64(rate)))" }

    func seeders(_ torrent: TorrentProgress) -> String {
        torrent.seeders > 0 ? Format.count(torrent.seeders, "seeder") : ""
    }
}
