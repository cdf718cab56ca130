package import Store
package import Torrent

/// The web seeds of a torrent (BEP 19).
extension Library {
    package struct WebSeedList {
        package let torrent: TorrentRow
        package let seeds: [WebSeed]
    }

    /// One web seed, and what its copy lacks.
    package struct WebSeed {
        package struct LackingFile {
            package let index: Int
            package let path: String
            /// Why the file can't be fetched there: a clause.
            package let reason: String
            package let at: Timestamp
        }

        package let row: WebSeedRow
        package let lacking: [LackingFile]
        /// Bytes per second; 0 unless a running engine fetches from it now.
        package let currentRate: Int64
        /// Whether the engine asks for nothing at present.
        package let isResting: Bool
    }

    package func webSeeds(of name: String, now: Timestamp) throws -> WebSeedList {
        let (torrent, bytes) = try torrentFile(of: name)
        let metainfo = try connection.paths.asStored(try Self.metainfo(bytes, of: torrent), torrent.id)
        let files = try connection.webSeeds.files(of: torrent.id, since: now + (.zero - WebSeedTable.memory))
        let isRunning = try engine().isRunning
        let seeds = try connection.webSeeds.rows(of: torrent.id, in: metainfo).map { row in
            let lacking = files.compactMap { file -> WebSeed.LackingFile? in
                guard file.url == row.url, let reason = file.lacking,
                    metainfo.layout.files.indices.contains(file.index)
                else { return nil }
                return WebSeed.LackingFile(
                    index: file.index, path: metainfo.layout.files[file.index].displayPath, reason: reason, at: file.at)
            }
            return WebSeed(
                row: row, lacking: lacking, currentRate: isRunning && row.isLive(now) ? row.liveRate : 0,
                isResting: row.restsUntil.map { $0 > now } ?? false)
        }
        return WebSeedList(torrent: torrent, seeds: seeds)
    }

    /// The result of changing the web seeds of a torrent.
    package struct WebSeedChange {
        package let torrent: TorrentRow
        package let added: [String]
        /// Web seeds that the torrent had already: what was known of them is forgotten, and they are tried again.
        package let again: [String]
        package let removed: [String]
        /// Web seeds that should be removed and that the torrent doesn't have.
        package let unknown: [String]
    }

    /// Adds and removes web seeds; a running engine uses them at once.
    package func changeWebSeeds(of name: String, adding: [String], removing: [String]) throws -> WebSeedChange {
        let urls = try adding.map { try Self.webSeedURL($0) }
        let gone = try removing.map { try Self.webSeedURL($0) }
        let (torrent, bytes) = try torrentFile(of: name)
        let metainfo = try Self.metainfo(bytes, of: torrent)
        return try connection.transaction { () throws(StoreError) in
            // A web seed of the .torrent needs a row to be removed.
            try connection.webSeeds.note(metainfo.webSeeds, of: torrent.id)
            let known = Set(try connection.webSeeds.rows(of: torrent.id).map(\.url))
            try connection.webSeeds.add(torrent: torrent.id, urls: urls, origin: .user)
            let removed = try connection.webSeeds.remove(torrent: torrent.id, urls: gone)
            try connection.intents.append(.webSeeds, torrent: torrent.id, now: .now())
            return WebSeedChange(
                torrent: torrent, added: urls.filter { !known.contains($0) }, again: urls.filter(known.contains),
                removed: removed, unknown: gone.filter { !removed.contains($0) })
        }
    }

    private static func webSeedURL(_ text: String) throws -> String {
        guard let url = AnnounceList.webSeed(text) else {
            throw Failure.usage("“\(text.shownURL)” is not a web seed URL: it must begin with http:// or https://")
        }
        return url
    }

    private static func metainfo(_ bytes: [UInt8], of torrent: TorrentRow) throws -> Metainfo {
        do throws(MetainfoError) {
            return try Metainfo(torrentFile: bytes)
        } catch {
            throw Failure(
                "the .torrent of \(torrent.name.printable) in the database cannot be read: \(error)", .damaged)
        }
    }
}

extension WebSeedRow {
    /// Whether ``liveRate`` is recent.
    package func isLive(_ now: Timestamp) -> Bool { liveAt.map { now - $0 < LiveRow.lifetime } ?? false }
}
