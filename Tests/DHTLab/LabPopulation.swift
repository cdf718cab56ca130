package import DHT
package import Torrent

/// A thousand nodes that know each other as the nodes of a settled network do, some of them hostile.
package final class LabPopulation {
    package let honest: [ModelNode]
    package let hostile: [HostileNode]
    private var random: SeededGenerator

    /// - `habits`: the habits of the hostile nodes, in turn.
    package init(
        count: Int, hostile share: Double, habits: [HostileNode.Habit] = HostileNode.Habit.allCases, seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed)
        var hosts: Set<UInt32> = []
        // One node a /24, anywhere in the public address space.
        func address() -> PeerAddress {
            while true {
                let word = UInt32.random(in: 0x0b00_0000...0xdfff_ffff, using: &random)
                guard PeerAddress.Host.v4(word).reach == .everywhere, hosts.insert(word & 0xffff_ff00).inserted else {
                    continue
                }
                return PeerAddress(.v4(word), port: UInt16.random(in: 1024...65535, using: &random))
            }
        }
        var honest: [ModelNode] = []
        var hostile: [HostileNode] = []
        for n in 0..<count {
            let address = address()
            let id = SecureNodeID.make(for: address.host, using: &random)
            if n < Int(Double(count) * share) {
                hostile.append(
                    HostileNode(
                        at: address, id: id, habit: habits[n % habits.count], seed: random.next()))
            } else {
                honest.append(ModelNode(at: address, id: id))
            }
        }
        let all = honest.map(\.contact) + hostile.map(\.contact)
        for node in honest {
            // At most eight of each bucket.
            var buckets = [[NodeContact]](repeating: [], count: 40)
            for contact in all.shuffled(using: &random) where contact.id != node.id {
                let bucket = min(node.id.sharedPrefix(with: contact.id), buckets.count - 1)
                if buckets[bucket].count < 8 { buckets[bucket].append(contact) }
            }
            node.known = buckets.flatMap { $0 }
        }
        for node in hostile { node.accomplices = hostile.map(\.address) }
        self.honest = honest
        self.hostile = hostile
        self.random = random
    }

    package func join(_ network: LabNetwork) {
        for node in honest { network.add(node) }
        for node in hostile { network.add(node) }
    }

    /// A new torrent whose peer is stored by the eight honest nodes closest to it.
    package func publish(_ peer: PeerAddress) -> PublicInfoHash {
        let hash = LabPopulation.hash(using: &random)
        let target = NodeID(hash.infoHash)
        for node in honest.sorted(by: { $0.id.isCloser(than: $1.id, to: target) }).prefix(8) {
            node.store(peer, for: hash.infoHash)
        }
        return hash
    }

    /// The nodes that hold a peer of the torrent.
    package func holders(of hash: PublicInfoHash, _ peer: PeerAddress) -> Int {
        honest.count { $0.announced[hash.infoHash]?.contains(peer) ?? false }
    }

    /// What a node remembers that ran in this network before: nodes of all kinds.
    package func snapshot(nodes count: Int, for host: PeerAddress.Host) -> DHTSnapshot {
        let all = (honest.map(\.contact) + hostile.map(\.contact)).shuffled(using: &random)
        let id = SecureNodeID.make(for: host, using: &random)
        return DHTSnapshot(families: [
            .v4: .init(id: id, externalHost: host, nodes: all.prefix(count).map { DHTSnapshot.Node(contact: $0) })
        ])
    }

    package static func hash(using random: inout some RandomNumberGenerator) -> PublicInfoHash {
        let bytes = NodeID.random(using: &random).bytes
        guard let infoHash = InfoHash(bytes), let hash = PublicInfoHash(infoHash, isPrivate: false) else {
            preconditionFailure("an id has the length of an info hash")
        }
        return hash
    }
}
