package import Store
package import Torrent

/// The state of an active torrent, for progress lines.
package struct TorrentSnapshot: Sendable {
    package let id: TorrentID
    package let infoHash: InfoHash
    package let name: String
    package let state: TorrentState
    package let error: String?
    package let totalBytes: Int64
    package let wantedBytes: Int64
    /// Bytes of wanted files in pieces that are verified and written.
    package let completedBytes: Int64
    package let pieceCount: Int
    package let have: Bitfield
    package let downloadedBytes: Int64
    package let uploadedBytes: Int64
    package let wastedBytes: Int64
    /// Bytes per second.
    package let downloadRate: Int
    package let uploadRate: Int
    package let peers: Int
    package let seeders: Int
    /// The number of web seeds that are fetched from at present.
    package var webSeeds = 0
    package let timeLeft: Duration?
    /// The number of unverified pieces.
    package let unverified: Int
    /// What peers offer of the metadata, while it isn't known.
    package var metadata: MetadataOffer?
}
