import Swarm
import Torrent

/// What comes over the wire.
extension Client {
    func connected(_ end: WireEnd) {
        guard isUp, let peer = end.peer else { return end.vanish() }
        // What comes in has a port of the moment.
        let from =
            end.isIncoming ? PeerAddress(peer.address.host, port: 40_000 + UInt16(end.number % 20_000)) : peer.address
        // As the session does: at the door.
        if end.isIncoming, bans.reason(of: from.host, at: lab.unixNow) != nil { return end.vanish() }
        let hello = PeerInfo(
            address: from, isIncoming: end.isIncoming, supportsFast: peer.traits.supportsFast,
            supportsExtensions: peer.traits.supportsExtensions,
            client: "lab")
        feed { swarm in
            switch swarm.connected(hello, now: self.lab.now) {
            case .success(let key):
                self.ends[key] = end
                self.keys[ObjectIdentifier(end)] = key
            case .failure(let refusal):
                end.vanish()
                if !end.isIncoming, refusal.reason != .duplicate { swarm.dialFailed(from, now: self.lab.now) }
            }
        }
        end.send(.extended(reqq: Swarm.longestServeQueue, uploadOnly: nil, port: end.isIncoming ? nil : address.port))
    }

    func closed(_ end: WireEnd) {
        guard isUp, let key = keys.removeValue(forKey: ObjectIdentifier(end)) else { return }
        ends[key] = nil
        feed { $0.closed(key, now: self.lab.now) }
    }

    func dialFailed(_ address: PeerAddress) { feed { $0.dialFailed(address, now: self.lab.now) } }

    func foundSelf(_ address: PeerAddress) {
        feed { swarm in
            swarm.foundSelf(at: address, now: self.lab.now)
            swarm.dialFailed(address, now: self.lab.now)
        }
    }

    func received(_ messages: [Message], on end: WireEnd) {
        guard isUp, let key = keys[ObjectIdentifier(end)] else { return }
        if let until = resting[ObjectIdentifier(end)] {
            if until > lab.now { return lab.schedule(at: until) { if end.isOpen { self.received(messages, on: end) } } }
            resting[ObjectIdentifier(end)] = nil
        }
        feed { $0.counted(messages.count, from: key, now: self.lab.now) }
        for message in messages { feed { self.handle(message, key, &$0) } }
        feed { $0.batchEnded(key, now: self.lab.now) }
        var pause: Duration?
        feed { pause = $0.settle(key, in: &self.sharedWork, now: self.lab.now) }
        if let pause { resting[ObjectIdentifier(end)] = lab.now + pause }
    }

    private func handle(_ message: Message, _ key: PeerKey, _ swarm: inout Swarm) {
        let now = lab.now
        switch message {
        case .choke: swarm.choked(key, now: now)
        case .unchoke: swarm.unchoked(key, now: now)
        case .interested: swarm.interested(key, now: now)
        case .notInterested: swarm.notInterested(key, now: now)
        case .keepAlive: swarm.heard(key, now: now)
        case .haveAll: swarm.haveAll(key, now: now)
        case .haveNone: swarm.haveNone(key, now: now)
        case .have(let piece): swarm.has(key, piece.value, now: now)
        case .bitfield(let pieces): swarm.bitfield(key, pieces, now: now)
        case .request(let request):
            swarm.requested(key, piece: request.piece.value, begin: request.begin, length: request.length, now: now)
        case .cancel(let request):
            swarm.cancelled(key, piece: request.piece.value, begin: request.begin, length: request.length, now: now)
        case .reject(let request): swarm.rejected(key, request, now: now)
        case .allowedFast(let piece): swarm.allowedFast(key, piece.value, now: now)
        case .dontHave(let piece): swarm.dontHave(key, piece.value, now: now)
        case .extended(let reqq, let uploadOnly, let port):
            swarm.extended(key, reqq: reqq, uploadOnly: uploadOnly, port: port, now: now)
        case .block(let request, let digest):
            lab.report.blocks += 1
            let verdict = swarm.received(
                key, piece: request.piece.value, begin: request.begin, length: request.length, now: now)
            guard verdict == .store else { return }
            countStored(request.length)
            let block = lab.content.block(request)
            buffers[request.piece, default: [:]][block.block] = digest
            senders[block] = ends[key]?.peer?.address
        }
    }

    /// Whoever sends, no more comes than the limit allows.
    func countStored(_ bytes: Int) {
        stored += bytes
        guard let limit = plan.settings.downloadLimit else { return }
        let burst = max(Double(limit) / 5, Double(Geometry.blockLength))
        let allowed = Double(limit) * (lab.now - livesSince).inSeconds + burst + Self.overshoot
        if Double(stored) > allowed {
            lab.fail("client \(number) got \(stored) bytes where its limit of \(limit) B/s allows \(Int(allowed))")
        }
    }

    /// What was requested and then given up may come after all, and each web seed ends the block that it is at.
    private static let overshoot = Double(16 * Geometry.blockLength)
}
