/// The verb of an intent. It is open, so that a verb unknown to this program is data and not an error.
package struct IntentVerb: RawRepresentable, Hashable, Sendable, SQLValue, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }

    /// A torrent was added.
    package static let added = IntentVerb(rawValue: "added")
    /// The torrent's settings were changed in its row: read them again.
    package static let changed = IntentVerb(rawValue: "changed")
    /// Forget the torrent.
    package static let remove = IntentVerb(rawValue: "remove")
    /// Forget the torrent and delete its payload.
    package static let removeData = IntentVerb(rawValue: "remove-data")
    /// Read the whole payload back and hash it.
    package static let verify = IntentVerb(rawValue: "verify")
    /// Another process verified the payload and recorded its findings: read the torrent's state again.
    package static let damaged = IntentVerb(rawValue: "damaged")
    package static let announce = IntentVerb(rawValue: "announce")
    /// Trackers were added to the torrent's rows: announce to them as well.
    package static let trackers = IntentVerb(rawValue: "trackers")
    /// Web seeds were added to the torrent's rows, or removed: read them again.
    package static let webSeeds = IntentVerb(rawValue: "web-seeds")
    /// Dial the peer that the argument names.
    package static let connect = IntentVerb(rawValue: "connect")
    /// Close the torrent's files, and leave the torrent alone until its move is over.
    package static let release = IntentVerb(rawValue: "release")
    /// The order of the queue was changed: read it again.
    package static let order = IntentVerb(rawValue: "order")
    /// The settings in the database changed: read them again.
    package static let settings = IntentVerb(rawValue: "settings")
    /// What the user wants of scrubs was changed: read it again.
    package static let scrub = IntentVerb(rawValue: "scrub")
    /// Repair the damaged pieces of the torrent that are held, or look for sources again.
    package static let repair = IntentVerb(rawValue: "repair")
    /// Stop the engine.
    package static let stop = IntentVerb(rawValue: "stop")
}
