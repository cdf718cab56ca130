import Store
import Torrent

/// Explains damage that isn't repaired, and what happens to it.
extension Explanation {
    static func damage(_ facts: Facts) -> [Cause] {
        guard let first = facts.damage.first else { return [] }
        let torrent = facts.torrent
        var causes: [Cause] = []
        func add(_ rows: [DamageRow], _ what: String, _ advice: String?) {
            guard let one = rows.first else { return }
            causes.append(
                Cause(
                    kind: .damaged,
                    sentence: "\(Format.count(rows.count, "piece")) \(what), the first in \(one.path.printable)",
                    advice: advice))
        }
        let edits = facts.damage.filter { $0.kind == .edit && $0.state == .held }
        let lost = facts.damage.filter { $0.kind != .edit && $0.state == .held && $0.tries > 0 }
        let held = facts.damage.filter { $0.kind != .edit && $0.state == .held && $0.tries == 0 }
        add(
            edits, "changed by another program and kept as \(edits.count == 1 ? "it is" : "they are")",
            "`pieces repair \(torrent.id) --overwrite-edits` replaces what was changed")
        add(
            lost, "still bad after a repair, because the disk doesn't keep what is written there",
            "replace the disk; `pieces repair \(torrent.id)` tries again")
        add(
            held, "damaged, and repairs on the volume are stopped because of many bad pieces",
            "check the disk, its cables and the memory; then `pieces scrub --continue` allows repairs again")
        add(
            facts.damage.filter { $0.state == .unavailable },
            "damaged and on no connected peer or web seed",
            "pieces looks for sources again at each announce; `pieces webseeds \(torrent.id) --add URL` adds one, and so "
                + "does `pieces run --peer HOST:PORT`")
        let waiting = facts.damage.filter { $0.state == .waiting || $0.state == .written }
        let when =
            torrent.settings.isPaused
            ? "resume it with `pieces resume \(torrent.id)`: a paused torrent isn't repaired"
            : facts.engine.isRunning ? nil : "start `pieces run`, which repairs it"
        if torrent.settings.isReadOnly {
            add(
                waiting,
                "damaged since \(Format.moment(first.foundAt)) and not repaired, because the torrent is read-only",
                "`pieces limit \(torrent.id) --read-only off` allows the repair")
        } else {
            add(waiting, "damaged since \(Format.moment(first.foundAt)) and being repaired", when)
        }
        return causes
    }
}
