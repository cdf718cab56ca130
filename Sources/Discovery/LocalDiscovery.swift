package import Torrent

/// When torrents are announced on the local network, and which peers are found there (BEP 14).
///
/// A pure machine: every event takes the time.
package struct LocalDiscovery: Sendable {
    /// The time between two announces of a torrent; each one's is within.
    package static let interval = Duration.seconds(240)...Duration.seconds(300)
    /// A new torrent is announced again so soon, because a datagram may be lost.
    private static let repetition = Duration.seconds(2)
    /// The most announcements of others that are accepted in a second.
    package static let mostAccepted = 10
    /// Torrents that are due so soon go into the same datagram.
    private static let together = Duration.seconds(15)

    private struct Entry {
        var nextAt: Instant
        var repetitions = 1
    }

    private let cookie: String
    private let port: UInt16
    private var random: SeededGenerator
    private var torrents: [PublicInfoHash: Entry] = [:]
    private var accepted = (second: Int64.min, count: 0)
    /// Announcements that were ignored because too many came.
    package private(set) var ignoredCount = 0

    /// `port` is where we accept peers.
    package init(port: UInt16, seed: UInt64) {
        self.port = port
        random = SeededGenerator(seed: seed)
        cookie = String(random.next(), radix: 16)
    }

    package mutating func add(_ hash: PublicInfoHash, now: Instant) { torrents[hash] = Entry(nextAt: now) }

    package mutating func remove(_ hash: PublicInfoHash) { torrents[hash] = nil }

    package func has(_ hash: PublicInfoHash) -> Bool { torrents[hash] != nil }

    /// The announcements that are due. Torrents that would be due soon are announced with the others.
    package mutating func takeDue(now: Instant) -> [LocalAnnouncement] {
        guard torrents.values.contains(where: { $0.nextAt <= now }) else { return [] }
        let due = torrents.filter { $0.value.nextAt <= now + Self.together }.keys.sorted()
        for hash in due {
            guard var entry = torrents[hash] else { continue }
            if entry.repetitions > 0 {
                entry.repetitions -= 1
                entry.nextAt = now + Self.repetition
            } else {
                let spread = Self.interval.upperBound - Self.interval.lowerBound
                let part = Double.random(in: 0...1, using: &random)
                entry.nextAt = now + Self.interval.lowerBound + spread * part
            }
            torrents[hash] = entry
        }
        return stride(from: 0, to: due.count, by: LocalAnnouncement.mostHashes).map { start in
            let part = due[start..<min(start + LocalAnnouncement.mostHashes, due.count)]
            return LocalAnnouncement(port: port, infoHashes: part.map(\.infoHash), cookie: cookie)
        }
    }

    /// A datagram came. Returns our torrents that the sender has, and its address. Our own datagrams, and those beyond
    /// the limit, give none.
    package mutating func received(_ datagram: some Collection<UInt8>, from host: PeerAddress.Host, now: Instant)
        -> [(PublicInfoHash, PeerAddress)]
    {
        let second = now.nanoseconds / 1_000_000_000
        if second != accepted.second { accepted = (second, 0) }
        guard accepted.count < Self.mostAccepted else {
            ignoredCount += 1
            return []
        }
        guard let announcement = LocalAnnouncement(datagram: datagram), announcement.cookie != cookie else { return [] }
        accepted.count += 1
        let address = PeerAddress(host, port: announcement.port)
        guard address.isDialable else { return [] }
        return announcement.infoHashes.compactMap { infoHash in
            guard let hash = PublicInfoHash(infoHash, isPrivate: false), torrents[hash] != nil else { return nil }
            return (hash, address)
        }
    }
}
