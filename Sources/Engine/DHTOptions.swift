package import Torrent

/// How an engine uses the DHT.
package struct DHTOptions: Hashable, Sendable {
    /// Bootstrap servers that answered in 2026. They return nodes, and aren't nodes themselves.
    package static let publicServers = [
        "dht.libtorrent.org:25401", "dht.transmissionbt.com:6881", "router.bt.ouinet.work:6881",
    ]

    /// Nodes that the user named; the bootstrap servers are asked if there are none.
    package var entries: [MagnetPeer] = []
    /// Whether bootstrap servers of the internet may be asked.
    package var usesPublicServers = true
    /// Packets a second for announces of dormant torrents.
    package var dormantPacketsPerSecond = 50

    /// `true` and `false` are the user's; without them, the node doesn't answer while others can't reach it (BEP 43).
    package var isReadOnly: Bool?

    package init() {}
}
