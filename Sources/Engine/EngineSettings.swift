// Room: Engine.
// Duty: runs the brain: feeds it what sockets, disk, database and clock say, and performs what it answers.
// Owns: the life of a session and of every awake torrent; the order in which effects reach disk and database.
// Never: decides anything about pieces, peers or durability: that is the brain's; blocks the event loop.
// Invariants: one loop, one thread: session and awake torrents are actors on it and call each other without a hop;
// every effect that can fail is answered by one event; nothing is recorded that a sync didn't cover before.

import Store
import Swarm
import SystemPackage
import Torrent

/// The name and number by which the program speaks of itself.
package enum Program {
    package static let version = "0.1.0"
}

/// How an engine runs, for all of its torrents.
package struct EngineSettings: Sendable {
    /// Which torrents of the database the engine works on.
    package enum Scope: Sendable {
        case all
        case only(Set<TorrentID>)
    }

    package var database: FilePath
    /// How the database is opened.
    package var databaseOptions = DatabaseOptions()
    /// What holds for every torrent where its own settings say nothing else.
    package var swarm = SwarmSettings()
    package var scope = Scope.all
    /// The TCP port for incoming peers; 0 takes a free one.
    package var listenPort = 6881
    /// Whether the user named the port: then no other is taken instead.
    package var listenPortIsFixed = false
    /// The local address of all sockets; `nil` is any.
    package var bind: PeerAddress.Host?
    /// Bytes per second for all torrents together; `nil` is no limit.
    package var downloadLimit: Int?
    package var uploadLimit: Int?
    /// Connections of one torrent and of all.
    package var maximumPeersPerTorrent = 80
    package var maximumPeers = 500
    /// How many torrents are active at once.
    package var slots = SlotLimits()
    /// When one yields to others that wait.
    package var slotRules = SlotRules()
    /// What a complete torrent does whose own goal is ``SeedGoal/standard``.
    package var seedGoal = SeedGoal.forever
    /// The longest that a stop waits for the trackers: half of it at most for what they are being asked, the rest for
    /// goodbye.
    package var goodbyeTime = Duration.seconds(3)
    /// Ends by itself when nothing is left to download.
    package var endsWhenComplete = false
    /// How long an engine that ends by itself waits when faults of this machine (a full disk, a folder that is away)
    /// stop everything that is left; `nil` waits for ever.
    package var giveUpAfter: Duration?
    /// Peers given by hand, for every torrent that is downloaded.
    package var peers: [PeerAddress] = []
    /// A file of extra roots for HTTPS trackers, in PEM.
    package var extraTrustRoots: String?

    /// The longest that a verified piece waits to be recorded; of each torrent.
    package var commitInterval: Duration {
        get { swarm.commitInterval }
        set { swarm.commitInterval = newValue }
    }

    package init(database: FilePath) { self.database = database }
}
