package import Torrent

/// One message of the DHT (BEP 5): a query, an answer or an error.
package struct KRPCMessage: Equatable, Sendable {
    package enum Body: Equatable, Sendable {
        case query(KRPCQuery)
        case answer(KRPCAnswer)
        case error(KRPCError)
        /// A query that can only be answered with this error.
        case invalidQuery(KRPCError)
    }

    /// Chosen by the node that queries, and repeated in the answer.
    package var transaction: [UInt8]
    package var body: Body
    /// The sender's client and version (`v`).
    package var version: [UInt8]
    /// The sender doesn't answer queries (BEP 43).
    package var isReadOnly: Bool
    /// The address from which the answering node received the query (BEP 42); port 0 if it wasn't said.
    package var externalAddress: PeerAddress?

    package init(
        transaction: [UInt8], _ body: Body, version: [UInt8] = [], isReadOnly: Bool = false,
        externalAddress: PeerAddress? = nil
    ) {
        self.transaction = transaction
        self.body = body
        self.version = version
        self.isReadOnly = isReadOnly
        self.externalAddress = externalAddress
    }
}

/// The families of which a querying node wants nodes (BEP 32).
package struct WantedFamilies: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let n4 = WantedFamilies(rawValue: 1)
    package static let n6 = WantedFamilies(rawValue: 2)
    package static let both: WantedFamilies = [.n4, .n6]

    /// What a node gets that doesn't say what it wants.
    init(_ family: AddressFamily) { self = family == .v4 ? .n4 : .n6 }
}

package struct KRPCQuery: Equatable, Sendable {
    package enum Method: Equatable, Sendable {
        case ping
        case findNode(NodeID, want: WantedFamilies)
        case getPeers(InfoHash, want: WantedFamilies, filter: PeerFilter)
        case announce(KRPCAnnounce)
    }

    package var sender: NodeID
    package var method: Method

    package init(sender: NodeID, _ method: Method) {
        self.sender = sender
        self.method = method
    }
}

/// What a `get_peers` query asks for beside peers (BEP 33).
package struct PeerFilter: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Peers that aren't complete are preferred.
    package static let noSeeds = PeerFilter(rawValue: 1)
    /// The bloom filters of all stored peers are wanted.
    package static let scrape = PeerFilter(rawValue: 2)
}

/// The arguments of `announce_peer`.
package struct KRPCAnnounce: Equatable, Sendable {
    package var infoHash: InfoHash
    /// The port at which the peer listens; it is ignored if ``impliesPort``.
    package var port: UInt16
    /// The peer listens at the port from which the query came.
    package var impliesPort: Bool
    package var isSeed: Bool
    package var token: [UInt8]

    package init(infoHash: InfoHash, port: UInt16, impliesPort: Bool, isSeed: Bool, token: [UInt8]) {
        self.infoHash = infoHash
        self.port = port
        self.impliesPort = impliesPort
        self.isSeed = isSeed
        self.token = token
    }
}

package struct KRPCAnswer: Equatable, Sendable {
    package var sender: NodeID
    /// `nil` if the answer has no such key.
    package var nodes: [NodeContact]?
    package var nodes6: [NodeContact]?
    package var values: [PeerAddress]
    /// A full node gives no token.
    package var token: [UInt8]?
    package var seeds: BloomFilter?
    package var peers: BloomFilter?

    package init(
        sender: NodeID, nodes: [NodeContact]? = nil, nodes6: [NodeContact]? = nil, values: [PeerAddress] = [],
        token: [UInt8]? = nil, seeds: BloomFilter? = nil, peers: BloomFilter? = nil
    ) {
        self.sender = sender
        self.nodes = nodes
        self.nodes6 = nodes6
        self.values = values
        self.token = token
        self.seeds = seeds
        self.peers = peers
    }
}

package struct KRPCError: Equatable, Sendable {
    package var code: Int
    package var text: String

    package init(_ code: Int, _ text: String) {
        self.code = code
        self.text = text
    }

    static let badToken = KRPCError(203, "wrong token")
    static let unknownMethod = KRPCError(204, "unknown method")
    static func invalid(_ name: String) -> KRPCError { KRPCError(203, "missing or invalid \(name)") }
    static let full = KRPCError(202, "no room for more peers")
}
