package import Torrent

/// Decides which peers to unchoke: tit-for-tat with an optimistic slot (BEP 3). Peers are ranked by what they send
/// while we download, and by what they receive while we seed.
package struct Choker {
    package struct Contender {
        let key: PeerKey
        let isInterested: Bool
        let isSnubbed: Bool
        let isUnchoked: Bool
        /// The rate for the ranking, in bytes per second: received while downloading, sent while seeding.
        let rate: Int
        let connectedAt: Instant

        package init(
            key: PeerKey, isInterested: Bool, isSnubbed: Bool, isUnchoked: Bool, rate: Int, connectedAt: Instant
        ) {
            self.key = key
            self.isInterested = isInterested
            self.isSnubbed = isSnubbed
            self.isUnchoked = isUnchoked
            self.rate = rate
            self.connectedAt = connectedAt
        }
    }

    static let round = Duration.seconds(10)
    static let optimisticRound = Duration.seconds(30)
    /// How many times likelier a new peer is to be the optimistic one (BEP 3).
    static let newPeerWeight = 3
    static let newPeerAge = Duration.seconds(60)

    private(set) var optimistic: PeerKey?
    private var optimisticUntil = Instant.origin
    /// The number of the seed's round. Peers take turns by it, so that the fastest don't starve the others.
    private var turn = 0

    package init() {}

    /// Returns the choked peers that fill free slots before the next round, in the order of `contenders`.
    package func fill(_ contenders: [Contender], slots: Int) -> [PeerKey] {
        let free = slots - contenders.count(where: \.isUnchoked)
        return contenders.filter { $0.isInterested && !$0.isUnchoked }.prefix(max(0, free)).map(\.key)
    }

    /// Returns the peers to unchoke from now on; all others are choked.
    package mutating func choose(
        _ contenders: [Contender], slots: Int, isSeeding: Bool, now: Instant, using random: inout SeededGenerator
    ) -> Set<PeerKey> {
        let interested = contenders.filter(\.isInterested)
        if interested.count <= slots + 1 {
            optimistic = nil
            return Set(interested.map(\.key))
        }
        var ranked = interested.filter { !$0.isSnubbed || isSeeding }.sorted { ($0.rate, $1.key) > ($1.rate, $0.key) }
        if isSeeding {
            // Half of the slots go to the fastest peers; the others take turns.
            turn += 1
            let fast = ranked.prefix(slots / 2)
            let rest = ranked.dropFirst(slots / 2).sorted { $0.key < $1.key }
            let shift = rest.isEmpty ? 0 : turn % rest.count
            ranked = Array(fast) + Array(rest[shift...] + rest[..<shift])
        }
        var chosen = Set(ranked.prefix(slots).map(\.key))
        if now >= optimisticUntil
            || optimistic.map({ key in !interested.contains { $0.key == key } || chosen.contains(key) }) ?? true
        {
            let others = interested.filter { !chosen.contains($0.key) }
            let lots = others.flatMap {
                Array(repeating: $0.key, count: now - $0.connectedAt < Self.newPeerAge ? Self.newPeerWeight : 1)
            }
            optimistic = lots.randomElement(using: &random)
            optimisticUntil = now + Self.optimisticRound
        }
        if let optimistic { chosen.insert(optimistic) }
        return chosen
    }
}
