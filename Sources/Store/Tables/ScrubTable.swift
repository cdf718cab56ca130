package import Torrent

/// The tables `scrub_torrent`, `scrub_label` and `scrub_volume`: how often verified bytes are read back, and what came
/// of it.
package struct ScrubTable {
    let db: Connection

    // MARK: What the user wants

    package func control() throws(StoreError) -> ScrubControl {
        func number(_ key: String) throws(StoreError) -> Int64? { try db.settings.value(key).flatMap { Int64($0) } }
        var control = ScrubControl()
        if let seconds = try number(ScrubControl.Key.period) { control.period = seconds > 0 ? .seconds(seconds) : nil }
        control.rate = try number(ScrubControl.Key.rate).flatMap { $0 > 0 ? $0 : nil }
        control.isPaused = try number(ScrubControl.Key.isPaused) == 1
        control.since = try number(ScrubControl.Key.since).map { Timestamp($0) }
        control.computesDigests = try number(ScrubControl.Key.computesDigests) != 0
        return control
    }

    package func set(_ control: ScrubControl) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            let period = control.period.map { $0.components.seconds } ?? 0
            let isStandard = control.period == ScrubControl.standardPeriod
            try db.settings.set(ScrubControl.Key.period, isStandard ? nil : "\(period)")
            try db.settings.set(ScrubControl.Key.rate, control.rate.map { "\($0)" })
            try db.settings.set(ScrubControl.Key.isPaused, control.isPaused ? "1" : nil)
            try db.settings.set(ScrubControl.Key.since, control.since.map { "\($0)" })
            try db.settings.set(ScrubControl.Key.computesDigests, control.computesDigests ? nil : "0")
        }
    }

    /// Gives the torrent a period of its own: 0 means never, and `nil` removes it.
    package func setPeriod(_ period: Duration?, of id: TorrentID) throws(StoreError) {
        guard let period else { return try db.forget("scrub_torrent", id) }
        try db.execute(
            """
            INSERT INTO scrub_torrent (torrent_id, period) VALUES (?, ?)
            ON CONFLICT (torrent_id) DO UPDATE SET period = excluded.period
            """, id, period.components.seconds)
    }

    /// Gives the label a period: 0 means never, and `nil` removes it.
    package func setPeriod(_ period: Duration?, ofLabel label: String) throws(StoreError) {
        guard let period else {
            try db.execute("DELETE FROM scrub_label WHERE label = ?", label)
            return
        }
        try db.execute(
            """
            INSERT INTO scrub_label (label, period) VALUES (?, ?)
            ON CONFLICT (label) DO UPDATE SET period = excluded.period
            """, label, period.components.seconds)
    }

    /// The period that holds for the torrent; `nil`: never.
    package func period(of id: TorrentID) throws(StoreError) -> Duration? {
        let seconds: Int64? = try db.value(
            "SELECT \(Self.period(standard: "?2")) FROM torrent AS t WHERE t.id = ?1", id, try standardSeconds())
        return seconds.flatMap { $0 > 0 ? .seconds($0) : nil }
    }

    /// The periods of labels, by name.
    package func labels() throws(StoreError) -> [ScrubLabel] { try db.fetchValid("FROM scrub_label ORDER BY label") }

    private func standardSeconds() throws(StoreError) -> Int64 { try control().period?.components.seconds ?? 0 }

    /// The seconds of the period that holds for the torrent `t`; 0: never.
    private static func period(standard: String) -> String {
        """
        coalesce((SELECT p.period FROM scrub_torrent AS p WHERE p.torrent_id = t.id),
                 (SELECT coalesce(min(nullif(l.period, 0)), 0) FROM label AS n JOIN scrub_label AS l ON l.label = n.name
                  WHERE n.torrent_id = t.id GROUP BY n.torrent_id), \(standard))
        """
    }

    // MARK: What is to be read

    /// The recorded bytes of each volume by their periods. Looks at all torrents.
    package func loads() throws(StoreError) -> [ScrubLoad] {
        try db.fetchAll(
            """
            FROM (SELECT t.volume_id, \(Self.period(standard: "?1")) AS period,
                         min(t.total_bytes, t.pieces_have * t.piece_length) AS bytes
                  FROM torrent AS t WHERE t.pieces_have > 0)
            GROUP BY volume_id, period
            """, try standardSeconds())
    }

    /// When a page is due, in terms of its age and of its period.
    package struct Due: Sendable {
        package let now: Timestamp
        /// How long it takes to read everything that may be due.
        package let backlog: Duration
        /// Nothing that is younger is due by its period.
        package let youngest: Duration
        /// Everything verified before is due.
        package let since: Timestamp?

        package init(now: Timestamp, backlog: Duration, youngest: Duration, since: Timestamp?) {
            self.now = now
            self.backlog = backlog
            self.youngest = youngest
            self.since = since
        }

        /// Pages are read from this part of their period on, whatever the backlog.
        package static let earliest = 0.05
        /// Without a backlog, pages are read from this part of their period on.
        package static let latest = 0.9
    }

    /// The torrents on these volumes with pages that are due, those first whose oldest page is overdue first. `nil`
    /// stands for the torrents without a known volume.
    package func due(_ due: Due, on volumes: Set<VolumeID?>, except: Set<TorrentID>, limit: Int) throws(StoreError)
        -> [DueTorrent]
    {
        guard !volumes.isEmpty else { return [] }
        let list = volumes.map { $0.map { "\($0.rawValue)" } ?? "-1" }.joined(separator: ", ")
        let without = except.isEmpty ? "" : " AND t.id NOT IN (\(except.map { "\($0)" }.joined(separator: ", ")))"
        return try db.fetchValid(
            """
            FROM (SELECT t.id AS torrent_id, min(b.verified_at) AS verified_at, \(Self.period(standard: "?1")) AS period,
                         t.volume_id
                  FROM bitfield AS b JOIN torrent AS t ON t.id = b.torrent_id
                  WHERE b.verified_at IS NOT NULL AND b.verified_at <= ?8 AND coalesce(t.volume_id, -1) IN (\(list))\(without)
                  GROUP BY b.torrent_id)
            WHERE period > 0 AND (verified_at <= ?2 - CAST(max(?3 * period, ?4 * period - ?5) AS INTEGER)
                OR verified_at < ?6)
            ORDER BY verified_at + period LIMIT ?7
            """, try standardSeconds(), due.now, Due.earliest, Due.latest, due.backlog.components.seconds,
            due.since ?? Timestamp(Int64.min), limit,
            max(due.now + (.zero - due.youngest), due.since ?? Timestamp(Int64.min)))
    }

    /// The torrents on these volumes with repaired pieces that weren't read back.
    package func unsettled(on volumes: Set<VolumeID?>, except: Set<TorrentID>) throws(StoreError) -> [TorrentID] {
        let rows: [Unsettled] = try db.fetchAll(
            "FROM damage AS d JOIN torrent AS t ON t.id = d.torrent_id WHERE d.state = 'written' ORDER BY d.torrent_id")
        return rows.filter { volumes.contains($0.volume) && !except.contains($0.torrent) }.map(\.torrent)
    }

    private struct Unsettled: Row {
        static let columns = "DISTINCT d.torrent_id, t.volume_id"
        let torrent: TorrentID
        let volume: VolumeID?

        init(_ row: Statement) throws(StoreError) {
            torrent = try row.next()
            volume = try row.next()
        }
    }

    // MARK: Volumes

    package func volumes() throws(StoreError) -> [ScrubVolumeRow] {
        try db.fetchValid("FROM scrub_volume AS s ORDER BY s.volume_id")
    }

    package func row(_ volume: VolumeID) throws(StoreError) -> ScrubVolumeRow? {
        try db.fetchFirstIfValid("FROM scrub_volume AS s WHERE s.volume_id = ?", volume)
    }

    /// Adds what was read on the volume, and says where the scrub is.
    package func add(
        _ volume: VolumeID, readBytes: Int64, pieces: Int, bad: Int, transients: Int, cursor: ScrubVolumeRow.Cursor?
    ) throws(StoreError) {
        try db.execute(
            """
            INSERT INTO scrub_volume (volume_id, read_bytes, counted_bytes, counted_pieces, counted_bad, transients,
                torrent_id, next_piece, page_began_at) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT (volume_id) DO UPDATE SET read_bytes = read_bytes + excluded.read_bytes,
                counted_bytes = counted_bytes + excluded.counted_bytes,
                counted_pieces = counted_pieces + excluded.counted_pieces,
                counted_bad = counted_bad + excluded.counted_bad, transients = transients + excluded.transients,
                torrent_id = excluded.torrent_id, next_piece = excluded.next_piece,
                page_began_at = excluded.page_began_at
            """, volume, readBytes, pieces, bad, transients, cursor?.torrent, cursor?.nextPiece.value,
            cursor?.pageBeganAt)
        try db.execute(
            """
            UPDATE scrub_volume SET counted_pieces = counted_pieces / 2, counted_bad = counted_bad / 2
            WHERE volume_id = ? AND counted_pieces > ?
            """, volume, Self.countedPieces)
    }

    /// Beyond so many counted pieces, both counts are halved: bad pieces of long ago don't stop repairs, and good ones
    /// of long ago don't hide that many are bad now.
    package static let countedPieces = 20_000

    /// Stops repairs on the volume.
    package func hold(_ volume: VolumeID, reason: String, now: Timestamp) throws(StoreError) {
        try db.execute(
            """
            INSERT INTO scrub_volume (volume_id, held_at, held_reason) VALUES (?1, ?2, ?3)
            ON CONFLICT (volume_id) DO UPDATE SET held_at = excluded.held_at, held_reason = excluded.held_reason
            WHERE held_at IS NULL
            """, volume, now, reason)
    }

    /// Allows repairs on the volume or on all volumes again, and what the brake has counted begins anew. Returns the
    /// volumes where they were stopped.
    package func release(_ volume: VolumeID? = nil) throws(StoreError) -> [VolumeID] {
        try db.transaction { () throws(StoreError) in
            let which = "held_at IS NOT NULL AND (?1 IS NULL OR volume_id = ?1)"
            let held: [VolumeID] = try db.values("SELECT volume_id FROM scrub_volume WHERE \(which)", volume)
            try db.execute(
                """
                UPDATE scrub_volume SET held_at = NULL, held_reason = NULL, counted_bytes = 0, counted_pieces = 0,
                    counted_bad = 0 WHERE \(which)
                """, volume)
            return held
        }
    }

    /// Saves what a running engine reports.
    package func save(_ reports: [ScrubReport], now: Timestamp) throws(StoreError) {
        for report in reports {
            try db.execute(
                """
                INSERT INTO scrub_volume (volume_id, rate, rate_limit, due_bytes, activity, live_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT (volume_id) DO UPDATE SET rate = excluded.rate, rate_limit = excluded.rate_limit,
                    due_bytes = excluded.due_bytes, activity = excluded.activity, live_at = excluded.live_at
                """, report.volume, report.rate, report.rateLimit, report.dueBytes, report.activity.rawValue, now)
        }
    }
}

