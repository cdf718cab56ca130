package import Torrent

/// What the peers of one torrent tell each other of its peers (BEP 11).
///
/// A pure machine, which only a public torrent has (law 8 of the design). Each connection that takes part is one link:
/// what we told the peer, and when it may hear of more.
package struct PeerExchange: Sendable {
    /// The time between two messages to a peer; peers disconnect those that send more often.
    package static let interval = Duration.seconds(60)
    /// The most peers of each list of a message, and the most that are taken from one.
    package static let mostTold = 50
    package static let mostTaken = 50
    /// How soon a peer without news is looked at again.
    private static let pause = Duration.seconds(5)
    /// A message that comes sooner than this after the last is ignored.
    package static let leastPause = Duration.seconds(10)
    /// A peer that sends so many messages within ``interval`` is disconnected. A slow socket may deliver several at
    /// once.
    package static let flood = 7

    /// A connected peer, as others may be told of it.
    package struct Contact: Sendable {
        package let key: PeerKey
        /// Where the peer listens, if `isListening`; otherwise only where it comes from.
        package let address: PeerAddress
        /// Whether we dialled the address, or the peer said that it listens there.
        package let isListening: Bool
        package let flags: PeerHint.Flags

        package init(key: PeerKey, address: PeerAddress, isListening: Bool, flags: PeerHint.Flags) {
            self.key = key
            self.address = address
            self.isListening = isListening
            self.flags = flags
        }
    }

    /// A message to a peer.
    package struct News: Equatable, Sendable {
        package var added: [PeerHint] = []
        package var dropped: [PeerAddress] = []
    }

    /// What to do with a message of a peer.
    package enum Verdict: Equatable, Sendable {
        case take([PeerAddress])
        /// The message came too soon, or from a peer that doesn't take part: it is ignored.
        case ignore
        /// The peer floods us: it is disconnected.
        case disconnect
    }

    private struct Link {
        var told: Set<PeerAddress> = []
        var nextAt: Instant
        /// When the last messages of the peer came.
        var heardAt: [Instant] = []
    }

    private var links: [PeerKey: Link] = [:]
    private var nextAt: Instant?

    /// `nil` for a private torrent.
    package init?(isPrivate: Bool) {
        guard PeerSource.pex.isAllowed(isPrivate: isPrivate) else { return nil }
    }

    /// The peer understands the messages.
    package mutating func joined(_ key: PeerKey, now: Instant) {
        guard links[key] == nil else { return }
        links[key] = Link(nextAt: now)
        nextAt = min(nextAt ?? now, now)
    }

    package mutating func left(_ key: PeerKey) { links[key] = nil }

    /// Whether a peer may hear of others now.
    package func isDue(now: Instant) -> Bool { nextAt.map { $0 <= now } ?? false }

    /// The messages that are due, given all connected peers.
    package mutating func messages(_ contacts: [Contact], now: Instant) -> [(PeerKey, News)] {
        var messages: [(PeerKey, News)] = []
        let listening = contacts.filter { $0.isListening && $0.address.isDialable }
        for receiver in contacts {
            guard var link = links[receiver.key], link.nextAt <= now else { continue }
            var news = News()
            var current: Set<PeerAddress> = []
            for contact in listening
            where contact.key != receiver.key && contact.address != receiver.address
                && Self.mayHear(receiver.address.host, of: contact.address.host)
            {
                guard current.insert(contact.address).inserted, !link.told.contains(contact.address),
                    news.added.count < Self.mostTold
                else { continue }
                news.added.append(PeerHint(contact.address, contact.flags))
            }
            news.dropped = Array(link.told.subtracting(current).prefix(Self.mostTold))
            link.told.formUnion(news.added.map(\.address))
            link.told.subtract(news.dropped)
            let isSilent = news.added.isEmpty && news.dropped.isEmpty
            link.nextAt = now + (isSilent ? Self.pause : Self.interval)
            links[receiver.key] = link
            if !isSilent { messages.append((receiver.key, news)) }
        }
        nextAt = links.values.map(\.nextAt).min()
        return messages
    }

    /// A peer told of others.
    package mutating func received(
        _ added: [PeerHint], from key: PeerKey, at sender: PeerAddress, now: Instant
    ) -> Verdict {
        guard var link = links[key] else { return .ignore }
        link.heardAt.removeAll { now - $0 >= Self.interval }
        let isEarly = link.heardAt.last.map { now - $0 < Self.leastPause } ?? false
        link.heardAt.append(now)
        links[key] = link
        guard link.heardAt.count < Self.flood else { return .disconnect }
        guard !isEarly else { return .ignore }
        let usable = added.lazy.map(\.address).filter { address in
            address.isDialable && address != sender && Self.mayHear(sender.host, of: address.host)
        }
        return .take(Array(usable.prefix(Self.mostTaken)))
    }

    /// Whether the receiver can reach the host: addresses of a local network mean something only in that network.
    private static func mayHear(_ receiver: PeerAddress.Host, of host: PeerAddress.Host) -> Bool {
        switch host.reach {
        case .everywhere: true
        case .special: false
        case let reach: receiver.reach == reach || receiver.reach == .loopback
        }
    }
}
