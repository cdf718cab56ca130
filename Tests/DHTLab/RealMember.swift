package import DHT
package import Torrent

/// A ``DHTNode`` in a ``LabNetwork``, with what it reports.
package final class RealMember: LabMember {
    package let address: PeerAddress
    package private(set) var node: DHTNode
    package private(set) var found: [PublicInfoHash: [PeerAddress]] = [:]
    package private(set) var results: [DHTSearchResult] = []
    package private(set) var externalHosts: [PeerAddress.Host] = []
    package private(set) var routerRequests = 0
    package private(set) var demands: [Int] = []
    package private(set) var sentTo: [PeerAddress] = []
    /// The torrents that the database has for announces that are due.
    package var due: [DHTDueAnnounce] = []
    /// The addresses to which the names of bootstrap servers resolve.
    package var routers: [PeerAddress] = []

    package init(
        at address: PeerAddress, seed: UInt64, stored: DHTSnapshot = DHTSnapshot(),
        settings: DHTSettings = DHTSettings(), now: Instant
    ) {
        self.address = address
        node = DHTNode(settings: settings, stored: stored, seed: seed, now: now)
    }

    package var nextWake: Instant? { node.nextWake }

    package func receive(_ datagram: [UInt8], from address: PeerAddress, now: Instant) -> [LabDatagram] {
        handle(.received(datagram, from: address), now: now)
    }

    package func wake(now: Instant) -> [LabDatagram] { handle(.wake, now: now) }

    package func handle(_ event: DHTNode.Event, now: Instant) -> [LabDatagram] {
        var datagrams: [LabDatagram] = []
        for effect in node.handle(event, now: now) {
            switch effect {
            case .send(let bytes, let to):
                datagrams.append(LabDatagram(bytes, from: address, to: to))
                sentTo.append(to)
            case .found(let hash, let peers): found[hash, default: []] += peers
            case .ended(let result): results.append(result)
            case .externalAddress(let host): externalHosts.append(host)
            case .resolveRouters:
                routerRequests += 1
                if !routers.isEmpty { datagrams += handle(.resolved(routers), now: now) }
            case .needDue(let most):
                demands.append(most)
                let batch = Array(due.prefix(most))
                due.removeFirst(batch.count)
                datagrams += handle(.due(batch), now: now)
            }
        }
        return datagrams
    }
}