/// The period of a label.
package struct ScrubLabel: Row, Sendable, Hashable {
    package static let columns = "label, period"

    package let label: String
    /// `nil`: never.
    package let period: Duration?

    package init(_ row: Statement) throws(StoreError) {
        label = try row.next()
        let seconds: Int64 = try row.next()
        period = seconds > 0 ? .seconds(seconds) : nil
    }
}

extension Connection {
    fileprivate func forget(_ table: String, _ id: TorrentID) throws(StoreError) {
        try execute("DELETE FROM \(table) WHERE torrent_id = ?", id)
    }
}

/// What is verified on a volume, and what is due.
package struct ScrubCoverage: Sendable, Hashable {
    package var torrents = 0
    /// Recorded bytes.
    package var bytes: Int64 = 0
    /// Recorded bytes that have a period.
    package var policyBytes: Int64 = 0
    /// Bytes that were verified within their period.
    package var coveredBytes: Int64 = 0
    /// Bytes whose period is over, or that were verified before everything was to be read.
    package var dueBytes: Int64 = 0
    /// When the oldest page was verified, and how long that has been overdue.
    package var oldest: Timestamp?
    package var lag = Duration.zero

    package init() {}
}

extension ScrubTable {
    private struct PageRow: Row {
        static let columns = "torrent_id, volume_id, piece_length, total_bytes, page, have, verified_at, period"
        let torrent: TorrentID
        let volume: VolumeID?
        let pieceLength: Int64
        let totalBytes: Int64
        let page: Int
        let have: [UInt8]
        let verifiedAt: Timestamp
        let period: Int64

