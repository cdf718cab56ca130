/// The kind of an event. It is open, so that kinds of a newer program can be read.
package struct EventKind: RawRepresentable, Hashable, Sendable, SQLValue, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }

    package static let added = EventKind(rawValue: "added")
    /// The metadata of a magnet link has arrived, or can't be used.
    package static let metadata = EventKind(rawValue: "metadata")
    package static let removed = EventKind(rawValue: "removed")
    package static let completed = EventKind(rawValue: "completed")
    package static let paused = EventKind(rawValue: "paused")
    package static let resumed = EventKind(rawValue: "resumed")
    package static let offline = EventKind(rawValue: "offline")
    package static let online = EventKind(rawValue: "online")
    package static let banned = EventKind(rawValue: "banned")
    package static let failed = EventKind(rawValue: "failed")
    /// The disk of a torrent's output folder is full.
    package static let diskFull = EventKind(rawValue: "disk-full")
    /// What a torrent lacks doesn't fit on its volume, so that it waits.
    package static let noSpace = EventKind(rawValue: "no-space")
    package static let verified = EventKind(rawValue: "verified")
    /// The content changed, but the fingerprint did not.
    package static let rot = EventKind(rawValue: "rot")
    /// The disk can't read the content.
    package static let unreadable = EventKind(rawValue: "unreadable")
    /// A file is gone, although its folder and its disk are there.
    package static let missing = EventKind(rawValue: "missing")
    /// No connected peer and no web seed has a damaged piece.
    package static let unavailable = EventKind(rawValue: "unavailable")
    /// The fingerprint changed: another program wrote to the file.
    package static let edited = EventKind(rawValue: "edited")
    /// A piece was bad once and good when it was read again.
    package static let transient = EventKind(rawValue: "transient")
    /// A damaged piece was fetched, written, and read back.
    package static let repaired = EventKind(rawValue: "repaired")
    /// The user asked for the repair of damaged pieces.
    package static let repairAsked = EventKind(rawValue: "repair-asked")
    /// Repairs on a volume were stopped or allowed again, or a damaged piece is kept for the user to decide.
    package static let held = EventKind(rawValue: "held")
    /// A file got another time or inode, and its bytes are the same.
    package static let touched = EventKind(rawValue: "touched")
    /// A web seed can't deliver a file, or isn't used any more.
    package static let webSeed = EventKind(rawValue: "web-seed")
    /// An engine started.
    package static let started = EventKind(rawValue: "started")
    /// An engine stopped, as it was asked to.
    package static let stopped = EventKind(rawValue: "stopped")
    /// An engine ended without stopping. The event has the time of its last heartbeat.
    package static let killed = EventKind(rawValue: "killed")
    /// The damaged database was recovered, or a backup was restored.
    package static let recovered = EventKind(rawValue: "mended")
    /// The torrent was imported from another client.
    package static let imported = EventKind(rawValue: "imported")
    /// Payload of an imported torrent is wrong, although the other client counted it as complete.
    package static let inheritedDamage = EventKind(rawValue: "inherited-damage")
    /// The payload was moved to another folder.
    package static let moved = EventKind(rawValue: "moved")
    /// Files of the torrent got other names.
    package static let renamed = EventKind(rawValue: "renamed")
    /// A complete torrent left the folder for incomplete ones.
    package static let placed = EventKind(rawValue: "placed")
    /// The torrent's data was deleted, except for files that aren't its own.
    package static let kept = EventKind(rawValue: "kept")
    /// Payload that was recorded as present, or that another client claimed, turned out to be wrong.
    package static let losses = [rot, unreadable, missing, edited, inheritedDamage]
    /// A row of the torrent held an invalid value.
    package static let damaged = EventKind(rawValue: "damaged")
}
