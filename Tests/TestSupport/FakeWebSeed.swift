import NIOCore
import NIOPosix
import Synchronization
package import Torrent

/// A web server on loopback that has the files of a torrent (BEP 19), and remembers what it was asked for.
package final class FakeWebSeed: BlockServer {
    /// How the server behaves.
    package struct Habits: Sendable {
        /// How many blocks it sends in a second on one connection; `nil` for as many as the connection takes.
        package var rate: Int?
        /// The files that it doesn't have.
        package var lacking: Set<Int>

        package init(rate: Int? = nil, lacking: Set<Int> = []) {
            self.rate = rate
            self.lacking = lacking
        }
    }

    /// A request for a file that the server has.
    package struct Request: Hashable, Sendable {
        package let file: Int
        /// The bytes of the file.
        package let range: Range<Int64>
    }

    struct State {
        var habits: Habits
        var requests: [Request] = []
        var servedPieces: Set<PieceIndex> = []
        var open: [ObjectIdentifier: any Channel] = [:]
    }

    /// What the connections' handlers share with the server.
    final class Shared: Sendable {
        let torrent: SampleTorrent
        let paths: [String: Int]
        let state: Mutex<State>

        init(_ torrent: SampleTorrent, _ habits: Habits) {
            self.torrent = torrent
            let paths = WebSeedPaths(torrent.metainfo)
            self.paths = torrent.metainfo.layout.files.reduce(into: [:]) { known, file in
                if let path = paths.url(of: file.index, at: "/") { known[path] = file.index }
            }
            state = Mutex(State(habits: habits))
        }
    }

    private let listener: any Channel
    private let shared: Shared

    private init(_ listener: any Channel, _ shared: Shared) {
        self.listener = listener
        self.shared = shared
    }

    package static func start(_ torrent: SampleTorrent, _ habits: Habits = Habits()) async throws -> FakeWebSeed {
        let shared = Shared(torrent, habits)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FakeWebSeedConnection(shared))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeWebSeed(listener, shared)
    }

    /// The URL of the folder that has the torrent's file or folder.
    package var url: String { "http://127.0.0.1:\(listener.localAddress?.port ?? 0)/" }

    package var requests: [Request] { shared.state.withLock(\.requests) }
    package var peerAddresses: [PeerAddress] { [] }
    package var servedPieces: Set<PieceIndex> { shared.state.withLock(\.servedPieces) }

    package var requestedBlocks: [BlockRef] {
        requests.flatMap { request in
            let file = shared.torrent.metainfo.layout.files[request.file]
            return shared.torrent.blocks(
                in: file.offset + request.range.lowerBound..<file.offset + request.range.upperBound)
        }
    }

    /// Behaves otherwise from now on.
    package func behave(_ habits: Habits) { shared.state.withLock { $0.habits = habits } }
    package func serveWell() { behave(Habits()) }
    package func forgetRequests() { shared.state.withLock { $0.requests = [] } }

    /// Closes its port and its connections.
    package func stop() async {
        var channels = shared.state.withLock { Array($0.open.values) }
        channels.append(listener)
        for channel in channels {
            do { try await channel.close() } catch { continue }
        }
    }
}

