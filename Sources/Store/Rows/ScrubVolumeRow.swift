package import Torrent

/// What scrubs have found on a volume, where the current one is, and what a running engine reports.
package struct ScrubVolumeRow: Row, Sendable, Hashable {
    /// Where a scrub stopped within a page.
    package struct Cursor: Sendable, Hashable {
        package let torrent: TorrentID
        /// The first piece of the page that isn't verified yet.
        package let nextPiece: PieceIndex
        /// When the page's first piece was verified.
        package let pageBeganAt: Timestamp

        package init(torrent: TorrentID, nextPiece: PieceIndex, pageBeganAt: Timestamp) {
            self.torrent = torrent
            self.nextPiece = nextPiece
            self.pageBeganAt = pageBeganAt
        }
    }

    package let volume: VolumeID
    /// Bytes read by all scrubs.
    package let readBytes: Int64
    /// Pieces that were bad once and good at the second reading.
    package let transients: Int
    /// What the brake has counted since repairs were last allowed.
    package let countedPieces: Int
    package let countedBad: Int
    /// Since when nothing is repaired there, and why.
    package let heldAt: Timestamp?
    package let heldReason: String?
    package let cursor: Cursor?
    /// Bytes per second over the last seconds, at ``liveAt``.
    package let rate: Int64
    /// The limit in bytes per second; `nil` if peers alone limit it.
    package let rateLimit: Int64?
    /// Bytes that are to be read now.
    package let dueBytes: Int64
    /// `nil` before an engine has reported, and for what a newer program may write.
    package let activity: ScrubActivity?
    package let liveAt: Timestamp?

    package static let columns = """
        s.volume_id, s.read_bytes, s.transients, s.counted_pieces, s.counted_bad, s.held_at, s.held_reason, \
        s.torrent_id, s.next_piece, s.page_began_at, s.rate, s.rate_limit, s.due_bytes, s.activity, s.live_at
        """

    package init(_ row: Statement) throws(StoreError) {
        volume = try row.next()
        readBytes = try row.nextBytes()
        transients = try row.nextCount()
        countedPieces = try row.nextCount()
        countedBad = try row.nextCount()
        heldAt = try row.next()
        heldReason = try row.next()
        let torrent: TorrentID? = try row.next()
        let piece: Int? = try row.nextCountIfAny()
        let began: Timestamp? = try row.next()
        if let torrent, let piece, let began {
            cursor = Cursor(torrent: torrent, nextPiece: PieceIndex(piece), pageBeganAt: began)
        } else {
            cursor = nil
        }
        rate = try row.nextBytes()
        rateLimit = try row.next()
        dueBytes = try row.nextBytes()
        let name: String? = try row.next()
        activity = name.flatMap { ScrubActivity(rawValue: $0) }
        liveAt = try row.next()
    }
}

/// What a scrub does on a volume.
package enum ScrubActivity: String, Sendable {
    case reading
    /// Nothing is due.
    case idle
    case paused
    /// The volume isn't there.
    case away
}

/// What a running engine reports of the scrub of a volume.
package struct ScrubReport: Sendable, Hashable {
    package let volume: VolumeID
    package let rate: Int64
    package let rateLimit: Int64?
    package let dueBytes: Int64
    package let activity: ScrubActivity

    package init(volume: VolumeID, rate: Int64, rateLimit: Int64?, dueBytes: Int64, activity: ScrubActivity) {
        self.volume = volume
        self.rate = rate
        self.rateLimit = rateLimit
        self.dueBytes = dueBytes
        self.activity = activity
    }
}

/// The bytes on a volume that share a period.
package struct ScrubLoad: Row, Sendable, Hashable {
    package static let columns = "volume_id, period, sum(bytes), count(*)"

    /// `nil` for torrents whose volume isn't known yet.
    package let volume: VolumeID?
    /// `nil`: never.
    package let period: Duration?
    package let bytes: Int64
    package let torrents: Int

    package init(volume: VolumeID?, period: Duration?, bytes: Int64, torrents: Int) {
        self.volume = volume
        self.period = period
        self.bytes = bytes
        self.torrents = torrents
    }

    package init(_ row: Statement) throws(StoreError) {
        volume = try row.next()
        let seconds: Int64 = try row.next()
        period = seconds > 0 ? .seconds(seconds) : nil
        bytes = try row.next()
        torrents = try row.next()
    }
}

/// A torrent whose oldest page is due.
package struct DueTorrent: Row, Sendable, Hashable {
    package static let columns = "torrent_id, verified_at, period, volume_id"

    package let torrent: TorrentID
    /// When the page that was verified longest ago was verified.
    package let oldest: Timestamp
    /// `nil`: never, except that its damage stands.
    package let period: Duration?
    package let volume: VolumeID?

    package init(_ row: Statement) throws(StoreError) {
        torrent = try row.next()
        oldest = try row.next()
        let seconds: Int64 = try row.next()
        period = seconds > 0 ? .seconds(seconds) : nil
        volume = try row.next()
    }
}
