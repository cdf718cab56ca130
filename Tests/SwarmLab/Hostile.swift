import Swarm
import Torrent

/// A host that gives nothing and wants the swarm to stand still: it dials the clients over and over, and says what
/// costs them most.
final class Hostile: Node {
    enum Manner: CaseIterable, Sendable {
        /// Connections that only keep their places.
        case crowd
        /// Choke and unchoke in turn.
        case turns
        case interest
        /// A handshake of extensions after the other, each with another port.
        case ports
        /// Rejects of what nobody asked for.
        case rejects
        /// Blocks that nobody asked for.
        case unasked
        /// It serves lies, and comes again from another port.
        case lies
    }

    /// Connections to one client that it wants to have.
    private static let crowdSize = 40
    /// Messages of one batch, and the pause between two: what a line of 100 KB/s has room for.
    private static let batch = 400
    private static let pause = Duration.milliseconds(100)
    private static let dialPause = Duration.milliseconds(500)

    let address: PeerAddress
    let manner: Manner
    let latency = Duration.milliseconds(5)
    let traits = Traits()
    let isListening = false
    private let lab: Lab
    private var ends: [ObjectIdentifier: WireEnd] = [:]

    init(_ manner: Manner, address: PeerAddress, lab: Lab) {
        self.manner = manner
        self.address = address
        self.lab = lab
    }

    func start() { dial() }

    private func dial() {
        let wanted = manner == .crowd ? Self.crowdSize : 1
        for client in lab.clients where client.isListening {
            let connected = ends.values.count { $0.peer?.address == client.address }
            for _ in connected..<max(connected, wanted) { WireEnd.connect(self, to: client, lab: lab) }
        }
        lab.schedule(after: Self.dialPause) { self.dial() }
    }

    func connected(_ end: WireEnd) {
        ends[ObjectIdentifier(end)] = end
        end.send(manner == .crowd ? .haveNone : .haveAll)
        if manner == .lies { end.send(.unchoke) }
        annoy(end, 0)
    }

    func closed(_ end: WireEnd) { ends[ObjectIdentifier(end)] = nil }

    func received(_ messages: [Message], on end: WireEnd) {
        guard manner == .lies else { return }
        for case .request(let request) in messages { end.send(.block(request, digest: 1)) }
    }

    private func annoy(_ end: WireEnd, _ turn: Int) {
        guard end.isOpen else { return }
        let first = BlockRequest(
            piece: PieceIndex(0), begin: 0,
            length: lab.scenario.geometry.length(of: BlockRef(piece: PieceIndex(0), block: 0)))
        switch manner {
        case .crowd, .lies: return
        case .turns: for n in 0..<Self.batch { end.send(n.isMultiple(of: 2) ? .unchoke : .choke) }
        case .interest: for n in 0..<Self.batch { end.send(n.isMultiple(of: 2) ? .interested : .notInterested) }
        case .ports:
            for n in 0..<Self.batch {
                end.send(.extended(reqq: nil, uploadOnly: nil, port: UInt16(1024 + (turn * Self.batch + n) % 60_000)))
            }
        case .rejects: for _ in 0..<Self.batch { end.send(.reject(first)) }
        case .unasked: for _ in 0..<Self.batch { end.send(.block(first, digest: 2)) }
        }
        lab.schedule(after: Self.pause) { self.annoy(end, turn + 1) }
    }
}
