import Store

/// Remembers in the database when verifications began that did not end, so that they are gone on with.
package struct VerificationMemory {
    /// What is known of a verification.
    package struct Entry: Sendable {
        package let at: Timestamp
        /// Whether it was interrupted before: what was confirmed after ``at`` is not looked at again.
        package let isResumed: Bool
        /// The torrent's own mark, which goes when the torrent is through; `nil` when it is one of all.
        package let ownKey: String?

        package init(at: Timestamp, isResumed: Bool, ownKey: String?) {
            self.at = at
            self.isResumed = isResumed
            self.ownKey = ownKey
        }
    }

    /// An older verification is begun anew: what it confirmed is old, too.
    private static let lifetime = Duration.seconds(24 * 3600)
    private static let allKey = "verify.began.all"

    private let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// The verification of all torrents.
    package func beginAll(anew: Bool, now: Timestamp) throws(StoreError) -> Entry {
        try begin(Self.allKey, anew: anew, now: now, isOwn: false)
    }

    /// The verifications of single torrents, in one transaction.
    package func begin(_ ids: [TorrentID], anew: Bool, now: Timestamp) throws(StoreError) -> [Entry] {
        try connection.transaction(durability: .lazy) { () throws(StoreError) in
            var entries: [Entry] = []
            for id in ids { entries.append(try begin(Self.key(of: id), anew: anew, now: now, isOwn: true)) }
            return entries
        }
    }

    /// The entry as it is when another process verifies the torrent already: what that confirms from its beginning on
    /// needs no second look.
    func behind(_ entry: Entry, of id: TorrentID, now: Timestamp) throws(StoreError) -> Entry {
        // A mark that was there when the entry was made is in it; the other one is that of a verification of the other
        // kind.
        let other = try moment(entry.ownKey == nil ? Self.key(of: id) : Self.allKey).flatMap {
            $0 <= now && now - $0 < Self.lifetime ? $0 : nil
        }
        guard let began = [other, entry.isResumed ? entry.at : nil].compactMap(\.self).min() else { return entry }
        return Entry(at: began, isResumed: true, ownKey: entry.ownKey)
    }

    /// All torrents are through.
    package func endAll() throws(StoreError) { try connection.set(Self.allKey, nil) }

    private static func key(of id: TorrentID) -> String { "verify.began.\(id)" }

    private func moment(_ key: String) throws(StoreError) -> Timestamp? {
        try connection.setting(key).flatMap { Int64($0) }.map { Timestamp($0) }
    }

    private func begin(_ key: String, anew: Bool, now: Timestamp, isOwn: Bool) throws(StoreError) -> Entry {
        if !anew, let began = try moment(key), began <= now, now - began < Self.lifetime {
            return Entry(at: began, isResumed: true, ownKey: isOwn ? key : nil)
        }
        try connection.set(key, "\(now)")
        return Entry(at: now, isResumed: false, ownKey: isOwn ? key : nil)
    }
}