        init(_ row: Statement) throws(StoreError) {
            torrent = try row.next()
            volume = try row.next()
            pieceLength = try row.next()
            totalBytes = try row.next()
            page = try row.nextCount()
            have = try row.next()
            verifiedAt = try row.next()
            period = try row.next()
        }

        /// The first piece, counted within the page, that the reader of the page has not read yet; 0 if none reads it,
        /// or if it began before everything was to be read.
        func pieceToRead(_ cursors: [ScrubVolumeRow.Cursor], _ since: Timestamp?) -> Int {
            let first = page * PageBits.pieceCount
            let cursor = cursors.first {
                $0.torrent == torrent && (first..<first + PageBits.pieceCount).contains($0.nextPiece.value)
                    && $0.pageBeganAt >= since ?? Timestamp(Int64.min)
            }
            return (cursor?.nextPiece.value ?? first) - first
        }

        var bytes: Int64 { bytes(from: 0) }

        /// The bytes of the page's present pieces from `first` on, counted within the page. Only the torrent's last
        /// piece is shorter than the others.
        func bytes(from first: Int) -> Int64 {
            guard first < have.count * 8 else { return 0 }
            let split = max(0, first) / 8
            let begun = (have[split] & (0xff >> UInt8(max(0, first) % 8))).nonzeroBitCount
            let population = have.dropFirst(split + 1).reduce(begun) { $0 + $1.nonzeroBitCount }
            let pieces = Int64(population) * pieceLength
            let last = (totalBytes - 1) / max(1, pieceLength)
            let bit = Int(last) - page * PageBits.pieceCount
            guard bit >= first, bit < have.count * 8, have[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 else {
                return pieces
            }
            return pieces - ((last + 1) * pieceLength - totalBytes)
        }
    }

