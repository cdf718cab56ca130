import Logging
import NIOCore
import Net
import PeerWire
import Store
import Swarm
import Torrent

/// Translates messages between the wire and ``MetadataFetch``.
extension MetadataEngine: PeerConnectionDelegate {
    /// The most bytes that all peers together make us keep until the metadata is known.
    private static let mostHeardBytes = 8 << 20

    // MARK: From the connection, on the loop

    nonisolated func opened(_ connection: PeerConnection, theirs: Handshake) {
        assumeIsolated { $0.handshakesPassed(connection, theirs) }
    }

    nonisolated func received(_ messages: [PeerMessage], from connection: PeerConnection) {
        assumeIsolated { engine in
            guard let key = connection.tag.map({ PeerKey($0) }) else { return }
            let now = engine.environment.clock.now
            let cost = Double(messages.count) * WorkBudget.Work.message.rawValue
            engine.links[key]?.charge(cost, now: now)
            for message in messages { engine.handle(message, from: key, now: now) }
        }
    }

    nonisolated func readEnded(_ connection: PeerConnection) {
        assumeIsolated { engine in
            guard let key = connection.tag.map({ PeerKey($0) }) else { return }
            engine.settle(key, connection)
            engine.perform()
        }
    }

    nonisolated func closed(_ connection: PeerConnection, because reason: String) {
        assumeIsolated { $0.gone(connection, reason) }
    }

    // MARK: Connections

    func dial(_ address: PeerAddress) {
        environment.sockets.dial(address, delegate: self, sending: ourHandshake) { error in
            self.assumeIsolated { engine in
                engine.log.debug("cannot connect to \(address): \(error)")
                engine.feed { fetch, now in fetch.dialFailed(address, now: now) }
            }
        }
    }

    /// Our handshake, for outgoing and incoming connections.
    nonisolated var ourHandshake: Handshake { environment.handshake(of: infoHash, usesDHT: dht != nil) }

    private func handshakesPassed(_ connection: PeerConnection, _ theirs: Handshake) {
        guard let info = PeerInfo(connection, theirs) else { return connection.close() }
        guard theirs.peerID != environment.peerID else {
            fetch.foundSelf(at: info.address)
            return connection.close(because: "\(DisconnectReason.ownConnection)")
        }
        switch fetch.connected(info, now: environment.clock.now) {
        case .success(let key):
            connection.tag = key.value
            links[key] = MetadataLink(connection, theirs)
            // A peer with the fast extension has to hear of our pieces first (BEP 6).
            if info.supportsFast { connection.send(.haveNone) }
            connection.send(extendedHandshake(to: connection).message)
            if let message = dht?.portMessage(to: theirs, at: info.address.host) { connection.send(message) }
            connection.flush()
        case .failure(let refusal):
            connection.close(because: "\(refusal.reason)")
        }
        perform()
    }

    private func extendedHandshake(to connection: PeerConnection) -> ExtendedHandshake {
        var handshake = ExtendedHandshake()
        // Whether the torrent is public is not known yet.
        handshake.extensions = ExtendedHandshake.offer(ExtendedMessage.offered)
        if exchange == nil { handshake.extensions[.peerExchange] = nil }
        handshake.client = "pieces \(Program.version)"
        handshake.port = listenPort == 0 ? nil : listenPort
        handshake.requestQueue = Swarm.longestServeQueue
        handshake.yourHost = connection.remote?.host
        return handshake
    }

    private func gone(_ connection: PeerConnection, _ reason: String) {
        if let host = connection.remote?.host {
            environment.shared.value.memory.released(connection.countedBytes, of: host)
        }
        connection.countedBytes = 0
        if let key = connection.tag.map({ PeerKey($0) }) {
            log.debug("disconnected \(key): \(reason)")
            links[key] = nil
            exchange?.left(key)
            feed { fetch, now in fetch.closed(key, now: now) }
        } else if case .outgoing(let address) = connection.direction {
            feed { fetch, now in fetch.dialFailed(address, now: now) }
        }
    }

    /// Returns the open connections that the torrent takes over, and closes the others.
    func takeLinks() -> [MetadataLink] {
        defer { links = [:] }
        return links.sorted { $0.key < $1.key }.compactMap { _, link in
            guard !link.heard.isOverflowing else {
                link.connection.close(because: "it has to be dialled again, now that the metadata is known")
                return nil
            }
            return link
        }
    }

    // MARK: Messages

    private func handle(_ message: PeerMessage, from key: PeerKey, now: Instant) {
        fetch.heard(key, now: now)
        switch message {
        case .extended(let id, let payload):
            if id == ExtendedHandshake.messageID { hear(message, from: key, now: now) }
            extended(id, payload, from: key, now: now)
        case .bitfield, .haveAll, .haveNone:
            links[key]?.charge(WorkBudget.Work.statement.rawValue, now: now)
            hear(message, from: key, now: now)
        case .have, .choke, .unchoke, .interested, .notInterested, .allowedFast: hear(message, from: key, now: now)
        case .request(let piece, let begin, let length):
            links[key]?.charge(WorkBudget.Work.refusal.rawValue, now: now)
            guard links[key]?.handshake.reserved.contains(.fast) == true else { return }
            links[key]?.connection.send(.reject(piece: piece, begin: begin, length: length))
        case .port(let port):
            if let host = links[key]?.connection.remote?.host { dht?.heardOf([PeerAddress(host, port: port)]) }
        case .keepAlive, .suggest, .piece, .cancel, .reject, .unknown: break
        }
    }

