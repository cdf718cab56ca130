package import Store
package import Torrent
package import Verification

/// Lists what the database knows about one torrent.
extension Library {
    /// A torrent's files and how much of each is complete.
    package struct FileList {
        package let torrent: StoredTorrent
        /// The number of complete bytes in each file; 0 for pad files.
        package let completed: [Int64]
        /// The paths in the metainfo of the files that have other ones here, by index.
        package let metainfoPaths: [Int: String]
        /// The recorded SHA-256 of verified files, by index.
        package let digests: [Int: DigestRow]
    }

    /// The number of torrents in the database.
    package func count() throws(StoreError) -> Int { try connection.torrents.count() }

    package func files(of name: String) throws -> FileList {
        let torrent = try StoredTorrent(try connection.torrents.find(name), connection)
        let layout = torrent.metainfo.layout
        let completed = layout.files.map { file in
            file.isPad ? 0 : layout.bytes(of: file.index, in: torrent.have, geometry: torrent.metainfo.geometry)
        }
        let plain = try connection.paths.asAdded(torrent.metainfo.withoutRenames, torrent.row.id).layout.files
        var metainfoPaths: [Int: String] = [:]
        for (file, original) in zip(layout.files, plain) where !PathText.isSame(file.displayPath, original.displayPath)
        {
            metainfoPaths[file.index] = original.displayPath
        }
        return FileList(
            torrent: torrent, completed: completed, metainfoPaths: metainfoPaths,
            digests: try connection.digests.rows(of: torrent.row.id))
    }

    /// A torrent's connected peers and its known peers.
    package struct PeerList {
        package let torrent: TorrentRow
        /// The live status; present only if it is recent and the engine is running.
        package let live: LiveRow?
        package let connections: [LivePeerRow]
        package let peers: [PeerRow]
    }

    package func peers(of name: String, now: Timestamp) throws(StoreError) -> PeerList {
        let torrent = try connection.torrents.find(name)
        let engine = try engine()
        var live = try connection.live.row(of: torrent.id)
        if let known = live, !engine.isRunning || !known.isFresh(now) { live = nil }
        let connections = live == nil ? [] : try connection.live.peers(of: torrent.id)
        return PeerList(
            torrent: torrent, live: live, connections: connections, peers: try connection.peers.rows(of: torrent.id))
    }

    package struct TrackerList {
        package let torrent: TorrentRow
        package let trackers: [TrackerRow]
        /// Whether a running engine has the torrent active, so that it announces whatever is due.
        package let isAnnouncing: Bool
    }

    package func trackers(of name: String) throws(StoreError) -> TrackerList {
        let torrent = try connection.torrents.find(name)
        let state = try engine().state(of: torrent)
        return TrackerList(
            torrent: torrent, trackers: try connection.trackers.rows(of: torrent.id),
            isAnnouncing: [.downloading, .seeding].contains(state))
    }

    /// The events of one torrent, or of all torrents.
    package struct EventList {
        /// The torrent; `nil` for all.
        package let torrent: TorrentID?
        /// The events, newest first.
        package let events: [EventRow]
        /// The number of the newest event, whether or not the list contains it.
        package let last: Int64
    }

    /// Returns the newest events of a torrent, or of all torrents if no name is given.
    package func events(of name: String?, limit: Int) throws(StoreError) -> EventList {
        var id: TorrentID?
        if let name { id = try connection.torrents.find(name).id }
        let events = try events(of: id, limit: limit)
        let newest = limit == 0 ? try connection.events.rows(limit: 1).first : events.first
        return EventList(torrent: id, events: events, last: newest?.id ?? 0)
    }

    /// Returns the newest events of a torrent with the starts and ends of engines meanwhile, or all newest events.
    package func events(of torrent: TorrentID?, limit: Int) throws(StoreError) -> [EventRow] {
        guard let torrent else { return try connection.events.rows(limit: limit) }
        return try connection.events.rows(of: torrent, andOfEnginesWithLimit: limit)
    }

    /// Returns the .torrent of a torrent, byte for byte as it was added.
    package func torrentFile(of name: String) throws -> (torrent: TorrentRow, bytes: [UInt8]) {
        let torrent = try connection.torrents.find(name)
        guard torrent.hasMetadata else { throw Failure(torrent.metadataIsMissing) }
        guard let bytes = try connection.metainfos.file(of: torrent.id) else {
            throw Failure("torrent \(torrent.id) was removed in the meantime")
        }
        return (torrent, bytes)
    }

    /// Returns the stored state of a torrent; `nil` if the torrent no longer exists.
    package func stored(_ id: TorrentID) throws -> StoredTorrent? {
        try connection.torrents.row(id).map { try StoredTorrent($0, connection) }
    }
}
