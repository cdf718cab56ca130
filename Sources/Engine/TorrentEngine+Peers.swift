import Disk
import Logging
import NIOCore
import Net
import PeerWire
import Store
import Swarm
import Torrent

/// Translates messages between the wire and the brain.
extension TorrentEngine: PeerConnectionDelegate {
    // MARK: From the connection, on the loop

    nonisolated func opened(_ connection: PeerConnection, theirs: Handshake) {
        assumeIsolated { $0.handshakesPassed(connection, theirs) }
    }

    nonisolated func received(_ messages: [PeerMessage], from connection: PeerConnection) {
        assumeIsolated { engine in
            guard let key = connection.tag.map({ PeerKey($0) }) else { return }
            let now = engine.environment.clock.now
            engine.swarm.mostServedAhead = engine.environment.shared.value.memory.servedAhead
            engine.swarm.counted(messages.count, from: key, now: now)
            for message in messages { engine.handle(message, from: key, now: now) }
        }
    }

    nonisolated func readEnded(_ connection: PeerConnection) {
        assumeIsolated { engine in
            guard let key = connection.tag.map({ PeerKey($0) }) else { return }
            let now = engine.environment.clock.now
            engine.swarm.batchEnded(key, now: now)
            let pause = engine.swarm.settle(key, in: &engine.environment.shared.value.work, now: now)
            engine.perform()
            let awaited = engine.swarm.awaited(from: key)
            connection.expect(bytes: awaited.bytes, rate: awaited.rate)
            if let pause { connection.rest(for: .nanoseconds(pause.nanoseconds)) }
            engine.keep(connection)
        }
    }

