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

    /// Takes all intents, oldest first, and deletes them, except for removals: they stay until they are done, so that
    /// an engine that dies in the middle is followed by one that ends them. Writes nothing when there are none.
    package func take() throws(StoreError) -> [IntentRow] {
        guard try db.value("SELECT EXISTS (SELECT 1 FROM intent)") ?? false else { return [] }
        return try db.transaction { () throws(StoreError) in
            let taken: [IntentRow] = try db.fetchValid("FROM intent ORDER BY id")
            try db.execute("DELETE FROM intent WHERE verb NOT IN (?, ?)", IntentVerb.remove, IntentVerb.removeData)
            return taken
        }
    }

    /// Whether the torrent is to be removed, and isn't yet.
    package func awaitsRemoval(_ id: TorrentID) throws(StoreError) -> Bool {
        try db.value(
            "SELECT EXISTS (SELECT 1 FROM intent WHERE torrent_id = ? AND verb IN (?, ?))", id, IntentVerb.remove,
            IntentVerb.removeData) ?? false
    }

    /// Forgets the requests to remove the torrent: it is removed, or can't be, or is wanted again.
    package func endRemoval(of id: TorrentID) throws(StoreError) {
        try db.execute(
            "DELETE FROM intent WHERE torrent_id = ? AND verb IN (?, ?)", id, IntentVerb.remove, IntentVerb.removeData)
    }
}
