package import Net
package import Store
package import Swarm
package import SystemPackage
package import Torrent

/// The program's version, as reported to users, peers and trackers.
package enum Program {
    package static let version = "0.1.0"
}

/// The settings of an engine, for all of its torrents.
package struct EngineSettings: Sendable {
    /// Which torrents of the database the engine works on.
    package enum Scope: Sendable {
        case all
        case only(Set<TorrentID>)
    }

    package var database: FilePath
    /// How the database is opened.
    package var databaseOptions = DatabaseOptions()
    /// The defaults for torrents without their own settings.
    package var swarm = SwarmSettings()
    package var scope = Scope.all
    /// The TCP port for incoming peers; 0 chooses a free one.
    package var listenPort = 6881
    /// Whether the user chose the port, so that no other may be used.
    package var listenPortIsFixed = false
    /// The local address of all sockets; `nil` means any.
    package var bind: PeerAddress.Host?
    /// Bytes per second for all torrents together; `nil` means unlimited.
    package var downloadLimit: Int?
    package var uploadLimit: Int?
    /// Other limits at some hours; `nil` if there are none.
    package var alternativeLimits: AlternativeLimits?
    /// The most connections of one torrent, and of all torrents.
    package var maximumPeersPerTorrent = 80
    package var maximumPeers = 500
    /// How many torrents are active at once.
    package var slots = SlotLimits()
    /// When a torrent yields its slot to others.
    package var slotRules = SlotRules()
    /// The goal of torrents whose own goal is ``SeedGoal/standard``.
    package var seedGoal = SeedGoal.forever
    /// The longest that a stop waits for trackers: at most half of it for announces under way, the rest for `stopped`.
    package var goodbyeTime = Duration.seconds(3)
    /// Whether the engine ends by itself when nothing is left to download.
    package var endsWhenComplete = false
    /// How long an engine that ends by itself waits when local faults (a full disk, a missing folder) block everything
    /// that is left; `nil` waits forever.
    package var giveUpAfter: Duration?
    /// How long after the start of the engine it looks for the first time what is to be scrubbed.
    package var scrubDelay = Duration.seconds(10)
    /// How long a scrub waits for a disk that doesn't answer: before it counts as away, and when the engine stops.
    package var scrubPatience = Duration.seconds(15)
    /// How long a torrent looks for the sources of a damaged piece before the piece counts as unavailable.
    package var repairPatience = Duration.seconds(30)
    /// Whether peers tell each other of peers (BEP 11).
    package var usesPeerExchange = true
    /// Whether peers are looked for on the local network (BEP 14).
    package var usesLocalDiscovery = false
    /// How the engine uses the DHT; `nil` turns it off.
    package var dht: DHTOptions?
    /// Peers that the user named, for every torrent that is downloaded.
    package var peers: [PeerAddress] = []
    /// Reads the settings again for ``Session/reread()``; `nil` if they never change.
    package var source: (@Sendable () async throws -> EngineSettings)?
    /// A PEM file of additional root certificates for HTTPS trackers and web seeds.
    package var extraTrustRoots: String?
    /// Bytes that downloads leave free on volumes without a reserve of their own.
    package var reserve: Int64 = 0
    /// Which addresses count as local for web seeds; only tests replace it.
    package var reach = ReachTest.system

    /// The longest that a verified piece of any torrent waits to be recorded.
    package var commitInterval: Duration {
        get { swarm.commitInterval }
        set { swarm.commitInterval = newValue }
    }

    /// Whether torrents without their own setting super-seed (BEP 16).
    package var superSeeds: Bool {
        get { swarm.superSeeds }
        set { swarm.superSeeds = newValue }
    }

    package init(database: FilePath) { self.database = database }
}