    /// Counts the bytes of unfinished messages that the connection holds, and closes it if they are too many.
    private func keep(_ connection: PeerConnection) {
        guard let host = connection.remote?.host else { return }
        let (bytes, counted) = (connection.unfinishedBytes, connection.countedBytes)
        if let counted = environment.shared.value.memory.holds(bytes, counted: counted, of: host) {
            connection.countedBytes = counted
        } else {
            connection.countedBytes = bytes
            connection.close(because: "unfinished messages from its host use too much memory")
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
                engine.feed { swarm, now in swarm.dialFailed(address, now: now) }
            }
        }
    }

    /// Our handshake, for outgoing and incoming connections.
    nonisolated var ourHandshake: Handshake { environment.handshake(of: infoHash, usesDHT: dht != nil) }

    /// Takes over connections that were opened before the metadata was known, with what their peers have said.
    func adopt(_ links: [MetadataLink]) {
        for link in links {
            guard link.connection.pass(to: self) else {
                link.dialled.map { swarm.released($0) }
                continue
            }
            handshakesPassed(link.connection, link.handshake, isAdopted: true)
            guard let key = link.connection.tag.map({ PeerKey($0) }) else { continue }
            let now = environment.clock.now
            for message in link.heard.messages { handle(message, from: key, now: now) }
            perform()
        }
    }

    /// If the connection `isAdopted`, the peer has already heard that we have no piece.
    private func handshakesPassed(_ connection: PeerConnection, _ theirs: Handshake, isAdopted: Bool = false) {
        connection.pieceCount = metainfo.geometry.pieceCount
        let now = environment.clock.now
        guard let info = PeerInfo(connection, theirs) else { return connection.close() }
        guard theirs.peerID != environment.peerID else {
            swarm.foundSelf(at: info.address, now: now)
            return connection.close(because: "\(DisconnectReason.ownConnection)")
        }
        switch swarm.connected(info, now: now) {
        case .success(let key):
            connection.tag = key.value
            connections.opened(connection, by: key, isAdopted: isAdopted)
            // The pieces that are present go first (BEP 3), then the extended handshake (BEP 10).
            perform()
            if info.supportsExtensions { sendExtendedHandshake(to: connection) }
            if !isAdopted, let message = dht?.portMessage(to: theirs, at: info.address.host) {
                connection.send(message)
            }
            connection.flush()
        case .failure(let refusal):
            connection.close(because: "\(refusal.reason)")
        }
    }

    private func gone(_ connection: PeerConnection, _ reason: String) {
        if let host = connection.remote?.host {
            environment.shared.value.memory.released(connection.countedBytes, of: host)
        }
        connection.countedBytes = 0
        if let key = connection.tag.map({ PeerKey($0) }) {
            log.debug("disconnected \(key): \(reason)")
            connections.closed(key)
            exchange?.left(key)
            feed { swarm, now in swarm.closed(key, now: now) }
        } else if case .outgoing(let address) = connection.direction {
            feed { swarm, now in swarm.dialFailed(address, now: now) }
        }
    }

    func disconnect(_ key: PeerKey, _ reason: DisconnectReason) {
        guard let connection = connections[key] else {
            swarm.closed(key, now: environment.clock.now)
            return
        }
        connection.close(because: "\(reason)")
    }

    private func sendExtendedHandshake(to connection: PeerConnection) {
        var handshake = ExtendedHandshake()
        handshake.extensions = ExtendedHandshake.offer(ExtendedMessage.offered)
        handshake.client = "pieces \(Program.version)"
        handshake.port = connections.listenPort == 0 ? nil : connections.listenPort
        handshake.requestQueue = Swarm.longestServeQueue
        handshake.yourHost = connection.remote?.host
        if exchange == nil { handshake.extensions[.peerExchange] = nil }
        // A super-seed poses as a peer that lacks pieces.
        if swarm.isComplete, !swarm.isSuperSeeding { handshake.isUploadOnly = true }
        if servesMetadata {
            handshake.metadataBytes = metainfo.infoRange.count
        } else {
            handshake.extensions[.metadata] = nil
        }
        connection.send(.extended(id: ExtendedHandshake.messageID, payload: handshake.payload))
    }

    // MARK: Messages

    private func handle(_ message: PeerMessage, from key: PeerKey, now: Instant) {
        switch message {
        case .piece(let piece, let begin, let block):
            receive(block, piece: Int(piece), begin: Int(begin), from: key, now: now)
        case .request(let piece, let begin, let length):
            swarm.requested(key, piece: Int(piece), begin: Int(begin), length: Int(length), now: now)
        case .have(let piece): swarm.has(key, Int(piece), now: now)
        case .choke: swarm.choked(key, now: now)
        case .unchoke: swarm.unchoked(key, now: now)
        case .interested: swarm.interested(key, now: now)
        case .notInterested: swarm.notInterested(key, now: now)
        case .bitfield(let bytes):
            guard let pieces = Bitfield(fromPeer: bytes.readableBytesView, count: metainfo.geometry.pieceCount) else {
                return swarm.misbehaved(key, "a bitfield of another torrent", now: now)
            }
            swarm.bitfield(key, pieces, now: now)
        case .haveAll: swarm.haveAll(key, now: now)
        case .haveNone: swarm.haveNone(key, now: now)
        case .cancel(let piece, let begin, let length):
            swarm.cancelled(key, piece: Int(piece), begin: Int(begin), length: Int(length), now: now)
        case .reject(let piece, let begin, let length):
            swarm.rejected(
                key, BlockRequest(piece: PieceIndex(Int(piece)), begin: Int(begin), length: Int(length)), now: now)
        case .allowedFast(let piece): swarm.allowedFast(key, Int(piece), now: now)
        case .extended(let id, let payload): extended(id, payload, from: key, now: now)
        case .port(let port):
            swarm.heard(key, now: now)
            if let host = connections[key]?.remote?.host { dht?.heardOf([PeerAddress(host, port: port)]) }
        case .keepAlive, .suggest, .unknown: swarm.heard(key, now: now)
        }
    }

    /// The hot path: one verdict, one copy.
    private func receive(_ block: ByteBuffer, piece: Int, begin: Int, from key: PeerKey, now: Instant) {
        let index = PieceIndex(piece)
        let length = block.readableBytes
        guard metainfo.geometry.contains(piece: piece, begin: begin, length: length) else {
            return swarm.misbehaved(key, "a block outside its piece", now: now)
        }
        let buffer: PieceBuffer
        do throws(DiskError) {
            buffer = try writes.buffer(for: index, of: payload, on: environment.disk)
        } catch {
            // The request stays open, and its block is requested again when memory is available.
            return swarm.stalled(Fault(error), now: now)
        }
        guard swarm.received(key, piece: piece, begin: begin, length: length, now: now) == .store else { return }
        writes.keep(buffer, for: index)
        block.withUnsafeReadableBytes { buffer.put($0, at: begin) }
    }

    private func extended(_ id: UInt8, _ payload: ByteBuffer, from key: PeerKey, now: Instant) {
        swarm.heard(key, now: now)
        do {
            switch try ExtendedMessage(id: id, payload: payload) {
            case .handshake(let handshake):
                connections.extended(key, by: handshake)
                if let host = handshake.yourHost, connections.listenPort > 0 {
                    swarm.seen(at: PeerAddress(host, port: connections.listenPort))
                }
                if connections.supports(.peerExchange, key) {
                    exchange?.joined(key, now: now)
                } else {
                    exchange?.left(key)
                }
                swarm.extended(
                    key, reqq: handshake.requestQueue, uploadOnly: handshake.isUploadOnly, port: handshake.port,
                    now: now)
            case .peerExchange(let message): toldOf(message.added, by: key, now: now)
            case .metadata(let message): receivedMetadata(message, from: key, now: now)
            case .dontHave(let message): swarm.dontHave(key, Int(message.piece), now: now)
            case .uploadOnly(let message):
                swarm.extended(key, reqq: nil, uploadOnly: message.isUploadOnly, now: now)
            case nil: break
            }
        } catch {
            // An unreadable extension message is no reason to disconnect: other clients ignore it, too. The limits of
            // its parsers bound its cost.
            log.debug("\(key): \(error)")
        }
    }

    func request(_ block: BlockRequest, from key: PeerKey) {
        connections.connection(toSendTo: key)?.send(
            .request(piece: block.wirePiece, begin: UInt32(block.begin), length: UInt32(block.length)))
    }

    func cancel(_ block: BlockRequest, from key: PeerKey) {
        connections.connection(toSendTo: key)?.send(
            .cancel(piece: block.wirePiece, begin: UInt32(block.begin), length: UInt32(block.length)))
    }

    func send(_ message: Outgoing, to key: PeerKey) {
        // The connection may already be closed; ``closed(_:because:)`` reports that to the brain.
        guard let connection = connections.connection(toSendTo: key) else { return }
        switch message {
        case .have(let piece): connection.send(.have(piece: UInt32(piece.value)))
        case .dontHave(let piece):
            if let message = connections.message(DontHave(piece: UInt32(piece.value)), to: key) {
                connection.send(message)
            }
        case .reject(let block):
            connection.send(.reject(piece: block.wirePiece, begin: UInt32(block.begin), length: UInt32(block.length)))
        case .keepAlive: connection.send(.keepAlive)
        case .choke: connection.send(.choke)
        case .unchoke: connection.send(.unchoke)
        case .interested: connection.send(.interested)
        case .notInterested: connection.send(.notInterested)
        case .pieces(let have) where connections.isAdopted(key):
            for piece in have.pieces { connection.send(.have(piece: UInt32(piece.value))) }
        case .pieces(let have): connection.send(Self.words(for: have, fast: swarm.supportsFast(key)))
        case .uploadOnly(let flag):
            if let message = connections.message(UploadOnly(flag), to: key) { connection.send(message) }
        }
    }

    /// Returns the shortest message that the peer understands (BEP 6).
    private static func words(for have: Bitfield, fast: Bool) -> PeerMessage {
        if fast, have.isEmpty { return .haveNone }
        if fast, have.isFull { return .haveAll }
        return .bitfield(ByteBuffer(bytes: have.bytes))
    }
}

extension BlockRequest {
    fileprivate var wirePiece: UInt32 { UInt32(piece.value) }
}
