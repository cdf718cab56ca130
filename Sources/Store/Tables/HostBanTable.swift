package import Torrent

/// The table `host_ban`.
package struct HostBanTable {
    let db: Connection

    /// The most bans that are kept; those that end first are deleted first.
    private static let limit = 4096

    package func save(_ ban: HostBanRow) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                INSERT INTO host_ban (host, reason, at, until) VALUES (?, ?, ?, ?)
                ON CONFLICT (host) DO UPDATE SET reason = excluded.reason, at = excluded.at, until = excluded.until
                """, ban.host, ban.reason, ban.at, ban.until)
            try db.execute(
                "DELETE FROM host_ban WHERE host NOT IN (SELECT host FROM host_ban ORDER BY until DESC LIMIT \(Self.limit))"
            )
        }
    }

    /// The bans in effect, latest end first.
    package func rows(now: Timestamp) throws(StoreError) -> [HostBanRow] {
        try db.fetchValid("FROM host_ban WHERE until > ? ORDER BY until DESC", now)
    }

    package func forgetEnded(now: Timestamp) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute("DELETE FROM host_ban WHERE until <= ?", now)
        }
    }
}
