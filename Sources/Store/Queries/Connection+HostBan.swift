/// A host whose incoming connections are refused.
package struct HostBanRow: Sendable, Hashable {
    /// An IPv4 address, or the first address of an IPv6 /64.
    package let host: String
    package let reason: String
    package let at: Timestamp
    package let until: Timestamp

    package init(host: String, reason: String, at: Timestamp, until: Timestamp) {
        self.host = host
        self.reason = reason
        self.at = at
        self.until = until
    }
}

extension Connection {
    /// The most bans that are kept; those that end first are deleted first.
    private static let hostBanLimit = 4096

    package func saveHostBan(_ ban: HostBanRow) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                """
                INSERT INTO host_ban (host, reason, at, until) VALUES (?, ?, ?, ?)
                ON CONFLICT (host) DO UPDATE SET reason = excluded.reason, at = excluded.at, until = excluded.until
                """, ban.host, ban.reason, ban.at, ban.until)
            try execute(
                "DELETE FROM host_ban WHERE host NOT IN (SELECT host FROM host_ban ORDER BY until DESC LIMIT \(Self.hostBanLimit))"
            )
        }
    }

    /// The bans in effect, latest end first.
    package func hostBans(now: Timestamp) throws(StoreError) -> [HostBanRow] {
        try rows("SELECT host, reason, at, until FROM host_ban WHERE until > ? ORDER BY until DESC", now) {
            (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in
                HostBanRow(host: try row.next(), reason: try row.next(), at: try row.next(), until: try row.next())
            }
        }.compactMap(\.self)
    }

    package func forgetEndedHostBans(now: Timestamp) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute("DELETE FROM host_ban WHERE until <= ?", now)
        }
    }
}