    /// Keeps what the peer says about itself, within limits.
    private func hear(_ message: PeerMessage, from key: PeerKey, now: Instant) {
        links[key]?.heard.hear(message)
        guard case .bitfield = message, links.values.reduce(0, { $0 + $1.heard.bytes }) > Self.mostHeardBytes else {
            return
        }
        links[key]?.connection.close(because: "the bitfields of all peers together use too much memory")
    }

    private func extended(_ id: UInt8, _ payload: ByteBuffer, from key: PeerKey, now: Instant) {
        do {
            switch try ExtendedMessage(id: id, payload: payload) {
            case .handshake(let handshake):
                links[key]?.charge(WorkBudget.Work.statement.rawValue, now: now)
                links[key]?.extensions.update(with: handshake)
                // A peer that states a size but doesn't receive requests can't serve.
                let serves = links[key]?.extensions.supports(.metadata) ?? false
                fetch.offers(key, bytes: serves ? handshake.metadataBytes : nil, now: now)
                beInterested(in: key)
                if links[key]?.extensions.supports(.peerExchange) == true { exchange?.joined(key, now: now) }
            case .metadata(let message): received(message, from: key, now: now)
            case .peerExchange(let message): toldOf(message.added, by: key, now: now)
            default: links[key]?.charge(WorkBudget.Work.refusal.rawValue, now: now)
            }
        } catch {
            links[key]?.charge(WorkBudget.Work.refusal.rawValue, now: now)
            log.debug("\(key): \(error)")
        }
    }

    /// Tells a peer that has the metadata that we want data, so that it has unchoked us when the metadata is here: that
    /// saves a round trip.
    private func beInterested(in key: PeerKey) {
        guard let link = links[key], !link.isInterested, fetch.statedSize(of: key) != nil, downloadsAtOnce else {
            return
        }
        links[key]?.isInterested = true
        link.connection.send(.interested)
    }

    /// A peer told of others.
    private func toldOf(_ hints: [PeerHint], by key: PeerKey, now: Instant) {
        links[key]?.charge(WorkBudget.Work.refusal.rawValue, now: now)
        guard let sender = links[key]?.connection.remote else { return }
        switch exchange?.received(hints, from: key, at: sender, now: now) {
        case .take(let addresses):
            guard let peers = FoundPeers(addresses, from: .pex, isPrivate: false) else { return }
            dht?.found(peers)
            fetch.learn(peers.addresses, toldBy: key, now: now)
        case .disconnect: links[key]?.connection.close(because: "too many messages about other peers")
        case .ignore, nil: break
        }
    }

    private func received(_ message: MetadataMessage, from key: PeerKey, now: Instant) {
        links[key]?.charge(WorkBudget.Work.refusal.rawValue, now: now)
        switch message.body {
        case .data(let bytes, _):
            guard let sender = fetch.address(of: key) else { return }
            let verdict = fetch.received(key, block: message.block, count: bytes.readableBytes, now: now)
            switch verdict {
            case .ignore: break
            case .store(let size):
                links[key]?.work.earn(WorkBudget.Work.refusal.rawValue)
                save(Array(bytes.readableBytesView), size: size, block: message.block, from: sender)
            case .storeAll(let size, let blocks):
                let all = Array(bytes.readableBytesView)
                for block in blocks {
                    let start = block * Geometry.blockLength
                    let data = Array(all[start..<min(start + Geometry.blockLength, all.count)])
                    save(data, size: size, block: block, from: sender)
                }
            }
        case .reject: fetch.rejected(key, block: message.block, now: now)
        case .request:
            // We have nothing to give yet.
            guard let link = links[key] else { return }
            let refusal = MetadataMessage(block: message.block, .reject)
            if let answer = link.extensions.message(refusal) { link.connection.send(answer) }
        case .unknown: break
        }
    }

    /// Charges the host for the messages of the batch, and counts unfinished ones.
    private func settle(_ key: PeerKey, _ connection: PeerConnection) {
        let now = environment.clock.now
        guard let host = connection.remote?.host, let link = links[key] else { return }
        links[key]?.unsettledWork = 0
        if link.work.isExceeded { return connection.close(because: "its messages cost too much work") }
        var pause = links[key]?.work.pause(at: now)
        switch environment.shared.value.work.spend(link.unsettledWork, of: host, at: now) {
        case .goOn: break
        case .rest(let time): pause = max(time, pause ?? time)
        case .exceeded: return connection.close(because: "its messages cost too much work")
        }
        if let pause { connection.rest(for: .nanoseconds(pause.nanoseconds)) }
        let (bytes, counted) = (connection.unfinishedBytes, connection.countedBytes)
        if let counted = environment.shared.value.memory.holds(bytes, counted: counted, of: host) {
            connection.countedBytes = counted
        } else {
            connection.countedBytes = bytes
            connection.close(because: "unfinished messages from its host use too much memory")
        }
    }
}
