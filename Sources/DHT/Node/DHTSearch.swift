package import Torrent

/// What a torrent tells other nodes of itself.
package struct DHTAnnouncement: Hashable, Sendable {
    /// The port at which we accept peers.
    package var port: UInt16
    /// Other nodes use the port from which our datagrams come, which a router may have changed. For sockets that peers
    /// can reach by UDP too.
    package var impliesPort: Bool
    package var isSeed: Bool

    package init(port: UInt16, impliesPort: Bool = false, isSeed: Bool) {
        self.port = port
        self.impliesPort = impliesPort
        self.isSeed = isSeed
    }
}

/// A search for the peers of a torrent, with or without an announce at its end.
package struct DHTSearch: Hashable, Sendable {
    package enum Effort: Hashable, Sendable {
        /// A whole lookup: finds the closest nodes wherever they are.
        case thorough
        /// Asks the stored nearest nodes only: 8 to 16 packets with the announce. Becomes thorough if too few answer.
        case brief
    }

    package let hash: PublicInfoHash
    /// `nil` to search only.
    package var announcement: DHTAnnouncement?
    /// The nodes that were nearest the last time, of both families.
    package var nearest: [NodeContact]
    package var effort: Effort
    /// Also counts seeds and peers (BEP 33); answers then bring no peers.
    package var isScrape: Bool
    /// Whether it goes on the account of dormant torrents.
    var isDormant: Bool

    package init(
        _ hash: PublicInfoHash, announce announcement: DHTAnnouncement? = nil, nearest: [NodeContact] = [],
        effort: Effort = .thorough, isScrape: Bool = false
    ) {
        self.init(
            hash, announce: announcement, nearest: nearest, effort: effort, isScrape: isScrape, isDormant: false)
    }

    init(
        _ hash: PublicInfoHash, announce announcement: DHTAnnouncement?, nearest: [NodeContact], effort: Effort,
        isScrape: Bool = false, isDormant: Bool
    ) {
        self.hash = hash
        self.announcement = announcement
        self.nearest = nearest
        self.effort = effort
        self.isScrape = isScrape
        self.isDormant = isDormant
    }
}

/// A dormant torrent whose next announce is due.
package struct DHTDueAnnounce: Hashable, Sendable {
    package var hash: PublicInfoHash
    package var announcement: DHTAnnouncement
    package var nearest: [NodeContact]
    package var hasWorkingTracker: Bool

    package init(
        _ hash: PublicInfoHash, _ announcement: DHTAnnouncement, nearest: [NodeContact], hasWorkingTracker: Bool
    ) {
        self.hash = hash
        self.announcement = announcement
        self.nearest = nearest
        self.hasWorkingTracker = hasWorkingTracker
    }
}

/// The end of a search in one family.
package struct DHTSearchResult: Equatable, Sendable {
    package enum Outcome: Equatable, Sendable {
        case finished
        /// No socket is open, or too many searches wait.
        case refused
        /// The socket was closed meanwhile.
        case interrupted
    }

    package let hash: PublicInfoHash
    package var outcome: Outcome
    package var family: AddressFamily
    /// The closest nodes that answered, to store for the next time; the stored ones remain if there are none.
    package var nearest: [NodeContact] = []
    /// Nodes that accepted the announce, of those that got one.
    package var acceptedCount = 0
    package var announcedCount = 0
    /// Queries and announces.
    package var packetCount = 0
    package var peerCount = 0
    /// From the beginning to the first peers, to the eighth token, and to the end.
    package var firstPeers: Duration?
    package var eighthToken: Duration?
    package var duration = Duration.zero
    /// The estimates of a scrape.
    package var seeds: Double?
    package var peers: Double?

    package init(hash: PublicInfoHash, outcome: Outcome, family: AddressFamily) {
        self.hash = hash
        self.outcome = outcome
        self.family = family
    }
}
