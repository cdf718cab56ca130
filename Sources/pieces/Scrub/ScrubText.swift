import Library
import Store
import Torrent

/// The text of `pieces scrub`.
enum ScrubText {
    /// The most lines in the list of damaged pieces.
    private static let listed = 20

    static func text(_ status: Library.ScrubStatus, _ now: Timestamp) -> String {
        var lines = [policy(status)]
        if status.control.isPaused { lines.append("paused: `pieces scrub resume` resumes reading") }
        if let since = status.control.since {
            let away = status.volumes.compactMap(\.volume).filter { $0.offlineSince != nil }.map(\.title.printable)
            let rest =
                away.isEmpty ? "" : "; what is on \(away.joined(separator: ", ")), as soon as it is back"
            lines.append("everything verified before \(Format.moment(since)) is being read back\(rest)")
        }
        if !status.isEngineRunning, !status.volumes.isEmpty {
            lines.append("no engine is running: `pieces run` continues reading")
        }
        guard !status.volumes.isEmpty else {
            lines.append("nothing has been verified yet")
            return lines.joined(separator: "\n") + "\n"
        }
        return lines.joined(separator: "\n") + "\n\n" + table(status, now) + held(status) + damage(status, now)
    }

    private static func policy(_ status: Library.ScrubStatus) -> String {
        var text =
            status.control.period.map { "policy: every verified byte is read back within \(Format.time($0))" }
            ?? "policy: nothing is read back, unless a torrent or a label has a period"
        for label in status.labels {
            let period = label.period.map { "within \(Format.time($0))" } ?? "never"
            text += "; label \(label.label.printable): \(period)"
        }
        if status.ownPolicies > 0 {
            text += "; \(Format.count(status.ownPolicies, "torrent")) with a period of its own"
        }
        if let rate = status.control.rate { text += "; at most \(Format.rate(rate)) on each disk" }
        if !status.control.computesDigests { text += "; no SHA-256 is computed on the way" }
        return text
    }

    private static func table(_ status: Library.ScrubStatus, _ now: Timestamp) -> String {
        var table = Table(
            [
                .left("VOLUME"), .right("TORRENTS"), .right("SIZE"), .right("COVERED"), .right("OLDEST"),
                .right("LATE"), .left("NOW"), .right("RATE"), .right("DUE"), .left("ENDS"), .right("FOUND"),
                .right("REPAIRED"), .right("WAITING"),
            ], flexible: 0)
        for volume in status.volumes {
            let damage = volume.damage
            table.add([
                (volume.volume?.mountPath ?? "unknown").printable, Format.count(volume.torrents),
                Format.bytes(volume.bytes),
                volume.coverage.map { _ in Format.percent(volume.coveredBytes, of: volume.policyBytes) } ?? "off",
                volume.oldest.map { Format.time(max(.zero, now - $0)) } ?? "",
                volume.lag > .zero ? Format.time(volume.lag) : "",
                activity(of: volume),
                volume.rate.map { $0 > 0 ? Format.rate($0) : "" } ?? "",
                volume.dueBytes > 0 ? Format.bytes(volume.dueBytes) : "",
                volume.endsAt.map { Format.moment($0) } ?? "", damage.map { Format.count($0.found) } ?? "0",
                damage.map { Format.count($0.repaired) } ?? "0", damage.map { Format.count($0.standing) } ?? "0",
            ])
        }
        return table.text(width: Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil)
    }

    private static func activity(of volume: Library.ScrubbedVolume) -> String {
        if volume.stored?.heldAt != nil { return "repairs stopped" }
        return volume.volume?.offlineSince == nil ? volume.activity?.rawValue ?? "" : "away"
    }

    private static func held(_ status: Library.ScrubStatus) -> String {
        status.held.map { volume in
            let place = (volume.volume?.title ?? "a volume").printable
            let reason = volume.stored?.heldReason?.printable ?? ""
            return
                "\n\(place): repairs are stopped: \(reason). Check the disk, its cables and the memory; then `pieces scrub --continue \(volume.volume.map { "\($0.id.rawValue)" } ?? "")` allows repairs again\n"
        }.joined()
    }

    private static func damage(_ status: Library.ScrubStatus, _ now: Timestamp) -> String {
        guard status.isDamaged else { return "" }
        var runs: [(first: DamageRow, last: DamageRow, words: String)] = []
        var count = 0
        for row in status.damage {
            let words = words(row, isReadOnly: status.readOnly.contains(row.torrent))
            if let run = runs.last, follows(row, run.last), words == run.words {
                runs[runs.count - 1].last = row
            } else if runs.count < listed {
                runs.append((row, row, words))
            } else {
                break
            }
            count += 1
        }
        let lines = runs.map { first, last, words in
            let pieces = first.id == last.id ? "piece \(first.piece)" : "pieces \(first.piece) to \(last.piece)"
            return "  \(first.torrent)  \(first.path.printable), \(pieces), at offset \(first.fileOffset): \(words)\n"
        }
        let rest = status.damageCount - count
        let what = "`pieces explain TORRENT` says what happens to them"
        let more = rest > 0 ? "  and \(Format.count(rest, "more piece")): \(what)\n" : ""
        return "\ndamaged:\n" + lines.joined() + more
    }

