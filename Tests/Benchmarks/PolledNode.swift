import DHT
import Glibc
import Torrent

/// Our node of the DHT at a socket of its own, which works while somebody waits for it.
final class PolledNode {
    private let socket: Int32
    private let began = ContinuousClock.now
    private var node: DHTNode
    private var foundAt: [PublicInfoHash: ContinuousClock.Instant] = [:]
    private var ended: Set<PublicInfoHash> = []

    init(entry: PeerAddress) throws {
        (socket, _) = try Socket.datagrams(isLocal: false)
        node = DHTNode(settings: DHTSettings(), seed: 1, now: .origin)
        feed(.opened(.v4))
        feed(.given([entry]))
    }

    deinit { close(socket) }

    var goodNodes: Int { node.report().families[.v4]?.goodNodes ?? 0 }

    /// The time from the beginning of a search to its first peers; `nil` if it found none.
    func search(_ hash: PublicInfoHash, patience: Duration) -> Duration? {
        (foundAt[hash], ended) = (nil, [])
        let start = ContinuousClock.now
        feed(.search(DHTSearch(hash)))
        work(for: patience) { $0.foundAt[hash] != nil || $0.ended.contains(hash) }
        let found = foundAt[hash].map { start.duration(to: $0) }
        // The rest of the lookup doesn't disturb the next one.
        feed(.forget(hash))
        return found
    }

    /// Receives and answers until the time has passed, or `isEnough`.
    func work(for time: Duration, until isEnough: (PolledNode) -> Bool = { _ in false }) {
        let end = ContinuousClock.now + time
        var list = [pollfd(fd: socket, events: Int16(POLLIN), revents: 0)]
        while ContinuousClock.now < end, !isEnough(self) {
            if let wake = node.nextWake, wake <= now { feed(.wake) }
            let wait = min(end - .now, node.nextWake.map { $0 - now } ?? .seconds(1))
            poll(&list, 1, Int32(max(0, min(1000, (wait / .milliseconds(1)).rounded(.up)))))
            while let (bytes, sender) = Socket.receive(socket) { feed(.received(bytes, from: PeerAddress(sender))) }
        }
    }

    private var now: Instant { .origin + (ContinuousClock.now - began) }

    private func feed(_ event: DHTNode.Event) {
        for effect in node.handle(event, now: now) {
            switch effect {
            case .send(let bytes, let address):
                if let address = sockaddr_in(address) { Socket.send(bytes, to: address, through: socket) }
            case .found(let hash, _): if foundAt[hash] == nil { foundAt[hash] = .now }
            case .ended(let result): ended.insert(result.hash)
            case .resolveRouters: feed(.resolved([]))
            case .needDue, .externalAddress: break
            }
        }
    }
}

extension PeerAddress {
    init(_ address: sockaddr_in) {
        self.init(.v4(UInt32(bigEndian: address.sin_addr.s_addr)), port: UInt16(bigEndian: address.sin_port))
    }
}

extension sockaddr_in {
    /// `nil` for IPv6.
    init?(_ address: PeerAddress) {
        guard case .v4(let word) = address.host else { return nil }
        self.init()
        sin_family = sa_family_t(AF_INET)
        sin_addr.s_addr = word.bigEndian
        sin_port = address.port.bigEndian
    }
}
