/// What a command wants of a running engine.
package struct IntentRow: Sendable, Hashable {
    package let id: Int64
    package let at: Timestamp
    /// `nil` when the engine itself is meant.
    package let torrent: TorrentID?
    package let verb: IntentVerb
    package let argument: String?

    fileprivate init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        at = try row.next()
        torrent = try row.next()
        verb = try row.next()
        argument = try row.next()
    }
}

/// The word of an intent; open, so that one that this program does not know is data, not a fault.
package struct IntentVerb: RawRepresentable, Hashable, Sendable, SQLValue, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }

    /// A torrent was added.
    package static let added = IntentVerb(rawValue: "added")
    /// The settings of the torrent were changed in its row: read them again.
    package static let changed = IntentVerb(rawValue: "changed")
    /// Forget the torrent.
    package static let remove = IntentVerb(rawValue: "remove")
    /// Forget the torrent and delete its payload.
    package static let removeData = IntentVerb(rawValue: "remove-data")
    /// Read all of the payload back and hash it.
    package static let verify = IntentVerb(rawValue: "verify")
    /// Another process read the payload back and has written down what it found: read the torrent's state again.
    package static let damaged = IntentVerb(rawValue: "damaged")
    package static let announce = IntentVerb(rawValue: "announce")
    /// Trackers were added to the torrent's rows: announce to them, too.
    package static let trackers = IntentVerb(rawValue: "trackers")
    /// Dial the peer that the argument names.
    package static let connect = IntentVerb(rawValue: "connect")
    /// Stop the engine.
    package static let stop = IntentVerb(rawValue: "stop")
}

extension Connection {
    /// Tells the engine something; it hears of it through ``dataVersion()``, or when it starts.
    package func appendIntent(_ verb: IntentVerb, torrent: TorrentID? = nil, argument: String? = nil, now: Timestamp)
        throws(StoreError)
    {
        try transaction { () throws(StoreError) in
            try execute(
                "INSERT INTO intent (at, torrent_id, verb, argument) VALUES (?, ?, ?, ?)", now, torrent, verb, argument)
        }
    }

    /// Takes all intents, oldest first; each is taken once. When there are none, nothing is written.
    package func takeIntents() throws(StoreError) -> [IntentRow] {
        let isAny =
            try first("SELECT EXISTS (SELECT 1 FROM intent)") { (row) throws(StoreError) in try row.next(Bool.self) }
            ?? false
        guard isAny else { return [] }
        return try transaction { () throws(StoreError) in
            let taken = try rows("SELECT id, at, torrent_id, verb, argument FROM intent ORDER BY id") {
                (row) throws(StoreError) in
                try row.sound(IntentRow.init)
            }.compactMap(\.self)
            try execute("DELETE FROM intent")
            return taken
        }
    }
}
