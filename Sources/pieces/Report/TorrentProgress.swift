import Engine
package import Store
package import Torrent

/// What the live display shows of an active torrent.
package struct TorrentProgress: Sendable {
    package var id: TorrentID
    package var name: String
    package var state: TorrentState
    package var error: String?
    package var wantedBytes: Int64
    /// Bytes of wanted files in pieces that are verified and written.
    package var completedBytes: Int64
    package var have: Bitfield
    /// Bytes per second.
    package var downloadRate: Int
    package var uploadRate: Int
    package var peers: Int
    package var seeders: Int
    /// The number of web seeds that are fetched from at present.
    package var webSeeds = 0
    package var timeLeft: Duration?
    /// The number of unverified pieces.
    package var unverified: Int
    /// What peers offer of the metadata, while it isn't known.
    package var metadata: MetadataOffer?

    package init(
        id: TorrentID, name: String, state: TorrentState, error: String? = nil, wantedBytes: Int64,
        completedBytes: Int64, have: Bitfield, downloadRate: Int = 0, uploadRate: Int = 0, peers: Int = 0,
        seeders: Int = 0, timeLeft: Duration? = nil, unverified: Int = 0
    ) {
        self.id = id
        self.name = name
        self.state = state
        self.error = error
        self.wantedBytes = wantedBytes
        self.completedBytes = completedBytes
        self.have = have
        self.downloadRate = downloadRate
        self.uploadRate = uploadRate
        self.peers = peers
        self.seeders = seeders
        self.timeLeft = timeLeft
        self.unverified = unverified
    }

    init(_ torrent: TorrentSnapshot) {
        self.init(
            id: torrent.id, name: torrent.name, state: torrent.state, error: torrent.error,
            wantedBytes: torrent.wantedBytes, completedBytes: torrent.completedBytes, have: torrent.have,
            downloadRate: torrent.downloadRate, uploadRate: torrent.uploadRate, peers: torrent.peers,
            seeders: torrent.seeders, timeLeft: torrent.timeLeft, unverified: torrent.unverified)
        metadata = torrent.metadata
        webSeeds = torrent.webSeeds
    }

    /// Whether data flows or is being checked.
    var isMoving: Bool { downloadRate > 0 || uploadRate > 0 || state == .checking }
}
