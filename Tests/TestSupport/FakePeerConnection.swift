import NIOCore
import PeerWire
import Synchronization
import Torrent

/// One connection of a ``FakePeer``.
final class FakePeerConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How long a peer that chokes now and then does so.
    private static let chokeTime = TimeAmount.milliseconds(100)
    /// What a steady peer makes up for at most.
    private static let latest = TimeAmount.milliseconds(500)

    private let torrent: SampleTorrent
    private let have: Bitfield
    private let isFast: Bool
    private let shared: FakePeer.Shared
    private var greeting = ByteBuffer()
    private var isGreeted = false
    private var decoder: PeerMessageDecoder
    private var number = 0
    private var servedHere = 0
    private var isChoking = true
    private var waiting: [FakePeer.Request] = []
    private var isPaced = false
    /// When the next block is served by a peer that is slow or steady.
    private var servesAt = NIODeadline.distantPast

    init(_ torrent: SampleTorrent, have: Bitfield, isFast: Bool, shared: FakePeer.Shared) {
        self.torrent = torrent
        self.have = have
        self.isFast = isFast
        self.shared = shared
        decoder = PeerMessageDecoder(pieceCount: torrent.geometry.pieceCount)
    }

    private var manner: FakePeer.Manner { shared.state.withLock(\.manner) }

    // MARK: Events

    func channelActive(context: ChannelHandlerContext) {
        number = shared.state.withLock { state in
            state.connections += 1
            state.open[ObjectIdentifier(self)] = context.channel
            return state.connections
        }
        if manner == .closing { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        shared.state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(self)) }
    }

    // The other side may go at any moment.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        do {
            if isGreeted {
                decoder.append(bytes)
            } else {
                greeting.writeImmutableBuffer(bytes)
                guard let theirs = try Handshake.decode(&greeting) else { return }
                isGreeted = true
                decoder.append(greeting)
                greet(theirs, context)
            }
            while let message = try decoder.next() { handle(message, context) }
            context.flush()
        } catch {
            context.close(promise: nil)
        }
    }

    // MARK: The beginning

    private func greet(_ theirs: Handshake, _ context: ChannelHandlerContext) {
        let manner = manner
        if manner == .noise { return noise(context) }
        // Only its own torrent: an engine of several dials every peer for each of them.
        guard theirs.infoHash == torrent.infoHash else { return context.close(promise: nil) }
        var reply = ByteBuffer()
        let infoHash = manner == .wrongTorrent ? InfoHash(torrent.infoHash.bytes.map { ~$0 }) : theirs.infoHash
        // Twelve digits behind the eight characters that name the client.
        guard let infoHash, let id = PeerID("-XX0001-\(100_000_000_000 + number)".utf8) else {
            preconditionFailure("a peer id has 20 bytes")
        }
        var reserved: Handshake.Reserved = isFast ? [.fast] : []
        if manner == .sloppy { reserved.insert(.extensionProtocol) }
        Handshake(reserved: reserved, infoHash: infoHash, peerID: id).append(to: &reply)
        context.write(wrapOutboundOut(reply), promise: nil)
        switch manner {
        case .lateNoise: return noise(context)
        case .hugeFrame:
            send(.unknown(id: 200), context)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [0xff, 0xff, 0xff, 0xff, 7, 0, 0])), promise: nil)
            return
        case .wrongBitfield:
            send(.bitfield(ByteBuffer(repeating: 0xff, count: (torrent.geometry.pieceCount + 7) / 8 + 3)), context)
        case .sloppy:
            send(.bitfield(ByteBuffer(repeating: 0xff, count: (torrent.geometry.pieceCount + 7) / 8)), context)
            for (id, payload) in [
                (0, ""), (0, "d1:mdi1ee"), (0, "<html>"), (3, "\0"), (4, ""), (3, "\0\0\0\u{7f}trailing"), (9, "what"),
            ] {
                send(.extended(id: UInt8(id), payload: ByteBuffer(string: payload)), context)
            }
            send(.unknown(id: 23), context)
        case .haves:
            for piece in have.pieces { send(.have(piece: UInt32(piece.value)), context) }
        default:
            if isFast, have.isFull {
                send(.haveAll, context)
            } else {
                send(.bitfield(ByteBuffer(bytes: have.bytes)), context)
            }
        }
        if manner == .asking {
            send(.interested, context)
            send(.request(piece: 0, begin: UInt32(torrent.geometry.pieceLength), length: 16384), context)
        }
        isChoking = false
        send(.unchoke, context)
    }

    private func noise(_ context: ChannelHandlerContext) {
        context.writeAndFlush(
            wrapOutboundOut(ByteBuffer(bytes: SamplePayload(seed: 77).bytes(at: 0, count: 4096))), promise: nil)
    }

    // MARK: Messages

    private func handle(_ message: PeerMessage, _ context: ChannelHandlerContext) {
        switch message {
        case .request(let piece, let begin, let length):
            let request = FakePeer.Request(
                piece: Int(piece), begin: Int(begin), length: Int(length), at: .now, connection: number)
            shared.state.withLock { $0.requests.append(request) }
            guard torrent.geometry.contains(piece: request.piece, begin: request.begin, length: request.length),
                have[request.block.piece]
            else {
                return context.close(promise: nil)
            }
            answer(request, context)
        case .cancel(let piece, let begin, let length):
            waiting.removeAll { $0.piece == Int(piece) && $0.begin == Int(begin) && $0.length == Int(length) }
        default: break
        }
    }

    private func answer(_ request: FakePeer.Request, _ context: ChannelHandlerContext) {
        switch manner {
        case .silent: return
        case .rejecting: reject(request, context)
        case .slow(let rate), .steady(let rate):
            pace(request, .nanoseconds(1_000_000_000 / Int64(max(1, rate))), context)
        case .stopping(let limit):
            if shared.state.withLock({ $0.served.count }) < limit { serve(request, context) }
        case .choking(let every):
            // What was asked before the choke was heard is forgotten, as BEP 3 has it.
            guard !isChoking else { return isFast ? reject(request, context) : () }
            serve(request, context)
            if servedHere % every == 0 { choke(context) }
        case .dropping(let limit):
            serve(request, context)
            if servedHere >= limit {
                context.flush()
                context.close(promise: nil)
            }
        default: serve(request, context)
        }
    }

    private func reject(_ request: FakePeer.Request, _ context: ChannelHandlerContext) {
        send(
            .reject(piece: UInt32(request.piece), begin: UInt32(request.begin), length: UInt32(request.length)), context
        )
    }

    private func choke(_ context: ChannelHandlerContext) {
        isChoking = true
        send(.choke, context)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.chokeTime) {
            self.isChoking = false
            self.send(.unchoke, context)
            context.flush()
        }
    }

    private func pace(_ request: FakePeer.Request, _ pause: TimeAmount, _ context: ChannelHandlerContext) {
        waiting.append(request)
        guard !isPaced else { return }
        servesAt = .now() + pause
        paceNext(pause, context)
    }

    private func paceNext(_ pause: TimeAmount, _ context: ChannelHandlerContext) {
        isPaced = true
        context.eventLoop.assumeIsolated().scheduleTask(deadline: servesAt) { self.serveNext(pause, context) }
    }

    private func serveNext(_ pause: TimeAmount, _ context: ChannelHandlerContext) {
        isPaced = false
        guard context.channel.isActive, !waiting.isEmpty else { return }
        serve(waiting.removeFirst(), context)
        context.flush()
        guard !waiting.isEmpty else { return }
        if case .steady = manner {
            servesAt = max(servesAt + pause, .now() - Self.latest)
        } else {
            servesAt = .now() + pause
        }
        paceNext(pause, context)
    }

    private func serve(_ request: FakePeer.Request, _ context: ChannelHandlerContext) {
        let start = Int(torrent.geometry.offset(of: request.block.piece)) + request.begin
        let bytes = torrent.bytes(start..<start + request.length)
        var block = ByteBuffer(bytes: bytes)
        if manner == .lying { block.setInteger(bytes[bytes.startIndex] ^ 0xff, at: block.readerIndex) }
        servedHere += 1
        shared.state.withLock { state in
            state.served.append(request.block)
            state.servedBytes += request.length
        }
        send(.piece(piece: UInt32(request.piece), begin: UInt32(request.begin), block: block), context)
    }

    private func send(_ message: PeerMessage, _ context: ChannelHandlerContext) {
        var bytes = ByteBuffer()
        PeerMessageEncoder.append(message, to: &bytes)
        context.write(wrapOutboundOut(bytes), promise: nil)
    }
}
