import NIOCore
import PeerWire
import Synchronization
import Torrent

/// One connection of a ``FakeMetadataPeer``.
final class FakeMetadataConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Our ID for the metadata extension, which differs from that of the program.
    private static let metadataID: UInt8 = 9

    private let torrent: SampleTorrent
    private let info: [UInt8]
    private let infoHash: InfoHash
    private let shared: FakeMetadataPeer.Shared
    private var greeting = ByteBuffer()
    private var isGreeted = false
    private var decoder = PeerMessageDecoder()
    private var theirs = PeerExtensions()
    private var waiting: [Int] = []

    init(_ torrent: SampleTorrent, _ info: [UInt8], _ shared: FakeMetadataPeer.Shared) {
        self.torrent = torrent
        self.info = info
        infoHash = InfoHash(SHA1.hash(info))
        self.shared = shared
    }

    private var manner: FakeMetadataPeer.Manner { shared.state.withLock(\.manner) }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        shared.state.withLock { state in
            state.connections += 1
            state.open[ObjectIdentifier(self)] = channel
            state.waiting[ObjectIdentifier(self)] = {
                loop.execute {
                    let (connection, context) = bound.value
                    connection.serveWaiting(context)
                }
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        shared.state.withLock { state in
            state.open[ObjectIdentifier(self)] = nil
            state.waiting[ObjectIdentifier(self)] = nil
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            if isGreeted {
                decoder.append(unwrapInboundIn(data))
            } else {
                greeting.writeImmutableBuffer(unwrapInboundIn(data))
                guard let handshake = try Handshake.decode(&greeting) else { return }
                isGreeted = true
                decoder.append(greeting)
                greet(handshake, context)
            }
            while let message = try decoder.next() { try handle(message, context) }
            context.flush()
        } catch {
            context.close(promise: nil)
        }
    }

    private func greet(_ handshake: Handshake, _ context: ChannelHandlerContext) {
        guard handshake.infoHash == infoHash, let id = PeerID("-XX0002-123456789012".utf8) else {
            return context.close(promise: nil)
        }
        var reply = ByteBuffer()
        Handshake(reserved: [.fast, .extensionProtocol], infoHash: handshake.infoHash, peerID: id).append(to: &reply)
        context.write(wrapOutboundOut(reply), promise: nil)
        send(.haveAll, context)
        var extended = ExtendedHandshake()
        extended.extensions = [.metadata: Self.metadataID]
        extended.metadataBytes =
            switch manner {
            case .hasNone: nil
            case .lyingSize(let size): size
            default: info.count
            }
        send(extended.message, context)
        if manner == .noise {
            let id = Extension.metadata.rawValue
            for text in ["", "d", "de", "d8:msg_typei1e5:piecei0ee", "d8:msg_typei1e5:piecei99999ee", "<html>"] {
                send(.extended(id: id, payload: ByteBuffer(string: text)), context)
            }
        }
        send(.unchoke, context)
    }

    private func handle(_ message: PeerMessage, _ context: ChannelHandlerContext) throws {
        switch message {
        case .extended(ExtendedHandshake.messageID, let payload):
            let handshake = try ExtendedHandshake(payload: payload)
            theirs.update(with: handshake)
            shared.state.withLock { $0.statedBytes.append(handshake.metadataBytes) }
        case .extended(Self.metadataID, let payload):
            let request = try MetadataMessage(payload: payload)
            guard request.body == .request else { return }
            shared.state.withLock { $0.requests.append(request.block) }
            waiting.append(request.block)
            serveWaiting(context)
        case .request(let piece, let begin, let length):
            let asked = BlockRef(piece: PieceIndex(Int(piece)), block: Int(begin) / Geometry.blockLength)
            shared.state.withLock { $0.requestedBlocks.append(asked) }
            let start = Int(piece) * torrent.geometry.pieceLength + Int(begin)
            let block = ByteBuffer(bytes: torrent.bytes(start..<start + Int(length)))
            send(.piece(piece: piece, begin: begin, block: block), context)
        default: break
        }
    }

    func serveWaiting(_ context: ChannelHandlerContext) {
        while let block = waiting.first {
            let mayServe = shared.state.withLock { state in
                guard state.limit.map({ state.served.count < $0 }) ?? true else { return false }
                state.served.append(block)
                return true
            }
            guard mayServe else { break }
            waiting.removeFirst()
            answer(block, context)
        }
        context.flush()
    }

    private func answer(_ block: Int, _ context: ChannelHandlerContext) {
        var total = info.count
        if case .lyingSize(let size) = manner { total = size }
        let start = block * MetadataMessage.blockBytes
        guard start < total else { return context.close(promise: nil) }
        let length = min(MetadataMessage.blockBytes, total - start)
        var data = [UInt8](repeating: 0, count: length)
        if total == info.count { data = Array(info.dropFirst(start).prefix(length)) }
        var body: MetadataMessage.Body?
        switch manner {
        case .silent: return
        case .rejecting: body = .reject
        case .whole: data = info
        case .empty: data = []
        case .lying: data[data.count / 2] ^= 0xff
        default: break
        }
        let message = MetadataMessage(block: block, body ?? .data(bytes: ByteBuffer(bytes: data), total: total))
        if let frame = theirs.message(message) { send(frame, context) }
    }

    private func send(_ message: PeerMessage, _ context: ChannelHandlerContext) {
        var bytes = ByteBuffer()
        PeerMessageEncoder.append(message, to: &bytes)
        context.write(wrapOutboundOut(bytes), promise: nil)
    }
}
