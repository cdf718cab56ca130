package import Torrent

/// What an operator asks about the DHT.
package struct DHTReport: Equatable, Sendable {
    /// Why there are too few nodes.
    package enum Shortage: Equatable, Sendable {
        /// No UDP socket of this family is open.
        case noSocket
        /// No node is stored, and no address to begin with was given.
        case noEntry
        /// Queries were sent, and none was answered: UDP may be blocked.
        case noAnswers(queries: Int)
        /// The search for nodes has just begun.
        case starting
        /// Some nodes answer, but fewer than a lookup needs.
        case fewNodes
    }

    /// Why the queries of other nodes aren't answered (BEP 43).
    package enum ReadOnly: Equatable, Sendable {
        /// The settings say so.
        case set
        /// Other nodes can't reach us, because a router or a firewall drops their queries.
        case unreachable
    }

    package struct Family: Equatable, Sendable {
        package var id: NodeID
        /// Whether the id suits the external address (BEP 42); `nil` if the address isn't known.
        package var isSecure: Bool?
        package var externalHost: PeerAddress.Host?
        package var goodNodes: Int
        package var nodes: Int
        package var spareNodes: Int
        package var buckets: Int
        package var activeLookups: Int
        package var queriesUnderWay: Int
        package var storedTorrents: Int
        package var storedPeers: Int
        /// `nil` if there are enough nodes.
        package var shortage: Shortage?
        /// `nil` if the queries of other nodes are answered.
        package var readOnly: ReadOnly?
    }

    package var families: [AddressFamily: Family]
    package var waitingSearches: Int
    package var dormantWaiting: Int
    package var silencedSources: Int
    package var counters: DHTCounters
}

/// Events since the start.
package struct DHTCounters: Equatable, Sendable {
    package internal(set) var queriesSent = 0
    package internal(set) var answersReceived = 0
    package internal(set) var errorsReceived = 0
    package internal(set) var timeouts = 0
    package internal(set) var queriesReceived = 0
    package internal(set) var answersSent = 0
    /// Messages that exceeded a limit, and weren't read or answered.
    package internal(set) var floodDropped = 0
    package internal(set) var malformed = 0
    /// Answers to no query of ours, or from another address.
    package internal(set) var stray = 0
    /// Answers with another id than the node was told to have.
    package internal(set) var wrongIDs = 0
    package internal(set) var wrongTokens = 0
    package internal(set) var announcesStored = 0
}