/// One connection of a ``FakeWebSeed``.
private final class FakeWebSeedConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: FakeWebSeed.Shared
    private var head = ""
    /// The offsets in the torrent of what is to be sent.
    private var waiting: [Range<Int64>] = []
    /// Requests that came while the body of an earlier one was sent.
    private var heads: [String] = []
    private var isPaced = false
    private var servesAt = NIODeadline.distantPast

    init(_ shared: FakeWebSeed.Shared) { self.shared = shared }

    func channelActive(context: ChannelHandlerContext) {
        shared.state.withLock { $0.open[ObjectIdentifier(self)] = context.channel }
    }

    func channelInactive(context: ChannelHandlerContext) {
        shared.state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(self)) }
    }

    // The client may go at any moment.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        head += String(buffer: unwrapInboundIn(data))
        while let end = head.firstRange(of: "\r\n\r\n") {
            heads.append(String(head[..<end.lowerBound]))
            head = String(head[end.upperBound...])
        }
        serve(context)
    }

    private func serve(_ context: ChannelHandlerContext) {
        while !isPaced, context.channel.isActive {
            if let body = waiting.first {
                sendBlock(body, context)
            } else if heads.isEmpty {
                return
            } else {
                answer(heads.removeFirst(), context)
            }
        }
    }

    private func answer(_ head: String, _ context: ChannelHandlerContext) {
        let target = head.split(separator: " ", maxSplits: 2).dropFirst().first.map(String.init) ?? ""
        let lacking = shared.state.withLock(\.habits.lacking)
        guard let index = shared.paths[target], !lacking.contains(index) else {
            return write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", context)
        }
        let file = shared.torrent.metainfo.layout.files[index]
        var range = 0..<file.length
        var status = "200 OK"
        if let asked = head.firstMatch(of: /Range: bytes=(\d+)-(\d+)/), let first = Int64(asked.1),
            let last = Int64(asked.2), first <= last, last < file.length
        {
            range = first..<last + 1
            status = "206 Partial Content\r\nContent-Range: bytes \(first)-\(last)/\(file.length)"
        }
        shared.state.withLock { $0.requests.append(FakeWebSeed.Request(file: index, range: range)) }
        write("HTTP/1.1 \(status)\r\nContent-Length: \(range.count)\r\n\r\n", context)
        if !range.isEmpty { waiting.append(file.offset + range.lowerBound..<file.offset + range.upperBound) }
    }

    private func sendBlock(_ body: Range<Int64>, _ context: ChannelHandlerContext) {
        guard let rate = shared.state.withLock(\.habits.rate) else { return send(body, count: body.count, context) }
        isPaced = true
        servesAt = max(servesAt, .now()) + .nanoseconds(1_000_000_000 / Int64(rate))
        context.eventLoop.assumeIsolated().scheduleTask(deadline: servesAt) { [self] in
            isPaced = false
            guard context.channel.isActive else { return }
            send(body, count: min(body.count, Geometry.blockLength), context)
            serve(context)
        }
    }

    private func send(_ body: Range<Int64>, count: Int, _ context: ChannelHandlerContext) {
        let end = body.lowerBound + Int64(count)
        let sent = shared.torrent.blocks(in: body.lowerBound..<end)
        shared.state.withLock { $0.servedPieces.formUnion(sent.map(\.piece)) }
        waiting[0] = end..<body.upperBound
        if waiting[0].isEmpty { waiting.removeFirst() }
        let bytes = shared.torrent.bytes(Int(body.lowerBound)..<Int(end))
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}

extension SampleTorrent {
    /// The blocks with a byte in the range of the torrent's bytes.
    fileprivate func blocks(in range: Range<Int64>) -> [BlockRef] {
        var blocks: [BlockRef] = []
        var offset = range.lowerBound
        while offset < range.upperBound {
            let piece = PieceIndex(Int(offset / Int64(geometry.pieceLength)))
            let block = BlockRef(
                piece: piece, block: Int(offset - geometry.offset(of: piece)) / Geometry.blockLength)
            blocks.append(block)
            offset = geometry.offset(of: piece) + Int64(block.block * Geometry.blockLength + geometry.length(of: block))
        }
        return blocks
    }
}

/// Runs `body` beside a web server that has the torrent's files, and ends the server with it.
package func withWebSeed<Value>(
    _ torrent: SampleTorrent, _ habits: FakeWebSeed.Habits = FakeWebSeed.Habits(),
    isolation: isolated (any Actor)? = #isolation, _ body: (FakeWebSeed) async throws -> Value
) async throws -> Value {
    let server = try await FakeWebSeed.start(torrent, habits)
    let result: Result<Value, any Error>
    do { result = .success(try await body(server)) } catch { result = .failure(error) }
    await server.stop()
    return try result.get()
}
