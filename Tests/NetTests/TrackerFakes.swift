import NIOCore
import NIOPosix
import NIOSSL
import Net
import Synchronization
import Testing
import Torrent
import TrackerWire

/// A server that reads heads of HTTP requests as they come over the wire, and answers with bytes as they are.
final class RawHTTPServer: Sendable {
    enum Reply: Sendable {
        case bytes([UInt8])
        /// The head, then the bytes again and again until the client closes.
        case endless(head: String, [UInt8])
        /// The bytes, and then nothing.
        case stall([UInt8])

        static func page(_ status: String, _ body: [UInt8], _ headers: String = "") -> Self {
            .bytes(Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\(headers)\r\n".utf8) + body)
        }
    }

    private let channel: any Channel
    private let seen: Heads

    /// The heads of the requests so far.
    var heads: [String] { seen.list.withLock { $0 } }
    /// The addresses that they came from.
    var peers: [String] { seen.peers.withLock { $0 } }
    var port: Int { channel.localAddress?.port ?? 0 }
    /// The connections that have ended.
    var ended: Int { seen.ended.withLock { $0 } }

    private final class Heads: Sendable {
        let ended = Mutex(0)
        let list = Mutex<[String]>([])
        let peers = Mutex<[String]>([])
    }

    private init(channel: any Channel, seen: Heads) {
        self.channel = channel
        self.seen = seen
    }

    static func start(
        host: String = "127.0.0.1", tls: NIOSSLContext? = nil, _ reply: @escaping @Sendable (_ head: String) -> Reply
    ) async throws -> RawHTTPServer {
        let seen = Heads()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(
                        Answerer { head in
                            seen.list.withLock { $0.append(head) }
                            seen.peers.withLock { $0.append(channel.remoteAddress?.ipAddress ?? "") }
                            return reply(head)
                        })
                    channel.closeFuture.whenComplete { _ in seen.ended.withLock { $0 += 1 } }
                }
            }
            .bind(host: host, port: 0).get()
        return RawHTTPServer(channel: channel, seen: seen)
    }

    func stop() async throws { try await channel.close() }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let reply: @Sendable (String) -> Reply
        private var head = ""

        init(reply: @escaping @Sendable (String) -> Reply) { self.reply = reply }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            head += String(buffer: unwrapInboundIn(data))
            guard head.hasSuffix("\r\n\r\n") else { return }
            switch reply(head) {
            case .bytes(let bytes):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes))).assumeIsolated().whenComplete { _ in
                    context.close(promise: nil)
                }
            case .endless(let head, let bytes):
                context.write(wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
                pour(ByteBuffer(bytes: bytes), context)
            case .stall(let bytes):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            }
        }

        private func pour(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(buffer)).assumeIsolated().whenSuccess {
                // Not at once: the loop may be the client's too, and would never come to it.
                context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.pour(buffer, context) }
            }
        }

        // A client that leaves in the middle is what some tests want.
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// A UDP socket that answers each datagram with those that `reply` returns.
final class FakeUDPTracker: Sendable {
    private let channel: any Channel

    var port: Int { channel.localAddress?.port ?? 0 }

    private init(channel: any Channel) { self.channel = channel }

    static func start(host: String = "127.0.0.1", _ reply: @escaping @Sendable ([UInt8]) -> [[UInt8]]) async throws
        -> FakeUDPTracker
    {
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answerer(reply: reply))
                }
            }
            .bind(host: host, port: 0).get()
        return FakeUDPTracker(channel: channel)
    }

    func stop() async throws { try await channel.close() }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>

        private let reply: @Sendable ([UInt8]) -> [[UInt8]]

        init(reply: @escaping @Sendable ([UInt8]) -> [[UInt8]]) { self.reply = reply }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let packet = unwrapInboundIn(data)
            for bytes in reply(Array(packet.data.readableBytesView)) {
                let answer = AddressedEnvelope(remoteAddress: packet.remoteAddress, data: ByteBuffer(bytes: bytes))
                context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
            }
        }
    }
}

/// gzip (RFC 1952) without a compressor.
enum Gzip {
    private static let header: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]

    /// The bytes in one stored block; at most 65,535 of them.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        let count = UInt16(bytes.count)
        return header + [1] + little(UInt32(count) | UInt32(~count) << 16) + bytes + little(crc(bytes))
            + little(UInt32(count))
    }

    /// Some `megabytes` of zeros as a fixed-Huffman block, without an end: repetitions of 258 bytes at the distance 1,
    /// in 13 bits each.
    static func bomb(megabytes: Int) -> [UInt8] {
        var bytes = header
        var bits: UInt64 = 0
        var count: UInt64 = 0
        func put(_ code: UInt64, _ width: UInt64) {
            bits |= code << count
            count += width
            while count >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: bits))
                bits >>= 8
                count -= 8
            }
        }
        put(0b011, 3)  // the last block, with fixed codes
        put(0b0000_1100, 8)  // the literal 0, its code written from the highest bit
        for _ in 0..<megabytes << 20 / 258 {
            put(0b1010_0011, 8)  // the length 258
            put(0, 5)  // the distance 1
        }
        return bytes
    }

    private static func little(_ word: UInt32) -> [UInt8] {
        [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }

    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
        }
    }
}

enum TrackerSamples {
    static let infoHash = InfoHash((0..<20).map { UInt8($0 * 13 & 255) })!
    static let peerID = PeerID("-PE0100-abcdefghijkl".utf8)!

    static func request(_ event: AnnounceRequest.Event? = .started, port: UInt16 = 6881, infoHash: InfoHash = infoHash)
        -> AnnounceRequest
    {
        AnnounceRequest(infoHash: infoHash, peerID: peerID, port: port, left: 5, event: event, key: 7)
    }
}

/// A client of the test's own, shut down when `body` ends.
func withTrackerClient<T: Sendable>(
    _ options: HTTPOptions = HTTPOptions(version: "test"), _ body: (TrackerClient) async throws -> T
) async throws
    -> T
{
    let client = TrackerClient(group: MultiThreadedEventLoopGroup.singleton, options: options)
    let result: Result<T, any Error>
    do {
        result = .success(try await body(client))
    } catch {
        result = .failure(error)
    }
    await client.shutdown()
    return try result.get()
}

func trackerError<T: Sendable>(_ body: () async throws -> T) async throws -> TrackerError {
    do {
        let value = try await body()
        Issue.record("no error, but \(value)")
        throw CancellationError()
    } catch let error as TrackerError {
        return error
    }
}
