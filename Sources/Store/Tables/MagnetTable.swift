package import Torrent

/// The tables `magnet` and `metadata_block`: torrents that are known only by their magnet link, and the blocks of their
/// metadata that have arrived (BEP 9).
package struct MagnetTable {
    let db: Connection

    /// Inserts a torrent without metadata. Throws `alreadyPresent`, which carries the id, when the info hash is already
    /// in the database.
    package func insert(_ new: NewMagnet, now: Timestamp) throws(StoreError) -> TorrentID {
        try db.transaction { () throws(StoreError) in
            let link = new.link
            if let known = try db.torrents.row(link.infoHash) {
                throw db.fault(
                    .alreadyPresent, torrent: known.id,
                    "this torrent is already in the database, as number \(known.id) (\(known.name)): use that one")
            }
            try db.roots.noteFolder(new.resolvedOutput ?? new.output)
            let id = try db.torrents.insertRow(
                [
                    ("info_hash", link.infoHash), ("name", new.name), ("output", new.output), ("private", false),
                    ("state", new.settings.isPaused ? TorrentState.paused : .metadata), ("added_at", now),
                    ("resolved", new.resolvedOutput), ("overwrite", new.mayOverwrite),
                ], new.settings)
            try db.execute(
                "INSERT INTO magnet (torrent_id, link, patterns, pause_after) VALUES (?, ?, ?, ?)", id, link,
                Self.lines(new.patterns), new.pausesAfter)
            try db.trackers.add(id, tiers: link.trackers.map { [$0] }, now: now)
            try db.webSeeds.add(torrent: id, urls: link.webSeeds)
            try db.peers.save(id, link.addresses.map { PeerUpdate(address: $0, source: .manual) }, now: now)
            try db.events.append(
                .added, "\(new.name), by its magnet link", torrent: id, infoHash: link.infoHash, now: now)
            return id
        }
    }

    /// The magnet link of a torrent; `nil` when its metadata is known, or when the row can't be read.
    package func row(_ id: TorrentID) throws(StoreError) -> MagnetRow? {
        try db.fetchFirstIfValid("FROM magnet WHERE torrent_id = ?", id)
    }

    /// Why no torrent can be made of the metadata, which has arrived; `nil` if it hasn't, or if it is fine.
    package func unusable(_ id: TorrentID) throws(StoreError) -> String? {
        try row(id)?.unusable
    }

    /// Whether the torrent has a row in the table, even an invalid one.
    package func isListed(_ id: TorrentID) throws(StoreError) -> Bool {
        try db.value("SELECT 1 FROM magnet WHERE torrent_id = ?", id, as: Int.self) != nil
    }

    /// Adds the peers and web seeds of another link of the torrent. Its trackers are added by ``TrackerTable``.
    package func merge(_ link: MagnetLink, into id: TorrentID, now: Timestamp) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            guard let old = try row(id)?.link else { return }
            let merged = MagnetLink(
                infoHash: old.infoHash, v2: old.v2 ?? link.v2, name: old.name ?? link.name, trackers: old.trackers,
                webSeeds: old.webSeeds + link.webSeeds, peers: old.peers + link.peers, files: old.files)
            try db.execute("UPDATE magnet SET link = ? WHERE torrent_id = ?", merged, id)
            try db.peers.save(id, link.addresses.map { PeerUpdate(address: $0, source: .manual) }, now: now)
        }
    }

    /// Changes which files will be wanted; `nil` for the files of the link.
    package func setPatterns(_ id: TorrentID, _ patterns: [String]?) throws(StoreError) {
        try db.execute("UPDATE magnet SET patterns = ? WHERE torrent_id = ?", Self.lines(patterns), id)
    }

    package func setPausesAfter(_ id: TorrentID, _ pauses: Bool) throws(StoreError) {
        try db.execute("UPDATE magnet SET pause_after = ? WHERE torrent_id = ?", pauses, id)
    }

    /// Saves what the connected peers offer.
    package func setOffer(_ id: TorrentID, bytes: Int?, peers: Int) throws(StoreError) {
        try db.execute("UPDATE magnet SET offered_bytes = ?, offering = ? WHERE torrent_id = ?", bytes, peers, id)
    }

    /// A pattern with a line break matches no file, because names have none.
    private static func lines(_ patterns: [String]?) -> String? { patterns?.joined(separator: "\n") }

    // MARK: Blocks

    /// The blocks that have arrived, ordered by size and index.
    package func blocks(of id: TorrentID) throws(StoreError) -> [MetadataBlockRow] {
        try db.fetchValid("FROM metadata_block WHERE torrent_id = ? ORDER BY size, idx", id)
    }

    /// The number of blocks of metadata of this size.
    package func blockCount(of id: TorrentID, size: Int) throws(StoreError) -> Int {
        try db.value("SELECT count(*) FROM metadata_block WHERE torrent_id = ? AND size = ?", id, size) ?? 0
    }

    /// Saves a block. Does nothing when the torrent doesn't wait for metadata any more. Neither a kill nor an error of
    /// another block loses it; after a power cut it may have to be fetched again.
    package func save(_ id: TorrentID, size: Int, index: Int, from sender: PeerAddress, _ data: [UInt8])
        throws(StoreError)
    {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            guard try isListed(id) else { return }
            try db.execute(
                """
                INSERT INTO metadata_block (torrent_id, size, idx, sender, data) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (torrent_id, size, idx) DO UPDATE SET sender = excluded.sender, data = excluded.data
                """, id, size, index, sender, data)
        }
    }

    /// The metadata of this size, put together; `nil` if a block is missing or has a wrong length.
    package func assembled(_ id: TorrentID, size: Int) throws(StoreError) -> [UInt8]? {
        var bytes: [UInt8] = []
        let blocks: [[UInt8]] = try db.values(
            "SELECT data FROM metadata_block WHERE torrent_id = ? AND size = ? ORDER BY idx", id, size)
        guard blocks.dropLast().allSatisfy({ $0.count == Geometry.blockLength }),
            blocks.reduce(0, { $0 + $1.count }) == size
        else { return nil }
        bytes.reserveCapacity(size)
        for block in blocks { bytes += block }
        return bytes
    }

    /// Forgets the blocks of metadata of this size, except those of `sender`.
    package func dropBlocks(_ id: TorrentID, size: Int, exceptOf sender: PeerAddress? = nil) throws(StoreError) {
        try db.execute(
            "DELETE FROM metadata_block WHERE torrent_id = ? AND size = ? AND sender IS NOT ?", id, size, sender)
    }
}
