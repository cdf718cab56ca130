package import Torrent

/// The metadata of a magnet link arrives.
extension MagnetTable {
    /// What became of the torrent.
    package struct Arrival: Sendable, Hashable {
        package let isPaused: Bool
        package let isPrivate: Bool
        /// The number of peers that were forgotten because a private torrent may not have them.
        package let forgottenPeers: Int
        /// Why the torrent can't be downloaded at its paths, in one sentence. It is paused then.
        package let conflict: String?

        package init(isPaused: Bool, isPrivate: Bool, forgottenPeers: Int, conflict: String? = nil) {
            self.isPaused = isPaused
            self.isPrivate = isPrivate
            self.forgottenPeers = forgottenPeers
            self.conflict = conflict
        }
    }

    /// Makes the torrent an ordinary one, in one transaction. `metainfo` has the info hash of the torrent. Returns
    /// `nil` when the torrent doesn't wait for metadata any more. `conflict` says why the wanted files can't be
    /// downloaded at their paths.
    package func arrived(
        _ id: TorrentID, _ metainfo: Metainfo, now: Timestamp,
        conflict: (_ wanted: [Bool]) throws(StoreError) -> String? = { _ in nil }
    ) throws(StoreError) -> Arrival? {
        try db.transaction(durability: .full) { () throws(StoreError) in
            guard let torrent = try db.torrents.row(id), !torrent.hasMetadata, torrent.infoHash == metainfo.infoHash
            else { return nil }
            let magnet = try row(id)
            let choice = Self.choice(metainfo, magnet)
            let conflict = try conflict(choice.selection.wanted)
            let isPaused =
                torrent.settings.isPaused || magnet?.pausesAfter ?? false || choice.problem != nil || conflict != nil
            let state: TorrentState = conflict != nil ? .error : isPaused ? .paused : .queued
            let geometry = metainfo.geometry
            try db.execute(
                """
                UPDATE torrent SET name = ?, total_bytes = ?, piece_length = ?, piece_count = ?, private = ?, wanted_bytes = ?,
                    paused = ?, state = ?, error = ? WHERE id = ?
                """, metainfo.name, geometry.totalBytes, geometry.pieceLength, geometry.pieceCount, metainfo.isPrivate,
                choice.selection.wantedBytes, isPaused, state, conflict, id)
            try db.metainfos.insert(metainfo, id)
            try db.paths.insert(id, metainfo.layout)
            if let seeds = magnet?.link.webSeeds, !seeds.isEmpty { try db.webSeeds.add(torrent: id, urls: seeds) }
            try db.webSeeds.note(metainfo.webSeeds, of: id)
            for file in metainfo.layout.files where !file.isPad && !choice.selection.wanted[file.index] {
                try db.execute("INSERT INTO file (torrent_id, idx, wanted) VALUES (?, ?, 0)", id, file.index)
            }
            let folder = try db.torrents.resolvedOutput(id) ?? ""
            try db.roots.index(id, named: metainfo.name, in: folder)
            let forgotten = metainfo.isPrivate ? try forgetPublicPeers(of: id) : 0
            try db.execute("DELETE FROM metadata_block WHERE torrent_id = ?", id)
            try db.execute("DELETE FROM magnet WHERE torrent_id = ?", id)
            try db.events.append(
                .metadata, Self.sentence(metainfo, choice, forgotten, conflict), torrent: id,
                infoHash: metainfo.infoHash,
                now: now)
            return Arrival(
                isPaused: isPaused, isPrivate: metainfo.isPrivate, forgottenPeers: forgotten, conflict: conflict)
        }
    }

    /// The metadata is authentic, but no torrent can be made of it: fetching it again would not help. The sentence is
    /// kept, and becomes the torrent's error.
    package func isUnusable(_ id: TorrentID, _ sentence: String, now: Timestamp) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            guard let torrent = try db.torrents.row(id), !torrent.hasMetadata else { return }
            try db.torrents.setState(id, .error, error: sentence)
            try db.execute("UPDATE magnet SET unusable = ? WHERE torrent_id = ?", sentence, id)
            try db.execute("DELETE FROM metadata_block WHERE torrent_id = ?", id)
            try db.events.append(.metadata, sentence, torrent: id, infoHash: torrent.infoHash, now: now)
        }
    }

    /// Forgets the peers that only a public torrent may have (BEP 27), and its nodes in the DHT. Returns the number of
    /// the peers.
    private func forgetPublicPeers(of id: TorrentID) throws(StoreError) -> Int {
        try db.execute("DELETE FROM dht_near WHERE torrent_id = ?", id)
        var count = 0
        for source in PeerSource.allCases where !source.isAllowed(isPrivate: true) {
            count += try db.execute("DELETE FROM peer WHERE torrent_id = ? AND source = ?", id, source)
        }
        return count
    }

    // MARK: Files

    private struct Choice {
        let selection: FileSelection
        /// Why the user's choice can't be followed: the torrent is paused, so that the user can choose again.
        var problem: String?
        /// Whether the link names files that the torrent doesn't have.
        var ignoresLink = false
    }

    private static func choice(_ metainfo: Metainfo, _ magnet: MagnetRow?) -> Choice {
        let all = FileSelection(all: metainfo.layout)
        if let patterns = magnet?.patterns {
            guard !patterns.isEmpty else { return Choice(selection: all) }
            do throws(SelectionError) {
                return Choice(selection: try FileSelection(layout: metainfo.layout, patterns: patterns))
            } catch {
                return Choice(selection: all, problem: "\(error)")
            }
        }
        guard let files = magnet?.link.files, !files.isEmpty else { return Choice(selection: all) }
        let wanted = metainfo.layout.files.map { file in files.contains { $0.contains(file.index) } }
        guard let selection = FileSelection(layout: metainfo.layout, wanted: wanted), selection.wanted.contains(true)
        else { return Choice(selection: all, ignoresLink: true) }
        return Choice(selection: selection)
    }

    private static func sentence(_ metainfo: Metainfo, _ choice: Choice, _ forgotten: Int, _ conflict: String?)
        -> String
    {
        let (wanted, count) = (choice.selection.wanted.count { $0 }, metainfo.layout.files.count { !$0.isPad })
        let files = wanted == count ? Format.count(count, "file") : "\(wanted) of \(Format.count(count, "file"))"
        var text =
            "the metadata has arrived: \(metainfo.name), \(files), \(Format.bytes(choice.selection.wantedBytes)) to download"
        if metainfo.isPrivate {
            text += "; the torrent is private: from now on only its trackers are asked for peers"
            if forgotten > 0 { text += ", and \(Format.count(forgotten, "peer")) from other sources were forgotten" }
        }
        if conflict != nil { text += "; it is paused, because another torrent has other content for one of its paths" }
        if choice.ignoresLink { text += "; the link chose files that the torrent doesn't have, so all are wanted" }
        if let problem = choice.problem {
            text += "; it is paused, because \(problem): choose with `pieces select`, then `pieces resume`"
        }
        return text
    }
}
