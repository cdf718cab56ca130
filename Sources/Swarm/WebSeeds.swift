import Torrent

/// The web seeds of the torrent.
struct WebSeeds: ~Copyable {
    /// The most web seeds that are asked at once: others take the place of those that rest. Game launchers name
    /// hundreds, which together would drown the line.
    private static let mostBusy = 4

    private var byKey: [WebSeedKey: WebSeed] = [:]
    private var nextKey: UInt32 = 1
    /// The seeds, ordered by key.
    private(set) var ordered: [WebSeed] = []

    subscript(key: WebSeedKey) -> WebSeed? { byKey[key] }
    var count: Int { byKey.count }
    var isEmpty: Bool { byKey.isEmpty }

    mutating func takeKey() -> WebSeedKey {
        defer { nextKey += 1 }
        return WebSeedKey(nextKey)
    }

    mutating func add(_ seed: WebSeed) {
        byKey[seed.key] = seed
        ordered.append(seed)
    }

    mutating func remove(_ seed: WebSeed) {
        byKey[seed.key] = nil
        ordered.removeAll { $0 === seed }
    }

    /// The bytes that all seeds owe.
    var outstandingBytes: Int { ordered.reduce(0) { $0 + $1.source.outstanding } * Geometry.blockLength }

    /// Whether the seed may be asked now, or others are asked instead: at most a few, the fastest ones first.
    func isChosen(_ seed: WebSeed, now: Instant) -> Bool {
        if seed.isBusy { return true }
        if ordered.count <= Self.mostBusy { return true }
        guard ordered.count(where: \.isBusy) < Self.mostBusy else { return false }
        return !ordered.contains { other in
            other !== seed && !other.isBusy && other.rate > seed.rate && other.source.isInteresting
                && !other.source.hasEnded && !other.isResting(now: now)
        }
    }
}
