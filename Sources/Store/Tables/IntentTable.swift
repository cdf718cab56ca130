package import Torrent

/// The table `intent`: requests of commands to a running engine.
package struct IntentTable {
    let db: Connection

    /// Sends a request to the engine, which notices it through ``Connection/dataVersion()`` or when it starts.
    package func append(_ verb: IntentVerb, torrent: TorrentID? = nil, argument: String? = nil, now: Timestamp)
        throws(StoreError)
    {
        try db.transaction { () throws(StoreError) in
            try db.execute(
                "INSERT INTO intent (at, torrent_id, verb, argument) VALUES (?, ?, ?, ?)", now, torrent, verb, argument)
        }
    }

    /// Takes all intents, oldest first, and deletes them. Writes nothing when there are none.
    package func take() throws(StoreError) -> [IntentRow] {
        guard try db.value("SELECT EXISTS (SELECT 1 FROM intent)") ?? false else { return [] }
        return try db.transaction { () throws(StoreError) in
            let taken: [IntentRow] = try db.fetchValid("FROM intent ORDER BY id")
            try db.execute("DELETE FROM intent")
            return taken
        }
    }
}
