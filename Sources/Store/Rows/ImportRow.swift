package import Torrent

/// A torrent that was imported from another client.
package struct ImportRow: Row, Sendable, Hashable, Identifiable {
    package let id: TorrentID
    /// The client's word, such as `qbittorrent`.
    package let client: String
    /// The folder or file that the client's state was read from.
    package let source: String
    package let importedAt: Timestamp
    /// The place in the order of hashing, the lowest first.
    package let rank: Int
    /// Bytes to hash, as estimated when the torrent was imported.
    package let bytes: Int64
    /// Pieces that the client claimed to have; `nil` if it didn't say.
    package let claimedPieces: Int?
    /// What was not carried over, in one line.
    package let omitted: String?
    /// When the whole payload was hashed; `nil` before that.
    package let hashedAt: Timestamp?
    /// Claimed pieces whose bytes are wrong.
    package let wrongPieces: Int
    /// Claimed pieces that aren't there.
    package let missingPieces: Int

    package static let columns =
        "i.torrent_id, i.client, i.source, i.at, i.rank, i.bytes, i.claimed, i.omitted, i.hashed_at, i.wrong, i.missing"

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        client = try row.next()
        source = try row.next()
        importedAt = try row.next()
        rank = try row.nextCount()
        bytes = try row.nextBytes()
        claimedPieces = try row.nextCountIfAny()
        omitted = try row.next()
        hashedAt = try row.next()
        wrongPieces = try row.nextCount()
        missingPieces = try row.nextCount()
    }
}

/// What is recorded of a torrent when it is imported.
package struct NewImport: Sendable {
    package let client: String
    package let source: String
    package var rank = 0
    package var bytes: Int64 = 0
    /// The pieces that the client claimed to have; `nil` if it didn't say.
    package var claim: Bitfield?
    package var omitted: String?

    package init(client: String, source: String) {
        self.client = client
        self.source = source
    }
}

/// What another client knew of a torrent's past.
package struct TorrentPast: Sendable {
    package var downloadedBytes: Int64 = 0
    package var uploadedBytes: Int64 = 0
    package var wastedBytes: Int64 = 0
    package var addedAt: Timestamp?
    /// When the torrent was complete for the first time; then its completion isn't announced to trackers again.
    package var completedAt: Timestamp?
    package var seedTime = Duration.zero

    package init() {}
}

/// The sums over all imported torrents.
package struct ImportSum: Row, Sendable, Hashable {
    package let torrents: Int
    package let unhashed: Int
    /// Bytes of torrents that were hashed, and of those that weren't.
    package let hashedBytes: Int64
    package let unhashedBytes: Int64
    /// Torrents with wrong pieces, and those pieces.
    package let damagedTorrents: Int
    package let wrongPieces: Int
    package let missingPieces: Int
    /// When the oldest of the torrents that are still unhashed, or of all, was imported, and when the last was hashed.
    package let beganAt: Timestamp?
    package let lastHashedAt: Timestamp?

    package static let columns = """
        count(*), count(*) - count(hashed_at), coalesce(sum(bytes) FILTER (WHERE hashed_at IS NOT NULL), 0), \
        coalesce(sum(bytes) FILTER (WHERE hashed_at IS NULL), 0), count(*) FILTER (WHERE wrong > 0), \
        coalesce(sum(wrong), 0), coalesce(sum(missing), 0), max(at), max(hashed_at)
        """

    package init(_ row: Statement) throws(StoreError) {
        torrents = try row.nextCount()
        unhashed = try row.nextCount()
        hashedBytes = try row.nextBytes()
        unhashedBytes = try row.nextBytes()
        damagedTorrents = try row.nextCount()
        wrongPieces = try row.nextCount()
        missingPieces = try row.nextCount()
        beganAt = try row.next()
        lastHashedAt = try row.next()
    }
}
