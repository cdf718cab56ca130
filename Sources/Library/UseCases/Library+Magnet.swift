package import Store
package import Torrent

/// Makes magnet links.
extension Library {
    package struct MagnetAnswer {
        package let torrent: TorrentRow
        package let link: MagnetLink
        /// The number of URLs that aren't in the link because they contain a user or a password.
        package let secretURLs: Int
    }

    /// Returns the magnet link of a torrent, with its name, its trackers and its web seeds.
    ///
    /// A link is made to be passed on. So a private torrent, whose trackers are usually known under a personal passkey,
    /// has a link only if `includingSecrets` is set, and so has a URL with a password.
    package func magnetLink(of name: String, includingSecrets: Bool) throws -> MagnetAnswer {
        let known = try connection.torrents.find(name)
        guard known.hasMetadata else { return try fetchedLink(of: known, includingSecrets: includingSecrets) }
        let (torrent, bytes) = try torrentFile(of: name)
        let metainfo: Metainfo
        do throws(MetainfoError) {
            metainfo = try Metainfo(torrentFile: bytes)
        } catch {
            throw Failure(
                "the .torrent of \(torrent.name.printable) in the database cannot be read: \(error)", .damaged)
        }
        guard includingSecrets || !(torrent.isPrivate || metainfo.isPrivate) else {
            throw Failure.usage(
                """
                \(torrent.name.printable) is private: a link would give your passkey away, and peers found without \
                its trackers may not share it; give --force to print the link anyway
                """)
        }
        let isOpen = { (url: String) in includingSecrets || MaskedURL.text(url) == url }
        let trackers = try connection.trackers.rows(of: torrent.id).map(\.url)
        let webSeeds = try connection.webSeeds.rows(of: torrent.id, in: metainfo).map(\.url)
        let link = MagnetLink(
            infoHash: torrent.infoHash, v2: metainfo.identity.v2,
            name: LegacyText.decode(PathText.bytes(torrent.name)), trackers: trackers.filter(isOpen),
            webSeeds: webSeeds.filter(isOpen))
        return MagnetAnswer(
            torrent: torrent, link: link, secretURLs: (trackers + webSeeds).count { !isOpen($0) })
    }

    /// The link of a torrent whose metadata hasn't arrived: as it was given, with the trackers that the torrent has
    /// now.
    private func fetchedLink(of torrent: TorrentRow, includingSecrets: Bool) throws -> MagnetAnswer {
        let given = try connection.magnets.row(torrent.id)?.link
        let isOpen = { (url: String) in includingSecrets || MaskedURL.text(url) == url }
        let trackers = try connection.trackers.rows(of: torrent.id).map(\.url)
        let webSeeds = given?.webSeeds ?? []
        let link = MagnetLink(
            infoHash: torrent.infoHash, v2: given?.v2, name: given?.name, trackers: trackers.filter(isOpen),
            webSeeds: webSeeds.filter(isOpen), files: given?.files ?? [])
        return MagnetAnswer(torrent: torrent, link: link, secretURLs: (trackers + webSeeds).count { !isOpen($0) })
    }
}
