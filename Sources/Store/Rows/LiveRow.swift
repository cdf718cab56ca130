package import Torrent

/// A running engine's report on an active torrent.
package struct LiveRow: Row, Sendable, Hashable {
    /// An older row is out of date: its engine stopped, or the torrent was deactivated.
    package static let lifetime = Duration.seconds(15)

    package let torrent: TorrentID
    /// Bytes per second.
    package let downloadRate: Int64
    /// Bytes per second.
    package let uploadRate: Int64
    package let peersConnected: Int
    /// Connected peers that have all pieces.
    package let seeders: Int
    /// Connected peers that lack some pieces.
    package let leechers: Int
    /// `nil` when unknown.
    package let timeLeft: Duration?
    package let at: Timestamp
    /// The number of pieces that connected peers have, while the torrent super-seeds; otherwise `nil`.
    package var spreadPieces: Int?

    package init(
        torrent: TorrentID, downloadRate: Int64, uploadRate: Int64, peersConnected: Int, seeders: Int, leechers: Int,
        timeLeft: Duration?,
        at: Timestamp
    ) {
        self.torrent = torrent
        self.downloadRate = downloadRate
        self.uploadRate = uploadRate
        self.peersConnected = peersConnected
        self.seeders = seeders
        self.leechers = leechers
        self.timeLeft = timeLeft
        self.at = at
    }

    /// Whether the row is recent enough to describe the present.
    package func isFresh(_ now: Timestamp) -> Bool { now - at <= Self.lifetime }

    package static let columns =
        """
        l.torrent_id, l.download_rate, l.upload_rate, l.peers_connected, l.seeders, l.leechers, l.eta_seconds, l.at, \
        l.spread_pieces
        """

    package init(_ row: Statement) throws(StoreError) {
        torrent = try row.next()
        downloadRate = try row.nextBytes()
        uploadRate = try row.nextBytes()
        peersConnected = try row.nextCount()
        seeders = try row.nextCount()
        leechers = try row.nextCount()
        timeLeft = try row.next(Int64?.self).map { .seconds($0) }
        at = try row.next()
        spreadPieces = try row.next()
    }
}
