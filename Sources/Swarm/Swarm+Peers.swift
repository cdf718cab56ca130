package import Torrent

/// Opening and closing connections.
extension Swarm {
    /// Adds addresses of peers to the address book.
    package mutating func learn(_ addresses: [PeerAddress], from source: PeerSource, now: Instant) {
        guard source.isAllowed(isPrivate: settings.isPrivate) else { return }
        for address in addresses { book.learn(address, from: source, at: unix(now)) }
        dialMore(now: now)
    }

    /// Adds addresses of which a connected peer told.
    package mutating func learn(_ addresses: [PeerAddress], toldBy key: PeerKey, now: Instant) {
        guard PeerSource.pex.isAllowed(isPrivate: settings.isPrivate), let teller = peers.address(of: key) else {
            return
        }
        for address in addresses { book.learn(address, toldBy: teller, at: unix(now)) }
        dialMore(now: now)
    }

    /// A peer says at which address it sees us.
    package mutating func seen(at address: PeerAddress) { book.seenAt(address) }

    /// The connected peers, as others may be told of them.
    package var contacts: [PeerExchange.Contact] {
        peers.ordered.lazy.filter { !$0.isClosing }.map { peer in
            var flags: PeerHint.Flags = peer.isIncoming ? [] : .isReachable
            if peer.source.hasAll || peer.isUploadOnly { flags.insert(.isSeed) }
            return PeerExchange.Contact(
                key: peer.key, address: peer.address, isListening: !peer.isIncoming || peer.hasSaidPort, flags: flags)
        }
    }

    /// Connections to these addresses are taken over from the fetch of the metadata: each is answered by
    /// ``connected(_:now:)`` or ``released(_:)``.
    package mutating func reserve(_ addresses: [PeerAddress]) { for address in addresses { book.reserve(address) } }

    /// The connection can't be taken over.
    package mutating func released(_ address: PeerAddress) { book.released(address) }

    /// Restores a peer that an earlier run stored.
    package mutating func restore(_ entry: AddressBook.Entry) { book.restore(entry) }

    /// Returns the peers whose history changed, so that they can be stored.
    package mutating func takePeerChanges() -> [AddressBook.Entry] { book.takeChanges() }

    /// A connection has completed its handshake, either in answer to ``Effect/dial(_:)`` or as an incoming one. A
    /// failure gives the reason to close it.
    package mutating func connected(_ info: PeerInfo, now: Instant) -> Result<PeerKey, Refusal> {
        if !info.isIncoming { peers.dialEnded(info.address) }
        let reason = refusal(of: info) ?? (makePlace(for: info, now: now) ? nil : .tooManyPeers)
        peers.freeReservedPlace(of: info.address)
        if let reason {
            if reason != .duplicate, !info.isIncoming { book.released(info.address) }
            return .failure(Refusal(reason))
        }
        let key = peers.takeKey()
        let peer = peers.connected(info, key, as: sources.add(.peer(key)), now: now)
        if info.isIncoming { charge(peer, .statement, now: now) }
        book.connected(info.address, client: info.client, at: unix(now))
        let isConcealing = isSuperSeeding
        superSeeding?.arrived(key, knowsAll: !isConcealing)
        let told = isConcealing ? Bitfield(count: geometry.pieceCount) : pieces.have
        if !told.isEmpty || info.supportsFast { send(peer, .pieces(told), now: now) }
        sayUploadOnly(to: peer, now: now)
        // The dial has ended, so another may begin.
        if !info.isIncoming { dialMore(now: now) }
        return .success(peer.key)
    }

    private func refusal(of info: PeerInfo) -> DisconnectReason? {
        guard mode == .running else { return .paused }
        let ban = info.isIncoming ? book.banReason(ofIncoming: info.address) : book[info.address]?.banReason
        if let ban { return .banned(ban) }
        if peers.isConnected(to: info.address) { return .duplicate }
        return nil
    }

    /// An incoming peer reported the port on which it listens; it is known by that address from now on.
    mutating func listens(_ peer: Peer, at address: PeerAddress, now: Instant) {
        peer.saidPort()
        guard address != peer.address, address.isDialable else { return }
        if let reason = book[address]?.banReason { return disconnect(peer, .banned(reason)) }
        if peers.isConnected(to: address) { return disconnect(peer, .duplicate) }
        book.listens(peer.address, at: address, now: unix(now))
        peer.listens(at: address)
    }

    /// Sends the peer our upload-only state (BEP 21) when it changes. Peers can see for themselves that we have every
    /// piece.
    mutating func sayUploadOnly(to peer: Peer, now: Instant) {
        let isUploadOnly = isComplete && !pieces.have.isFull
        if peer.takeNews(isUploadOnly: isUploadOnly) { send(peer, .uploadOnly(isUploadOnly), now: now) }
    }

    /// The reason why a connection is rejected.
    package struct Refusal: Error, Equatable {
        package let reason: DisconnectReason

        init(_ reason: DisconnectReason) { self.reason = reason }
    }

    package mutating func dialFailed(_ address: PeerAddress, now: Instant) {
        peers.dialEnded(address)
        peers.freeReservedPlace(of: address)
        if !peers.isConnected(to: address) { book.dialFailed(address, at: unix(now)) }
        dialMore(now: now)
    }

