import Torrent

/// Opening and closing connections.
extension Swarm {
    /// A connection has completed its handshake, either in answer to ``Effect/dial(_:)`` or as an incoming one. A
    /// failure gives the reason to close it.
    package mutating func connected(_ hello: PeerInfo, now: Instant) -> Result<PeerKey, Refusal> {
        if !hello.isIncoming { dialing.remove(hello.address) }
        defer { reserved.remove(hello.address) }
        if let reason = refusal(of: hello) ?? (makePlace(for: hello, now: now) ? nil : .tooManyPeers) {
            if reason != .duplicate, !hello.isIncoming { book.released(hello.address) }
            return .failure(Refusal(reason))
        }
        let key = PeerKey(nextKey)
        nextKey &+= 1
        let peer = Peer(hello, key: key, now: now)
        peers[key] = peer
        orderedPeers.append(peer)
        if hello.isIncoming { charge(peer, .statement, now: now) }
        book.connected(hello.address, client: hello.client, at: unix(now))
        if !pieces.have.isEmpty || hello.supportsFast { send(peer, .pieces(pieces.have), now: now) }
        sayUploadOnly(to: peer, now: now)
        // The dial has ended, so another may begin.
        if !hello.isIncoming { dialMore(now: now) }
        return .success(key)
    }

    private func refusal(of hello: PeerInfo) -> DisconnectReason? {
        guard mode == .running else { return .paused }
        let ban = hello.isIncoming ? book.banReason(ofIncoming: hello.address) : book[hello.address]?.banReason
        if let ban { return .banned(ban) }
        if isConnected(hello.address) { return .duplicate }
        return nil
    }

    private func isConnected(_ address: PeerAddress) -> Bool {
        orderedPeers.contains { $0.address == address && !$0.isClosing }
    }

    /// An incoming peer reported the port on which it listens; it is known by that address from now on.
    mutating func listens(_ peer: Peer, at address: PeerAddress, now: Instant) {
        peer.hasSaidPort = true
        guard address != peer.address, address.isDialable else { return }
        if let reason = book[address]?.banReason { return disconnect(peer, .banned(reason)) }
        if isConnected(address) { return disconnect(peer, .duplicate) }
        book.listens(peer.address, at: address, now: unix(now))
        peer.address = address
    }

    /// Sends the peer our upload-only state (BEP 21) when it changes. Peers can see for themselves that we have every
    /// piece.
    mutating func sayUploadOnly(to peer: Peer, now: Instant) {
        let isUploadOnly = isComplete && !pieces.have.isFull
        guard peer.supportsExtensions, isUploadOnly != peer.saidUploadOnly else { return }
        peer.saidUploadOnly = isUploadOnly
        send(peer, .uploadOnly(isUploadOnly), now: now)
    }

    /// The reason why a connection is rejected.
    package struct Refusal: Error, Equatable {
        package let reason: DisconnectReason

        init(_ reason: DisconnectReason) { self.reason = reason }
    }

    package mutating func dialFailed(_ address: PeerAddress, now: Instant) {
        dialing.remove(address)
        reserved.remove(address)
        if !isConnected(address) { book.dialFailed(address, at: unix(now)) }
        dialMore(now: now)
    }

    /// The address is one of our own.
    package mutating func foundSelf(at address: PeerAddress, now: Instant) {
        dialing.remove(address)
        reserved.remove(address)
        book.isSelf(address)
    }

    /// The connection is closed, by either side. Whatever the peer still owed is requested from others.
    package mutating func closed(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key] else { return }
        peer.isClosing = true
        giveBack(peer, keepRequests: false)
        if peer.isSeed { pieces.seedLeft() } else { forgetPieces(of: peer) }
        peers[key] = nil
        orderedPeers.removeAll { $0 === peer }
        formerAddresses[key] = peer.address
        if peer.isIncoming { formerCallers[key] = peer.address.host }
        if formerAddresses.count > 4096 { pruneFormerAddresses() }
        book.disconnected(
            peer.address, downloaded: peer.verifiedBytes, uploaded: peer.uploaded.total,
            rate: Int(peer.pipeline.bestRate), at: unix(now))
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
    package mutating func heard(_ key: PeerKey, now: Instant) { peers[key]?.lastHeardAt = now }

