package import Torrent

/// A torrent to be inserted into the database.
package struct NewTorrent: Sendable {
    package var metainfo: Metainfo
    /// Names that its files have on the disk in place of the metainfo's. ``Metainfo/renamed(_:)`` accepted them.
    package var renames = Renames()
    /// The absolute folder that contains the payload.
    package var output: String
    /// The output folder with links resolved; `nil` when that is the same path.
    package var resolvedOutput: String?
    /// Whether existing files at the torrent's paths may be overwritten.
    package var mayOverwrite = false
    package var settings: TorrentSettings
    /// Whether each file of the metainfo is wanted; `nil` when all are.
    package var wanted: [Bool]?
    /// Tiers that the user gave. They come after the metainfo's own.
    package var extraTrackers: [[String]]
    /// Tiers in place of the metainfo's own; `nil` if those hold.
    package var replacedTrackers: [[String]]?

    package init(
        metainfo: Metainfo, output: String, resolvedOutput: String? = nil,
        settings: TorrentSettings = TorrentSettings(), wanted: [Bool]? = nil,
        extraTrackers: [[String]] = []
    ) {
        self.metainfo = metainfo
        self.output = output
        self.resolvedOutput = resolvedOutput
        self.settings = settings
        self.wanted = wanted
        self.extraTrackers = extraTrackers
    }

    /// The torrent's name here, which is that of its root.
    var name: String { renames.root ?? metainfo.name }

    /// The path at or below which all files of a torrent with this name lie, in this folder.
    package static func root(named name: String, in folder: String) -> String {
        folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
    }

    /// Bytes of the wanted files, without pad files (BEP 47).
    var wantedBytes: Int64 {
        var sum: Int64 = 0
        for (index, file) in metainfo.layout.files.enumerated() where !file.isPad && (wanted?[index] ?? true) {
            sum += file.length
        }
        return sum
    }
}
