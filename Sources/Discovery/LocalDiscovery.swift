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
    /// The time between two announces of torrents at rest; each one names up to ``LocalAnnouncement/mostHashes``.
    package static let dormantPause = Duration.seconds(15)
    /// The least time in which all torrents at rest are announced once.
    package static let dormantRound = Duration.seconds(240)
    /// The most torrents that aren't announced here, and of which others are asked to be told, in a second.
    package static let mostUnknown = 20
    /// How long the answer to that question is remembered, and for how many torrents.
    package static let unknownMemory = Duration.seconds(1800)
    package static let mostRemembered = 4096
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
    private var unknown = (second: Int64.min, count: 0)
    /// When others were last found to have a torrent that isn't active here.
    private var foundAt: [InfoHash: Instant] = [:]
    private var nextDormantAt: Instant?
    private var roundBeganAt: Instant?
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

    // MARK: Torrents at rest

    /// Whether torrents at rest may be announced now. Answer with ``announceDormant(_:isLast:now:)``.
    package mutating func takeDormantTurn(now: Instant) -> Bool {
        guard nextDormantAt.map({ now >= $0 }) ?? true else { return false }
        nextDormantAt = now + Self.dormantPause
        if roundBeganAt == nil { roundBeganAt = now }
        return true
    }

    /// The announcement of these torrents at rest; `nil` for none. After the last of them a new round begins, though
    /// not before ``dormantRound`` has passed since the last one began.
    package mutating func announceDormant(_ hashes: [PublicInfoHash], isLast: Bool, now: Instant) -> LocalAnnouncement?
    {
        if isLast, let began = roundBeganAt {
            nextDormantAt = max(now + Self.dormantPause, began + Self.dormantRound)
            roundBeganAt = nil
        }
        let resting = hashes.filter { torrents[$0] == nil }.prefix(LocalAnnouncement.mostHashes)
        guard !resting.isEmpty else { return nil }
        return LocalAnnouncement(port: port, infoHashes: resting.map(\.infoHash), cookie: cookie)
    }

    /// Whether it is worth asking if the torrent is one of ours at rest. A flood of names is ignored, and so is a
    /// torrent that was named a short while ago.
    private mutating func mayBeDormant(_ hash: InfoHash, now: Instant) -> Bool {
        if let last = foundAt[hash], now - last < Self.unknownMemory { return false }
        let second = now.nanoseconds / 1_000_000_000
        if second != unknown.second { unknown = (second, 0) }
        guard unknown.count < Self.mostUnknown else { return false }
        unknown.count += 1
        if foundAt.count >= Self.mostRemembered {
            foundAt = foundAt.filter { now - $0.value < Self.unknownMemory }
            guard foundAt.count < Self.mostRemembered else { return false }
        }
        foundAt[hash] = now
        return true
    }

    // MARK: Datagrams

    /// What others announced.
    package struct Found: Sendable, Equatable {
        /// Active torrents that the sender has.
        package var active: [PublicInfoHash] = []
        /// Torrents that aren't active here, but may be at rest.
        package var others: [InfoHash] = []
        package var address: PeerAddress
    }

    /// A datagram came. Returns the torrents that the sender has, and its address. Our own datagrams, and those beyond
    /// the limit, give `nil`.
    package mutating func received(_ datagram: some Collection<UInt8>, from host: PeerAddress.Host, now: Instant)
        -> Found?
    {
        let second = now.nanoseconds / 1_000_000_000
        if second != accepted.second { accepted = (second, 0) }
        guard accepted.count < Self.mostAccepted else {
            ignoredCount += 1
            return nil
        }
        guard let announcement = LocalAnnouncement(datagram: datagram), announcement.cookie != cookie else {
            return nil
        }
        accepted.count += 1
        var found = Found(address: PeerAddress(host, port: announcement.port))
        guard found.address.isDialable else { return nil }
        for infoHash in announcement.infoHashes {
            // A torrent that is announced here is public.
            if let hash = PublicInfoHash(infoHash, isPrivate: false), torrents[hash] != nil {
                found.active.append(hash)
            } else if mayBeDormant(infoHash, now: now) {
                found.others.append(infoHash)
            }
        }
        return found
    }
}
