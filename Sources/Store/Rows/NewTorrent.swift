import Torrent

/// A torrent that is to be remembered.
package struct NewTorrent: Sendable {
    package var metainfo: Metainfo
    /// The absolute folder that the payload lies in.
    package var output: String
    package var settings: TorrentSettings
    /// Whether each file of the metainfo is wanted; `nil` when all are.
    package var wanted: [Bool]?
    /// Tiers that the user gave; they come behind the metainfo's own.
    package var extraTrackers: [[String]]

    package init(
        metainfo: Metainfo, output: String, settings: TorrentSettings = TorrentSettings(), wanted: [Bool]? = nil, extraTrackers: [[String]] = []
    ) {
        self.metainfo = metainfo
        self.output = output
        self.settings = settings
        self.wanted = wanted
        self.extraTrackers = extraTrackers
    }

    /// Bytes of the wanted files without pad files (BEP 47).
    var wantedBytes: Int64 {
        var sum: Int64 = 0
        for (index, file) in metainfo.layout.files.enumerated() where !file.isPad && (wanted?[index] ?? true) { sum += file.length }
        return sum
    }
}