    /// What is verified on each volume. Looks at all pages. `since`: everything verified before is due.
    package func coverage(now: Timestamp, since: Timestamp? = nil) throws(StoreError) -> [VolumeID?: ScrubCoverage] {
        var coverage: [VolumeID?: ScrubCoverage] = [:]
        var last: TorrentID?
        // Where readers are within their pages: the time of a page is that of its oldest piece.
        let cursors = try volumes().compactMap(\.cursor)
        let rows: [PageRow] = try db.fetchValid(
            """
            FROM (SELECT b.torrent_id, t.volume_id, t.piece_length, t.total_bytes, b.page, b.have, b.verified_at,
                         \(Self.period(standard: "?1")) AS period
                  FROM bitfield AS b JOIN torrent AS t ON t.id = b.torrent_id WHERE b.verified_at IS NOT NULL)
            ORDER BY torrent_id, page
            """, try standardSeconds())
        for row in rows {
            var sum = coverage[row.volume] ?? ScrubCoverage()
            if row.torrent != last { sum.torrents += 1 }
            last = row.torrent
            sum.bytes += row.bytes
            if row.period > 0 {
                sum.policyBytes += row.bytes
                let age = now - row.verifiedAt
                let late = age - .seconds(row.period)
                if late <= .zero { sum.coveredBytes += row.bytes } else { sum.lag = max(sum.lag, late) }
                let isAwaited = since.map { row.verifiedAt < $0 } ?? false
                if late > .zero || isAwaited { sum.dueBytes += row.bytes(from: row.pieceToRead(cursors, since)) }
                sum.oldest = min(sum.oldest ?? row.verifiedAt, row.verifiedAt)
            }
            coverage[row.volume] = sum
        }
        return coverage
    }

    /// How many torrents have a period of their own.
    package func ownPolicyCount() throws(StoreError) -> Int { try db.value("SELECT count(*) FROM scrub_torrent") ?? 0 }
}
