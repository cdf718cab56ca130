package import Torrent

/// A magnet link to be inserted into the database as a torrent.
package struct NewMagnet: Sendable {
    package var link: MagnetLink
    /// The absolute folder that will contain the payload.
    package var output: String
    /// The output folder with links resolved; `nil` when that is the same path.
    package var resolvedOutput: String?
    /// Whether existing files at the torrent's paths may be overwritten.
    package var mayOverwrite = false
    package var settings: TorrentSettings
    /// The patterns of the wanted files; `nil` for the files of the link.
    package var patterns: [String]?
    /// Whether the torrent is paused when its metadata has arrived.
    package var pausesAfter = false

    package init(
        link: MagnetLink, output: String, resolvedOutput: String? = nil, settings: TorrentSettings = TorrentSettings()
    ) {
        self.link = link
        self.output = output
        self.resolvedOutput = resolvedOutput
        self.settings = settings
    }

    /// The name until the metadata is known.
    package var name: String { link.name ?? "\(link.infoHash)" }
}
