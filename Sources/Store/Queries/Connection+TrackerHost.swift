/// A tracker's server that asked us to pause requests; the pause applies to all torrents.
package struct TrackerHostRow: Sendable, Hashable {
    /// `scheme://host:port`.
    package let server: String
    package let restsUntil: Timestamp
    /// The server's reason.
    package let reason: String

    package init(server: String, restsUntil: Timestamp, reason: String) {
        self.server = server
        self.restsUntil = restsUntil
        self.reason = reason
    }
}

extension Connection {
    /// Saves how long requests to the server pause.
    package func saveTrackerHost(_ host: TrackerHostRow) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                """
                INSERT INTO tracker_host (server, rests_until, reason) VALUES (?, ?, ?)
                ON CONFLICT (server) DO UPDATE SET rests_until = excluded.rests_until, reason = excluded.reason
                """, host.server, host.restsUntil, host.reason)
        }
    }

    /// The servers whose pause lasts at `now`; ended pauses are deleted.
    package func restingTrackerHosts(now: Timestamp) throws(StoreError) -> [TrackerHostRow] {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute("DELETE FROM tracker_host WHERE rests_until <= ?", now)
            return try rows("SELECT server, rests_until, reason FROM tracker_host") { (row) throws(StoreError) in
                try row.sound { (row) throws(StoreError) in
                    TrackerHostRow(server: try row.next(), restsUntil: try row.next(), reason: try row.next())
                }
            }.compactMap(\.self)
        }
    }
}