    /// The address is one of our own.
    package mutating func foundSelf(at address: PeerAddress, now: Instant) {
        peers.dialEnded(address)
        peers.freeReservedPlace(of: address)
        book.isSelf(address)
    }

    /// The connection is closed, by either side. Whatever the peer still owed is requested from others.
    package mutating func closed(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key] else { return }
        peer.source.end()
        giveBack(peer.source, keepRequests: false)
        if peer.source.hasAll { pieces.seedLeft() } else { forgetPieces(of: peer) }
        superSeeding?.left(key)
        peers.closed(peer)
        sources.remove(peer.source)
        if peers.remembersTooMany { forgetFormerPeers() }
        book.disconnected(
            peer.address, downloaded: peer.source.verifiedBytes, uploaded: peer.serving.uploadedTotal,
            rate: Int(peer.source.pipeline.bestRate), at: unix(now))
        guard mode == .running else { return }
        dialMore(now: now)
        fillAll(now: now)
        unchokeIfRoom(now: now)
    }

    /// The peer broke the protocol: it is disconnected, but not banned.
    package mutating func misbehaved(_ key: PeerKey, _ what: String, now: Instant) {
        guard let peer = peers[key], !peer.isClosing else { return }
        disconnect(peer, .protocolError(what))
    }

    /// The peer sent something, if only a keep-alive.
    package mutating func heard(_ key: PeerKey, now: Instant) { peers[key]?.heard(now: now) }

    mutating func disconnect(_ peer: Peer, _ reason: DisconnectReason) {
        guard !peer.isClosing else { return }
        peer.source.end()
        giveBack(peer.source, keepRequests: false)
        effects.append(.disconnect(peer.key, reason))
    }

    mutating func send(_ peer: Peer, _ message: Outgoing, now: Instant) {
        guard !peer.isClosing else { return }
        peer.said(now: now)
        effects.append(.send(peer.key, message))
    }

    /// Bans the block source for what it sent of the piece.
    mutating func ban(_ key: SourceKey, reason: String, for piece: PieceIndex, now: Instant) {
        switch key {
        case .peer(let key): ban(key, reason: reason, now: now)
        case .webSeed(let key): blame(key, for: piece, now: now)
        }
    }

    private mutating func ban(_ key: PeerKey, reason: String, now: Instant) {
        guard let address = peers.address(of: key) else { return }
        if let host = peers.caller(key) { effects.append(.shun(host, reason: reason)) }
        guard !book.isBanned(address) else { return }
        book.ban(address, reason: reason, at: unix(now))
        book.hashFailed(address)
        effects.append(.note(.banned(address, reason: reason)))
        for peer in peers.ordered where peer.address == address { disconnect(peer, .banned(reason)) }
    }

    mutating func dialMore(now: Instant) {
        guard mode == .running, !faults.isOffline else { return }
        while peers.mayDial(settings), let address = book.next(at: unix(now)) { dial(address) }
    }

    /// Checks a peer at each tick for silence, for requests without an answer, and for two seeds connected to each
    /// other.
    mutating func watch(_ peer: Peer, now: Instant) {
        guard !peer.isClosing else { return }
        if now - peer.lastHeardAt > Self.silenceLimit {
            disconnect(peer, .silent)
            return
        }
        if peer.serving.isUnread(for: Self.deafAfter, now: now), faults.isNone {
            return disconnect(peer, .deaf)
        }
        if now - peer.lastSaidAt > Self.keepAliveAfter { send(peer, .keepAlive, now: now) }
        if isComplete, pieces.unverified.isEmpty, pieces.have.isFull || peer.isUploadOnly,
            peer.source.hasAll || peer.isUploadOnly
        {
            disconnect(peer, .bothSeeding)
            return
        }
        watch(peer.source, now: now)
    }

    private mutating func forgetPieces(of peer: Peer) {
        guard let have = peer.source.have else { return }
        for piece in have.pieces { pieces.lostCopy(piece, using: &random) }
    }

    private mutating func forgetFormerPeers() {
        var needed = ledger.suspects
        for piece in pieces.active { needed.formUnion(piece.contributors) }
        peers.forgetFormer(except: needed)
    }

    // MARK: Places

    /// Whether the new peer gets a place. An idle peer may be disconnected to free one.
    private mutating func makePlace(for info: PeerInfo, now: Instant) -> Bool {
        if peers.hasPlace(for: info, isComplete: isComplete, most: settings.maximumPeers) { return true }
        let idlest = peers.idlest(
            for: info.address, isChosen: !info.isIncoming, isComplete: isComplete, now: now
        ) { book.priority(of: $0) }
        guard let idlest else { return false }
        giveUp(idlest, now: now)
        return true
    }

    /// When all places are taken and some peers are idle, dials a known address in place of an idle peer.
    mutating func makePlaceForDial(now: Instant) {
        guard mode == .running, faults.isNone, !isComplete, peers.dialCount == 0, peers.count >= settings.maximumPeers,
            book.hasCandidates,
            let idlest = peers.idlest(
                for: nil, isChosen: false, isComplete: false, now: now, priority: { book.priority(of: $0) }),
            let address = book.next(at: unix(now))
        else { return }
        giveUp(idlest, now: now)
        peers.reservePlace(for: address)
        dial(address)
    }

    private mutating func dial(_ address: PeerAddress) {
        peers.dialBegan(address)
        effects.append(.dial(address))
    }
}
