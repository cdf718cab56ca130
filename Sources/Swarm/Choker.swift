import Torrent

/// Whom to unchoke: tit-for-tat with an optimistic slot (BEP 3), by what a peer gives while we download, by what it
/// takes when we seed.
struct Choker {
    struct Contender {
        let key: PeerKey
        let isInterested: Bool
        let isSnubbed: Bool
        let isUnchoked: Bool
        /// Bytes per second that decide: received while downloading, sent while seeding.
        let rate: Int
        let connectedAt: Instant
    }

    static let round = Duration.seconds(10)
    static let optimisticRound = Duration.seconds(30)
    /// A peer that is new is so much likelier to be the optimistic one (BEP 3).
    static let newPeerWeight = 3
    static let newPeerAge = Duration.seconds(60)

    private(set) var optimistic: PeerKey?
    private var optimisticUntil = Instant.origin
    /// In a seed's rounds the peers take turns, so that none is starved by the fastest.
    private var turn = 0

    /// The choked peers that needn't wait for the next round, because slots are free: in the order of `contenders`.
    func fill(_ contenders: [Contender], slots: Int) -> [PeerKey] {
        let free = slots - contenders.count(where: \.isUnchoked)
        return contenders.filter { $0.isInterested && !$0.isUnchoked }.prefix(max(0, free)).map(\.key)
    }

    /// The peers that should be unchoked from now on.
    mutating func choose(
        _ contenders: [Contender], slots: Int, isSeeding: Bool, now: Instant, using random: inout SeededGenerator
    ) -> Set<PeerKey> {
        let interested = contenders.filter(\.isInterested)
        if interested.count <= slots + 1 {
            optimistic = nil
            return Set(interested.map(\.key))
        }
        var ranked = interested.filter { !$0.isSnubbed || isSeeding }.sorted { ($0.rate, $1.key) > ($1.rate, $0.key) }
        if isSeeding {
            // Half of the slots go to the fastest, the others in turn.
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
