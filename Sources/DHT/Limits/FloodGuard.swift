package import Torrent

/// Drops messages of sources that send too many, and of all when there are too many, before they are read.
package struct FloodGuard {
    /// The messages of one source in one window.
    package static let mostOfSource = 50
    static let window = Duration.seconds(10)
    /// How long a source that sent more is ignored.
    static let silence = Duration.seconds(300)
    /// The sources that are remembered. When there are more, only the limit for all holds for new ones.
    package static let mostSources = 2048
    /// Messages a second, and at once, from all sources.
    package static let rate = 400.0
    package static let burst = 800.0

    private struct Source {
        var began: Instant
        var count = 0
        var silentUntil: Instant?

        func isOver(_ now: Instant) -> Bool { silentUntil.map { now >= $0 } ?? (now - began >= FloodGuard.window) }
    }

    private var sources: [PeerAddress: Source] = [:]
    private var all = PacketBudget(rate: Self.rate, burst: Self.burst)
    private var cleanedAt: Instant?

    package init() {}

    var silentCount: Int { sources.values.count { $0.silentUntil != nil } }
    package var sourceCount: Int { sources.count }

    /// Many nodes of a local network may share a host, as in tests; on the internet, a host has one limit.
    private static func key(_ address: PeerAddress) -> PeerAddress {
        address.host.reach == .everywhere ? PeerAddress(address.host.subscriber, port: 0) : address
    }

    /// Whether the source sent too much a moment ago.
    func isSilenced(_ address: PeerAddress, now: Instant) -> Bool {
        sources[Self.key(address)]?.silentUntil.map { now < $0 } ?? false
    }

    /// Whether a message of this address may be read.
    package mutating func admits(_ address: PeerAddress, now: Instant) -> Bool {
        let key = Self.key(address)
        var source: Source
        if let known = sources[key], !known.isOver(now) {
            guard known.silentUntil == nil else { return false }
            source = known
        } else {
            source = Source(began: now)
        }
        guard all.allows(now: now) else { return false }
        all.take()
        source.count += 1
        if source.count > Self.mostOfSource { source.silentUntil = now + Self.silence }
        if sources[key] == nil, sources.count >= Self.mostSources { clean(now) }
        if sources[key] != nil || sources.count < Self.mostSources { sources[key] = source }
        return source.silentUntil == nil
    }

    /// At most once a second, because it looks at every source.
    private mutating func clean(_ now: Instant) {
        if let cleanedAt, now - cleanedAt < .seconds(1) { return }
        cleanedAt = now
        sources = sources.filter { !$0.value.isOver(now) }
    }
}
