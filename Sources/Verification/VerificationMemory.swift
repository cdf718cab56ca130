package import Store
package import Torrent

/// Remembers in the database when unfinished verifications began, so that they can be resumed.
package struct VerificationMemory {
    /// The record of a verification.
    package struct Entry: Sendable {
        package let at: Timestamp
        /// Whether the verification was interrupted before: pieces confirmed after ``at`` are not checked again.
        package let isResumed: Bool
        /// The key of the torrent's own record, which is deleted when the torrent is verified; `nil` when it is part of
        /// a verification of all torrents.
        package let ownKey: String?

        package init(at: Timestamp, isResumed: Bool, ownKey: String?) {
            self.at = at
            self.isResumed = isResumed
            self.ownKey = ownKey
        }
    }

    /// An older verification starts over, because the pieces that it confirmed are old, too.
    private static let lifetime = Duration.seconds(24 * 3600)
    private static let allKey = "verify.began.all"

    private let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// Begins or resumes the verification of all torrents.
    package func beginAll(anew: Bool, now: Timestamp) throws(StoreError) -> Entry {
        try begin(Self.allKey, anew: anew, now: now, isOwn: false)
    }

    /// Begins or resumes the verifications of single torrents, in one transaction.
    package func begin(_ ids: [TorrentID], anew: Bool, now: Timestamp) throws(StoreError) -> [Entry] {
        try connection.transaction(durability: .lazy) { () throws(StoreError) in
            var entries: [Entry] = []
            for id in ids { entries.append(try begin(Self.key(of: id), anew: anew, now: now, isOwn: true)) }
            return entries
        }
    }

    /// The entry for a torrent that another process already verifies: pieces that the other one confirms after its
    /// beginning need no second check.
    func behind(_ entry: Entry, of id: TorrentID, now: Timestamp) throws(StoreError) -> Entry {
        // If the record already existed, the entry includes it. The other record is that of a verification of the other
        // kind.
        let other = try moment(entry.ownKey == nil ? Self.key(of: id) : Self.allKey).flatMap {
            $0 <= now && now - $0 < Self.lifetime ? $0 : nil
        }
        guard let began = [other, entry.isResumed ? entry.at : nil].compactMap(\.self).min() else { return entry }
        return Entry(at: began, isResumed: true, ownKey: entry.ownKey)
    }

    /// Records that all torrents were verified.
    package func endAll() throws(StoreError) { try connection.settings.set(Self.allKey, nil) }

    private static func key(of id: TorrentID) -> String { "verify.began.\(id)" }

    private func moment(_ key: String) throws(StoreError) -> Timestamp? {
        try connection.settings.value(key).flatMap { Int64($0) }.map { Timestamp($0) }
    }

    private func begin(_ key: String, anew: Bool, now: Timestamp, isOwn: Bool) throws(StoreError) -> Entry {
        if !anew, let began = try moment(key), began <= now, now - began < Self.lifetime {
            return Entry(at: began, isResumed: true, ownKey: isOwn ? key : nil)
        }
        try connection.settings.set(key, "\(now)")
        return Entry(at: now, isResumed: false, ownKey: isOwn ? key : nil)
    }
}
