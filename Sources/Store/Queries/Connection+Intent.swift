/// A request of a command to a running engine.
package struct IntentRow: Sendable, Hashable {
    package let id: Int64
    package let at: Timestamp
    /// `nil` when the request is for the engine itself.
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
    /// Dial the peer that the argument names.
    package static let connect = IntentVerb(rawValue: "connect")
    /// Stop the engine.
    package static let stop = IntentVerb(rawValue: "stop")
}

extension Connection {
    /// Sends a request to the engine, which notices it through ``dataVersion()`` or when it starts.
    package func appendIntent(_ verb: IntentVerb, torrent: TorrentID? = nil, argument: String? = nil, now: Timestamp)
        throws(StoreError)
    {
        try transaction { () throws(StoreError) in
            try execute(
                "INSERT INTO intent (at, torrent_id, verb, argument) VALUES (?, ?, ?, ?)", now, torrent, verb, argument)
        }
    }

    /// Takes all intents, oldest first, and deletes them. Writes nothing when there are none.
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