    mutating func disconnect(_ peer: Peer, _ reason: DisconnectReason) {
        guard !peer.isClosing else { return }
        peer.isClosing = true
        giveBack(peer, keepRequests: false)
        effects.append(.disconnect(peer.key, reason))
    }

    mutating func send(_ peer: Peer, _ message: Outgoing, now: Instant) {
        guard !peer.isClosing else { return }
        peer.lastSaidAt = now
        effects.append(.send(peer.key, message))
    }

    mutating func ban(_ key: PeerKey, reason: String, now: Instant) {
        guard let address = peers[key]?.address ?? formerAddresses[key] else { return }
        if let host = peers[key].map({ $0.isIncoming ? $0.address.host : nil }) ?? formerCallers[key] {
            effects.append(.shun(host, reason: reason))
        }
        guard !book.isBanned(address) else { return }
        book.ban(address, reason: reason, at: unix(now))
        book.hashFailed(address)
        effects.append(.note(.banned(address, reason: reason)))
        for peer in orderedPeers where peer.address == address { disconnect(peer, .banned(reason)) }
    }

    mutating func dialMore(now: Instant) {
        guard mode == .running, !faults.isOffline else { return }
        while dialing.count < settings.maximumDials, dialing.count + peers.count < settings.maximumPeers,
            let address = book.next(at: unix(now))
        {
            dialing.insert(address)
            effects.append(.dial(address))
        }
    }

    /// Checks a peer at each tick for silence, for requests without an answer, and for two seeds connected to each
    /// other.
    mutating func watch(_ peer: Peer, now: Instant) {
        guard !peer.isClosing else { return }
        if now - peer.lastHeardAt > Self.silenceLimit {
            disconnect(peer, .silent)
            return
        }
        if peer.servingBytes > 0, now - peer.servingSince > Self.deafAfter, faults.isNone {
            return disconnect(peer, .deaf)
        }
        if now - peer.lastSaidAt > Self.keepAliveAfter { send(peer, .keepAlive, now: now) }
        if isComplete, pieces.unverified.isEmpty, pieces.have.isFull || peer.isUploadOnly,
            peer.isSeed || peer.isUploadOnly
        {
            disconnect(peer, .bothSeeding)
            return
        }
        peer.dropReleased(before: now + .seconds(-60))
        if let oldest = peer.requests.first(where: { !$0.isReleased }) {
            let since = max(oldest.sentAt, peer.lastBlockAt ?? oldest.sentAt)
            let limit = peer.lastBlockAt == nil ? Self.firstBlockAfter : Self.snubAfter
            if now - since > limit + (peer.pipeline.smallestRTT ?? .zero) { snub(peer, now: now) }
        } else if peer.isSnubbed, now - peer.snubbedAt > Self.snubPause {
            peer.isSnubbed = false
        }
    }

    mutating func snub(_ peer: Peer, now: Instant) {
        peer.isSnubbed = true
        peer.snubbedAt = now
        peer.rejections = 0
        peer.pipeline.snubbed()
        giveBack(peer, keepRequests: true)
    }

    /// Frees the peer's requests and pieces for other peers.
    mutating func giveBack(_ peer: Peer, keepRequests: Bool) {
        for block in peer.releaseRequests(keep: keepRequests) {
            pieces.released(block)
            downloadBucket.giveBack(geometry.length(of: block))
        }
        for index in peer.assignedPieces { pieces[index]?.assignedPeer = nil }
        peer.assignedPieces = []
        leave(peer.currentPiece, peer)
        peer.currentPiece = nil
        peer.pipeline.idle()
    }

    private mutating func forgetPieces(of peer: Peer) {
        guard let have = peer.have else { return }
        for piece in have.pieces { pieces.lostCopy(piece, using: &random) }
    }

    private mutating func pruneFormerAddresses() {
        var needed = ledger.suspects
        for piece in pieces.active { needed.formUnion(piece.contributors) }
        let newest = formerAddresses.keys.sorted().suffix(2048)
        formerAddresses = formerAddresses.filter { needed.contains($0.key) || $0.key >= (newest.first ?? PeerKey(0)) }
        formerCallers = formerCallers.filter { formerAddresses[$0.key] != nil }
    }
}
