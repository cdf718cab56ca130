import Store
import Torrent

extension ScrubRecord {
    /// The events of rotten and unreadable pieces. Missing files and files that another program changed have events of
    /// their own, once per file.
    package var damageEvents: [Event] { DamageEvents(damage).events }
}

/// The events that tell of damage: neighbouring pieces of a file that are damaged in the same way are one event.
private struct DamageEvents {
    private(set) var events: [ScrubRecord.Event] = []
    private var run: [NewDamage] = []

    init(_ damage: [NewDamage]) {
        let pieces = damage.filter { $0.kind == .rot || $0.kind == .unreadable }.sorted { $0.piece < $1.piece }
        for piece in pieces {
            if let last = run.last, !last.isFollowed(by: piece) { end() }
            run.append(piece)
        }
        end()
    }

    private mutating func end() {
        defer { run = [] }
        guard let first = run.first, let last = run.last else { return }
        let pieces = run.count == 1 ? "piece \(first.piece)" : "pieces \(first.piece) to \(last.piece)"
        let rest = first.isHeld ? ScrubRecord.heldRest : ""
        guard first.kind == .unreadable else {
            let text = "\(first.path): \(pieces), at offset \(first.fileOffset), changed on the disk\(rest)"
            return events.append(ScrubRecord.Event(.rot, text))
        }
        let badBytes = run.reduce(0) { $0 + ($1.badBytes ?? 0) }
        let bytes = badBytes > 0 ? Format.count(Int(badBytes), "byte") : "bytes"
        events.append(
            ScrubRecord.Event(
                .unreadable, "\(first.path): \(pieces): \(bytes) at offset \(first.fileOffset) can't be read\(rest)"))
    }
}

extension NewDamage {
    fileprivate func isFollowed(by next: NewDamage) -> Bool {
        next.piece.value == piece.value + 1 && next.kind == kind && next.isHeld == isHeld && next.path == path
    }
}
