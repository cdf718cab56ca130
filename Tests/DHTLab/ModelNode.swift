package import DHT
package import Torrent

/// An honest node that answers as the BEPs say, from a table that doesn't change. Cheaper than a ``DHTNode``, so that
/// a thousand of them fit into a test.
package final class ModelNode: LabMember {
    package let address: PeerAddress
    package let id: NodeID
    package var known: [NodeContact] = []
    package private(set) var announced: [InfoHash: [PeerAddress]] = [:]
    package private(set) var wrongTokens = 0
    /// Answers without tokens: the node is full.
    package var isFull = false

    package init(at address: PeerAddress, id: NodeID) {
        self.address = address
        self.id = id
    }

    package var contact: NodeContact { NodeContact(id: id, address: address) }

    package func store(_ peer: PeerAddress, for hash: InfoHash) { announced[hash, default: []].append(peer) }

    package func receive(_ datagram: [UInt8], from sender: PeerAddress, now: Instant) -> [LabDatagram] {
        guard let message = KRPCMessage(datagram), case .query(let query) = message.body else { return [] }
        var answer = KRPCAnswer(sender: id)
        switch query.method {
        case .ping: break
        case .findNode(let target, _): answer.nodes = closest(to: target)
        case .getPeers(let hash, _, _):
            answer.nodes = closest(to: NodeID(hash))
            answer.values = Array((announced[hash] ?? []).prefix(50))
            if !isFull { answer.token = token(for: sender) }
        case .announce(let announce):
            guard announce.token == token(for: sender) else {
                wrongTokens += 1
                return [reply(.error(KRPCError(203, "bad token")), message, sender)]
            }
            store(PeerAddress(sender.host, port: announce.port), for: announce.infoHash)
        }
        return [reply(.answer(answer), message, sender)]
    }

    private func reply(_ body: KRPCMessage.Body, _ query: KRPCMessage, _ to: PeerAddress) -> LabDatagram {
        LabDatagram(
            KRPCMessage(transaction: query.transaction, body, externalAddress: to).datagram, from: address, to: to)
    }

    private func token(for sender: PeerAddress) -> [UInt8] {
        Array(SHA1.hash(id.bytes + PeerAddress(sender.host, port: 0).compact).prefix(4))
    }

    private func closest(to target: NodeID) -> [NodeContact] {
        Array(known.map { ($0.id ^ target, $0) }.sorted { $0.0 < $1.0 }.prefix(8).map(\.1))
    }
}
