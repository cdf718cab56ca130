package import Torrent

/// Decides which pieces the first seed of a torrent announces to which peer (BEP 16).
///
/// The seed poses as a peer without pieces. It announces very few pieces to each peer, ones that no other peer has, and
/// another one when a piece has reached a second peer. So each piece is uploaded about once, and most of all to the
/// peers that pass pieces on. It ends when the swarm has all pieces without us: everything is then announced to all.
///
/// A pure machine. Announced pieces are called offers. A claim keeps a piece from being offered twice.
package struct SuperSeeding {
    /// The most open offers to a peer: one that is unchoked, one that is choked, and one that is alone with us and can
    /// pass nothing on.
    package static let mostOffers = 2
    package static let mostOffersWhileChoked = 1
    package static let mostOffersToOnlyPeer = 4
    /// How long a peer that has the piece may keep it to itself before it is offered another one. If nothing at all is
    /// uploaded, the wait is shorter.
    package static let patience = Duration.seconds(15)
    static let patienceWhileIdle = Duration.seconds(2)
    /// How long a peer may receive nothing of a piece before the piece is offered to another peer, too. A peer that is
    /// choked waits for its turn.
    package static let overdueAfter = Duration.seconds(20)
    static let overdueAfterChoked = Duration.seconds(60)
    /// How often all pieces are looked at for those that no peer has, while peers wait for an offer.
    private static let surveyInterval = Duration.seconds(1)
    /// The number of hosts that come with all pieces after which the swarm needs no first seed. One alone may lie.
    package static let enoughSeeds = 2
    /// The most HAVEs to one peer at a tick after the end.
    package static let mostToldAtOnce = 1000

    /// A peer at a tick.
    package struct Guest {
        package let key: PeerKey
        package let isUnchoked: Bool
        package let isInterested: Bool

        package init(key: PeerKey, isUnchoked: Bool, isInterested: Bool) {
            self.key = key
            self.isUnchoked = isUnchoked
            self.isInterested = isInterested
        }
    }

    private struct Offer {
        let piece: PieceIndex
        /// When the piece was offered, when data of it was last sent, or when the peer announced it.
        var movedAt: Instant
        /// Whether the peer has the piece.
        var isTaken = false
        var isOverdue = false
    }

    private struct Link {
        /// The pieces that the peer was told of; `nil` if it was told of everything.
        var told: Bitfield?
        var offers: [Offer] = []
    }

    private struct Holders {
        var keys: [PeerKey] = []
        /// Whether one of them can be expected to take the piece.
        var isClaimed = true
    }

    private let pieceCount: Int
    private var random: SeededGenerator
    private var links: [PeerKey: Link] = [:]
    /// The peers with open offers of a piece.
    private var holders: [PieceIndex: Holders] = [:]
    /// The pieces to offer next, the first of them last. Some may have been announced meanwhile.
    private var fresh: [PieceIndex]
    private var nextSurvey = Instant.origin
    private var lastSentAt: Instant
    private var seeds: Set<PeerAddress.Host> = []
    /// Peers with a place for another offer.
    private var open: Set<PeerKey> = []
    /// Whether the swarm needs no first seed any more, so that peers are told of everything.
    package private(set) var isOver = false

    package init(pieceCount: Int, seed: UInt64, now: Instant) {
        self.pieceCount = pieceCount
        random = SeededGenerator(seed: seed)
        fresh = (0..<pieceCount).map { PieceIndex($0) }.shuffled(using: &random)
        lastSentAt = now
    }

    // MARK: Queries

    /// Whether some of what we have is kept from the peer.
    package func conceals(from key: PeerKey) -> Bool { links[key]?.told != nil }

    /// Whether the peer may be sent the piece: it was told of it, or of everything.
    package func mayServe(_ piece: PieceIndex, to key: PeerKey) -> Bool {
        isOver || links[key]?.told.map { $0[piece] } ?? true
    }

    /// Whether ``offers(to:isUnchoked:copies:now:)`` may find an offer for the peer.
    package func hasPlace(for key: PeerKey) -> Bool { !isOver && open.contains(key) }

    /// Whether every peer was told of everything, after the end.
    package var isFinished: Bool { isOver && links.values.allSatisfy { $0.told == nil } }

    // MARK: Peers

    /// A peer is connected. It was told that we have nothing, unless it `knowsAll`.
    package mutating func arrived(_ key: PeerKey, knowsAll: Bool) {
        links[key] = Link(told: knowsAll ? nil : Bitfield(count: pieceCount))
        if !knowsAll { open.insert(key) }
    }

    /// The peer is gone. What it was offered and didn't take goes to another.
    package mutating func left(_ key: PeerKey) {
        guard let link = links.removeValue(forKey: key) else { return }
        open.remove(key)
        for offer in link.offers {
            let isFree = close(offer, of: key)
            if !offer.isTaken, isFree { fresh.append(offer.piece) }
        }
    }

    /// A peer has the piece. `copies` is the number of connected peers that have it and aren't seeds.
    package mutating func announced(_ piece: PieceIndex, by key: PeerKey, copies: Int, now: Instant) {
        guard !isOver, let holding = holders[piece] else { return }
        for holder in holding.keys {
            guard let index = links[holder]?.offers.firstIndex(where: { $0.piece == piece }) else { continue }
            if holder != key || copies > 1 {
                if let offer = links[holder]?.offers.remove(at: index) { _ = close(offer, of: holder) }
                open.insert(holder)
            } else {
                links[holder]?.offers[index].isTaken = true
                links[holder]?.offers[index].movedAt = now
                // No other peer can take it over.
                if links.count == 1 { open.insert(holder) }
            }
        }
    }

    /// The peer has all of these pieces.
    package mutating func announced(_ pieces: Bitfield, by key: PeerKey, copies: (PieceIndex) -> Int, now: Instant) {
        for piece in holders.keys.sorted() where pieces[piece] {
            announced(piece, by: key, copies: copies(piece), now: now)
        }
    }

    /// A peer has every piece. If we sent it some of them, it is the copy that the swarm needs; otherwise it may be a
    /// seed, or lie.
    package mutating func isSeed(_ host: PeerAddress.Host, hasReceived: Bool) {
        seeds.insert(host.subscriber)
        if hasReceived || seeds.count >= Self.enoughSeeds { end() }
    }

    /// Data of the piece was sent to the peer.
    package mutating func sent(_ piece: PieceIndex, to key: PeerKey, now: Instant) {
        lastSentAt = now
        guard let index = links[key]?.offers.firstIndex(where: { $0.piece == piece }) else { return }
        links[key]?.offers[index].movedAt = now
    }

    /// Everything is announced to every peer from now on.
    package mutating func end() {
        isOver = true
        holders = [:]
        fresh = []
        open = []
    }

    // MARK: Offers

    /// Returns the pieces to tell the peer of now. `copies` is as in ``announced(_:by:copies:now:)``, and `nil` for
    /// pieces that we can't serve.
    package mutating func offers(
        to key: PeerKey, isUnchoked: Bool, copies: (PieceIndex) -> Int?, now: Instant
    ) -> [PieceIndex] {
        guard !isOver, var link = links[key], var told = link.told else { return [] }
        links[key] = nil
        var chosen: [PieceIndex] = []
        let isAlone = links.isEmpty
        let most = isAlone ? Self.mostOffersToOnlyPeer : isUnchoked ? Self.mostOffers : Self.mostOffersWhileChoked
        if isAlone {
            for offer in link.offers where offer.isTaken { _ = close(offer, of: key) }
            link.offers.removeAll(where: \.isTaken)
        }
        var skipped: [PieceIndex] = []
        while link.offers.count < most, let piece = fresh.popLast() {
            guard copies(piece) == 0, holders[piece]?.isClaimed != true else { continue }
            // What was offered before goes to a peer that can take it now.
            guard !told[piece], holders[piece] == nil || isUnchoked else {
                skipped.append(piece)
                continue
            }
            told.insert(piece)
            link.offers.append(Offer(piece: piece, movedAt: now))
            holders[piece, default: Holders()].keys.append(key)
            holders[piece]?.isClaimed = true
            chosen.append(piece)
        }
        fresh += skipped.reversed()
        link.told = told
        if link.offers.count >= most { open.remove(key) }
        links[key] = link
        return chosen
    }

    /// Looks at what time alone changes. Returns the pieces to tell peers of now, in order.
    package mutating func tick(
        _ guests: [Guest], copies: (PieceIndex) -> Int?, now: Instant
    ) -> [(key: PeerKey, pieces: [PieceIndex])] {
        guard !isOver else { return [] }
        for guest in guests { review(guest, now: now) }
        let news = offers(to: guests, copies: copies, now: now)
        guard now >= nextSurvey, guests.contains(where: { open.contains($0.key) }) else { return news }
        nextSurvey = now + Self.surveyInterval
        survey(copies: copies)
        return isOver ? news : news + offers(to: guests, copies: copies, now: now)
    }

    private mutating func offers(
        to guests: [Guest], copies: (PieceIndex) -> Int?, now: Instant
    ) -> [(key: PeerKey, pieces: [PieceIndex])] {
        var news: [(key: PeerKey, pieces: [PieceIndex])] = []
        for guest in guests where open.contains(guest.key) {
            let pieces = offers(to: guest.key, isUnchoked: guest.isUnchoked, copies: copies, now: now)
            if !pieces.isEmpty { news.append((guest.key, pieces)) }
        }
        return news
    }

    /// Closes offers that wait in vain.
    private mutating func review(_ guest: Guest, now: Instant) {
        guard var link = links[guest.key], link.told != nil else { return }
        let isIdle = now - lastSentAt > Self.patienceWhileIdle
        var closed: [Offer] = []
        for index in link.offers.indices.reversed() {
            let wait = now - link.offers[index].movedAt
            if link.offers[index].isTaken {
                if wait > (isIdle ? Self.patienceWhileIdle : Self.patience) {
                    closed.append(link.offers.remove(at: index))
                }
            } else if wait > (guest.isUnchoked || !guest.isInterested ? Self.overdueAfter : Self.overdueAfterChoked) {
                // A peer that waits for its turn keeps its offer, because it must stay interested.
                if guest.isUnchoked || !guest.isInterested {
                    closed.append(link.offers.remove(at: index))
                } else if !link.offers[index].isOverdue {
                    link.offers[index].isOverdue = true
                    holders[link.offers[index].piece]?.isClaimed = false
                }
            }
        }
        links[guest.key] = link
        for offer in closed { _ = close(offer, of: guest.key) }
        let most = guest.isUnchoked ? Self.mostOffers : Self.mostOffersWhileChoked
        if link.offers.count < most { open.insert(guest.key) }
    }

    /// Finds the pieces that no peer has and that aren't claimed. If peers have all pieces, the swarm needs no first
    /// seed.
    private mutating func survey(copies: (PieceIndex) -> Int?) {
        fresh = []
        var isSpread = true
        for index in 0..<pieceCount {
            let piece = PieceIndex(index)
            let count = copies(piece)
            if let count, count > 0 { continue }
            isSpread = false
            if count != nil, holders[piece]?.isClaimed != true { fresh.append(piece) }
        }
        fresh.shuffle(using: &random)
        if isSpread { end() }
    }

    /// The offer to the peer is no longer open. Returns whether no other peer has a claim to the piece.
    private mutating func close(_ offer: Offer, of key: PeerKey) -> Bool {
        guard var holding = holders[offer.piece] else { return true }
        holding.keys.removeAll { $0 == key }
        if holding.keys.isEmpty {
            holders[offer.piece] = nil
            return true
        }
        holders[offer.piece] = holding
        return !holding.isClaimed
    }

    // MARK: The end

    /// After the end, returns pieces of `present` to tell the peer of, at most ``mostToldAtOnce``. `has` says which
    /// of them the peer has itself.
    package mutating func rest(for key: PeerKey, of present: Bitfield, has: (PieceIndex) -> Bool) -> [PieceIndex] {
        guard isOver, var told = links[key]?.told else { return [] }
        links[key]?.told = nil
        var pieces: [PieceIndex] = []
        for piece in present.subtracting(told).pieces {
            guard pieces.count < Self.mostToldAtOnce else {
                links[key]?.told = told
                break
            }
            told.insert(piece)
            if !has(piece) { pieces.append(piece) }
        }
        return pieces
    }

    // MARK: Invariants

    /// Descriptions of what is inconsistent, for tests; empty if nothing is.
    package var faults: [String] {
        var found: [String] = []
        for (key, link) in links where !isOver {
            if link.offers.count > Self.mostOffersToOnlyPeer { found.append("\(key) has \(link.offers.count) offers") }
            for offer in link.offers {
                if link.told?[offer.piece] != true { found.append("\(key) wasn't told of piece \(offer.piece)") }
                if holders[offer.piece]?.keys.contains(key) != true {
                    found.append("piece \(offer.piece) isn't offered to \(key), who has an offer of it")
                }
            }
        }
        for (piece, holding) in holders {
            if holding.keys.isEmpty { found.append("piece \(piece) has a claim and no offer") }
            for key in holding.keys where links[key]?.offers.contains(where: { $0.piece == piece }) != true {
                found.append("piece \(piece) is offered to \(key), who has no offer of it")
            }
        }
        return found
    }
}
