import Net
import PeerWire
import Swarm
import Torrent

/// A connection of a torrent without metadata.
struct MetadataLink {
    let connection: PeerConnection
    let handshake: Handshake
    var extensions = PeerExtensions()
    /// What the torrent's brain has to hear when the metadata is known.
    var heard = HeardMessages()
    /// Whether the peer was told that we want data.
    var isInterested = false
    /// What its messages may cost.
    var work = WorkBudget(.connection)
    var unsettledWork = 0.0

    init(_ connection: PeerConnection, _ handshake: Handshake) {
        self.connection = connection
        self.handshake = handshake
    }

    /// The address that was dialled; `nil` for an incoming connection.
    var dialled: PeerAddress? { if case .outgoing(let address) = connection.direction { address } else { nil } }

    mutating func charge(_ cost: Double, now: Instant) {
        work.charge(cost, at: now)
        unsettledWork += cost
    }
}
