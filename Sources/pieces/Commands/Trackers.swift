import ArgumentParser
import Library
import Store
import Torrent

/// `pieces trackers`
struct Trackers: ListCommand {
    static let configuration = CommandConfiguration(
        commandName: "trackers", abstract: "List a torrent's trackers with their next announce and last response.",
        discussion: """
            Examples:
              pieces trackers debian.iso
              pieces trackers 3 --json
            """)

    @OptionGroup var options: ListOptions

    func runDirectly() throws {
        let list = try Library(try global.openToLook()).trackers(of: argument.torrent)
        let (torrent, trackers) = (list.torrent, list.trackers)
        Terminal.shared.print(
            bytes: json ? object(torrent, trackers) : Array(text(trackers, list.isAnnouncing, .now()).utf8))
    }

    private func text(_ trackers: [TrackerRow], _ isAnnouncing: Bool, _ now: Timestamp) -> String {
        guard !trackers.isEmpty else { return "the torrent has no trackers\n" }
        var table = Table(
            [
                .right("TIER"), .left("URL"), .left("NEXT"), .right("SEEDERS"), .right("LEECHERS"),
                .left("LAST RESPONSE"),
            ],
            flexible: 5)
        for tracker in trackers {
            table.add([
                "\(tracker.tier + 1)", tracker.url.shownURL, next(tracker, now),
                tracker.seeders.map { Format.count($0) } ?? "",
                tracker.leechers.map { Format.count($0) } ?? "", words(tracker, isAnnouncing),
            ])
        }
        return table.text(width: Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil)
    }

    private func next(_ tracker: TrackerRow, _ now: Timestamp) -> String {
        guard let next = tracker.nextAnnounceAt else { return "not scheduled" }
        return next > now ? "in \(Format.time(next - now))" : "due"
    }

    private func words(_ tracker: TrackerRow, _ isAnnouncing: Bool) -> String {
        if let error = tracker.lastError {
            return "\(error.printable)\(tracker.failures > 1 ? " (\(tracker.failures) times)" : "")"
        }
        if let warning = tracker.warning { return "warning: \(warning.printable)" }
        if let success = tracker.lastSuccessAt { return "responded \(Format.moment(success))" }
        if tracker.lastAnnounceAt != nil { return "no response yet" }
        return isAnnouncing ? "no response yet to the first announce" : "not contacted yet"
    }

    private func object(_ torrent: TorrentRow, _ trackers: [TrackerRow]) -> [UInt8] {
        JSONWriter.line { json in
            json.field("id", torrent.id.rawValue)
            json.field("info_hash", torrent.infoHash)
            json.field("name", torrent.name)
            json.array("trackers", trackers) { json, tracker in
                json.object { json in
                    json.field("url", MaskedURL.text(tracker.url))
                    json.field("tier", tracker.tier)
                    json.field("next_announce_at", tracker.nextAnnounceAt?.rawValue)
                    json.field("interval", tracker.interval?.components.seconds)
                    json.field("min_interval", tracker.minInterval?.components.seconds)
                    json.field("failures", tracker.failures)
                    json.field("last_announce_at", tracker.lastAnnounceAt?.rawValue)
                    json.field("last_success_at", tracker.lastSuccessAt?.rawValue)
                    json.field("last_error", tracker.lastError)
                    json.field("warning", tracker.warning)
                    json.field("seeders", tracker.seeders)
                    json.field("leechers", tracker.leechers)
                    json.field("downloads", tracker.downloads)
                }
            }
        }
    }
}