    /// Whether the piece is the next one of the same file.
    private static func follows(_ row: DamageRow, _ other: DamageRow) -> Bool {
        row.torrent == other.torrent && row.piece.value == other.piece.value + 1
            && PathText.isSame(row.path, other.path)
    }

    /// What is wrong with the piece, and what happens to it. Pieces of a read-only torrent aren't fetched.
    static func words(_ row: DamageRow, isReadOnly: Bool) -> String {
        let what =
            switch row.kind {
            case .rot: "changed on the disk"
            case .unreadable: "can't be read"
            case .edit: "changed by another program"
            case .missing: "missing"
            }
        switch row.state {
        case .waiting where isReadOnly, .unavailable where isReadOnly:
            return "\(what); the torrent is read-only: `pieces limit \(row.torrent) --read-only off` allows the repair"
        case .waiting: return "\(what); waits to be fetched"
        case .unavailable: return "\(what); no peer or web seed has it"
        case .held where row.kind == .edit:
            return "\(what); kept: `pieces repair \(row.torrent) --overwrite-edits` replaces it"
        case .held where row.tries > 0:
            return "\(what); the disk doesn't keep repairs: `pieces repair \(row.torrent)` tries again"
        case .held: return "\(what); repairs are stopped on its volume"
        case .written: return "\(what); repaired, and not read back yet"
        case .repaired: return "\(what); repaired"
        }
    }
}

/// The JSON of `pieces scrub --json`.
enum ScrubJSON {
    static func object(_ status: Library.ScrubStatus) -> [UInt8] {
        JSONWriter.line { json in
            append(status.control, status.labels, status.isEngineRunning, &json)
            json.array("volumes", status.volumes) { json, volume in
                json.object { json in
                    json.field("id", volume.volume?.id.rawValue)
                    json.field("mount_path", volume.volume?.mountPath)
                    json.field("torrents", volume.torrents)
                    json.field("bytes", volume.bytes)
                    json.field("policy_bytes", volume.policyBytes)
                    json.field("covered_bytes", volume.coveredBytes)
                    json.field("oldest", volume.oldest?.rawValue)
                    json.field("lag_seconds", volume.lag.components.seconds)
                    json.field("activity", volume.activity?.rawValue)
                    json.field("rate", volume.rate)
                    json.field("rate_limit", volume.rateLimit)
                    json.field("due_bytes", volume.dueBytes)
                    json.field("ends_at", volume.endsAt?.rawValue)
                    json.field("read_bytes", volume.stored?.readBytes ?? 0)
                    json.field("transients", volume.stored?.transients ?? 0)
                    json.field("held_at", volume.stored?.heldAt?.rawValue)
                    json.field("held_reason", volume.stored?.heldReason)
                    json.field("damage_found", volume.damage?.found ?? 0)
                    json.field("damage_repaired", volume.damage?.repaired ?? 0)
                    json.field("damage_waiting", volume.damage?.waiting ?? 0)
                    json.field("damage_unavailable", volume.damage?.unavailable ?? 0)
                    json.field("damage_held", volume.damage?.held ?? 0)
                }
            }
            json.field("damage_count", status.damageCount)
            json.array("damage", status.damage) { json, row in append(row, &json) }
        }
    }

    /// The first fields alone: what the user wants.
    static func control(_ options: Library.ScrubOptions) -> [UInt8] {
        JSONWriter.line { json in append(options.control, options.labels, options.isEngineRunning, &json) }
    }

    private static func append(
        _ control: ScrubControl, _ labels: [ScrubLabel], _ isEngineRunning: Bool, _ json: inout JSONWriter
    ) {
        json.field("engine_running", isEngineRunning)
        json.field("period", control.period?.components.seconds)
        json.field("rate_limit", control.rate)
        json.field("paused", control.isPaused)
        json.field("since", control.since?.rawValue)
        json.field("sha256", control.computesDigests)
        json.array("labels", labels) { json, label in
            json.object { json in
                json.field("label", label.label)
                json.field("period", label.period?.components.seconds)
            }
        }
    }

    static func append(_ row: DamageRow, _ json: inout JSONWriter) {
        json.object { json in
            json.field("id", row.torrent.rawValue)
            json.field("piece", row.piece.value)
            json.field("kind", row.kind.rawValue)
            json.field("state", row.state.rawValue)
            json.path("path", "path_bytes", row.path)
            json.field("file_offset", row.fileOffset)
            json.field("bytes", row.bytes)
            json.field("bad_bytes", row.badBytes)
            json.field("bad_bits", row.badBits)
            json.field("found_at", row.foundAt.rawValue)
            json.field("tries", row.tries)
            json.field("source", row.source)
        }
    }
}
