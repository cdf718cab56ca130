package import Torrent

/// The table `tracker_host`: servers of trackers that asked for a pause.
package struct TrackerHostTable {
    let db: Connection

    /// Saves how long requests to the server pause.
    package func save(_ host: TrackerHostRow) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                INSERT INTO tracker_host (server, rests_until, reason) VALUES (?, ?, ?)
                ON CONFLICT (server) DO UPDATE SET rests_until = excluded.rests_until, reason = excluded.reason
                """, host.server, host.restsUntil, host.reason)
        }
    }

    /// The servers whose pause lasts at `now`; ended pauses are deleted.
    package func resting(now: Timestamp) throws(StoreError) -> [TrackerHostRow] {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute("DELETE FROM tracker_host WHERE rests_until <= ?", now)
            return try db.fetchValid("FROM tracker_host")
        }
    }
}
