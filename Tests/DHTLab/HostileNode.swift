package import DHT
package import Torrent

/// A node that doesn't do what the BEPs say.
package final class HostileNode: LabMember {
    package enum Habit: CaseIterable, Sendable {
        /// Never answers.
        case silent
        /// Claims to be next to every target, names accomplices that do too, and gives tokens.
        case sybil
        /// Names nodes that don't exist, or that have other ids.
        case liar
        /// Answers with bytes that mean nothing, or half a message.
        case garbage
        /// Answers with errors.
        case refusing
        /// Gives peers that don't exist, and addresses of local networks, as many as a datagram holds.
        case poison
        /// Answers under a new id each time.
        case restless
        /// Answers each query many times.
        case flood
        /// Answers in the name of others too.
        case forger
    }

    package let address: PeerAddress
    package let id: NodeID
    package let habit: Habit
    /// Other hostile nodes.
    package var accomplices: [PeerAddress] = []
    private var random: SeededGenerator
    package private(set) var announceCount = 0

    package init(at address: PeerAddress, id: NodeID, habit: Habit, seed: UInt64) {
        self.address = address
        self.id = id
        self.habit = habit
        random = SeededGenerator(seed: seed)
    }

    package var contact: NodeContact { NodeContact(id: id, address: address) }

    package func receive(_ datagram: [UInt8], from sender: PeerAddress, now: Instant) -> [LabDatagram] {
        guard habit != .silent, let message = KRPCMessage(datagram), case .query(let query) = message.body else {
            return []
        }
        let target: NodeID
        switch query.method {
        case .ping: target = id
        case .findNode(let id, _): target = id
        case .getPeers(let hash, _, _): target = NodeID(hash)
        case .announce(let announce):
            announceCount += 1
            target = NodeID(announce.infoHash)
        }
        func reply(_ answer: KRPCAnswer) -> LabDatagram {
            LabDatagram(
                KRPCMessage(
                    transaction: message.transaction, .answer(answer),
                    externalAddress: PeerAddress(.v4(0x0909_0909), port: 1)
                ).datagram, from: address, to: sender)
        }
        let token: [UInt8] = [1, 2, 3, 4]
        switch habit {
        case .silent: return []
        case .sybil:
            let nodes = accomplices.shuffled(using: &random).prefix(8).map {
                NodeContact(id: near(target, $0), address: $0)
            }
            let isAsked = if case .ping = query.method { false } else { true }
            return [reply(KRPCAnswer(sender: isAsked ? near(target, address) : id, nodes: nodes, token: token))]
        case .liar:
            let nodes = (0..<8).map { _ in
                NodeContact(id: near(target, address), address: accomplices.randomElement(using: &random) ?? address)
            }
            return [reply(KRPCAnswer(sender: id, nodes: nodes))]
        case .garbage:
            let whole = reply(KRPCAnswer(sender: id)).bytes
            let bytes =
                Bool.random(using: &random)
                ? Array(whole.prefix(Int.random(in: 0..<whole.count, using: &random)))
                : [UInt8(ascii: "d")] + (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
            return [LabDatagram(bytes, from: address, to: sender)]
        case .refusing:
            return [
                LabDatagram(
                    KRPCMessage(transaction: message.transaction, .error(KRPCError(202, "no"))).datagram, from: address,
                    to: sender)
            ]
        case .poison:
            let values = (0..<150).map { n in
                PeerAddress(
                    .v4(
                        n % 3 == 0
                            ? 0x7f00_0001 : n % 3 == 1 ? 0xc0a8_0101 : UInt32.random(in: 0...(.max), using: &random)),
                    port: UInt16.random(in: 0...3, using: &random))
            }
            return [reply(KRPCAnswer(sender: id, values: values, token: token))]
        case .restless: return [reply(KRPCAnswer(sender: .random(using: &random), token: token))]
        case .flood: return Array(repeating: reply(KRPCAnswer(sender: id, token: token)), count: 30)
        case .forger:
            let forged = accomplices.prefix(4).map { victim in
                LabDatagram(
                    KRPCMessage(
                        transaction: (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) },
                        .answer(KRPCAnswer(sender: near(target, victim), token: token))
                    ).datagram, from: victim, to: sender)
            }
            return forged + [reply(KRPCAnswer(sender: id, token: token))]
        }
    }

    /// An id next to the target that belongs to an address: its accomplices compute the same.
    private func near(_ target: NodeID, _ address: PeerAddress) -> NodeID {
        var bytes = target.bytes
        let digest = Array(SHA1.hash(address.compact))
        for n in 12..<20 { bytes[n] = digest[n] }
        return NodeID(bytes) ?? target
    }
}
