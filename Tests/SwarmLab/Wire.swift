import Swarm
import Torrent

/// What travels between nodes; a block carries its digest instead of its bytes.
enum Message {
    case choke, unchoke, interested, notInterested, keepAlive, haveAll, haveNone
    case have(PieceIndex)
    case bitfield(Bitfield)
    case request(BlockRequest)
    case cancel(BlockRequest)
    case reject(BlockRequest)
    case block(BlockRequest, digest: UInt64)
    case extended(reqq: Int?, uploadOnly: Bool?, port: UInt16?)
    case allowedFast(PieceIndex)
    case dontHave(PieceIndex)
}

/// What a node says of itself in the handshake.
struct Traits {
    var supportsFast = true
    var supportsExtensions = true
}

/// A member of the swarm.
protocol Node: AnyObject {
    var address: PeerAddress { get }
    var traits: Traits { get }
    /// One way to or from this node.
    var latency: Duration { get }
    /// Whether it answers who dials it.
    var isListening: Bool { get }

    func connected(_ end: WireEnd)
    func received(_ messages: [Message], on end: WireEnd)
    func closed(_ end: WireEnd)
}

/// One end of a connection: messages arrive in their order, after the latency, and a lost packet is one that comes
/// late.
final class WireEnd {
    let node: any Node
    let isIncoming: Bool
    /// Counts the ends, so that they have an order.
    let number: Int
    private let lab: Lab
    private var other: WireEnd?
    private(set) var isOpen = true
    private var arrivesAt = Instant.origin
    /// What arrives last of what is under way; more may arrive with it.
    private var batch: Batch?

    private final class Batch {
        let at: Instant
        var messages: [Message]

        init(at: Instant, _ message: Message) {
            self.at = at
            messages = [message]
        }
    }

    var peer: (any Node)? { other?.node }

    private init(_ node: any Node, isIncoming: Bool, lab: Lab) {
        self.node = node
        self.isIncoming = isIncoming
        self.lab = lab
        number = lab.nextEnd
        lab.nextEnd += 1
    }

    static func connect(_ dialler: any Node, to listener: any Node, lab: Lab) {
        let near = WireEnd(dialler, isIncoming: false, lab: lab)
        let far = WireEnd(listener, isIncoming: true, lab: lab)
        near.other = far
        far.other = near
        dialler.connected(near)
        if far.isOpen { listener.connected(far) }
    }

    func send(_ message: Message) {
        guard isOpen, let other else { return }
        let at = arrival()
        if let batch, batch.at == at {
            batch.messages.append(message)
            return
        }
        let batch = Batch(at: at, message)
        self.batch = batch
        lab.schedule(at: at) { [self] in
            if self.batch === batch { self.batch = nil }
            if other.isOpen { other.node.received(batch.messages, on: other) }
        }
    }

    /// This end hears nothing more at once, the other when what was sent has arrived.
    func close() {
        guard isOpen else { return }
        isOpen = false
        lab.schedule(after: .milliseconds(1)) { [self] in
            node.closed(self)
        }
        guard let other else { return }
        lab.schedule(at: arrival() + .milliseconds(1)) { other.hangUp() }
    }

    /// The process at this end is gone.
    func vanish() {
        guard isOpen else { return }
        isOpen = false
        guard let other else { return }
        lab.schedule(at: arrival() + .milliseconds(1)) { other.hangUp() }
    }

    private func hangUp() {
        guard isOpen else { return }
        isOpen = false
        node.closed(self)
    }

    /// On a grid of milliseconds, so that what is sent together arrives together; a pending batch is never overtaken.
    private func arrival() -> Instant {
        var delay = node.latency + (other?.node.latency ?? .zero)
        if lab.random.chance(lab.scenario.loss) { delay += delay + .milliseconds(200) }
        let milliseconds = ((lab.now + delay).nanoseconds + 999_999) / 1_000_000
        arrivesAt = max(arrivesAt, Instant(nanoseconds: milliseconds * 1_000_000))
        return arrivesAt
    }
}
