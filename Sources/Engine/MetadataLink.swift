import Net
import PeerWire
import Swarm

/// A connection of a torrent without metadata.
struct MetadataLink {
    let connection: PeerConnection
    let handshake: Handshake
    var extensions = PeerExtensions()
    /// What the torrent's brain has to hear when the metadata is known.
    var heard = HeardMessages()
    /// What its messages may cost.
    var work = WorkBudget(.connection)
    var unsettledWork = 0.0

    init(_ connection: PeerConnection, _ handshake: Handshake) {
        self.connection = connection
        self.handshake = handshake
    }

    mutating func charge(_ cost: Double, now: Instant) {
        work.charge(cost, at: now)
        unsettledWork += cost
    }
}
