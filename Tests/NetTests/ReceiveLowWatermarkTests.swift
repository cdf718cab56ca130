import NIOCore
import NIOPosix
import Net
import PeerWire
import Synchronization
import TestSupport
import Testing
import Torrent

/// A socket gathers bytes that are sure to come, and nothing that a peer says is held back for long.
@Suite struct ReceiveLowWatermarkTests {
    private static let mebibyte = 1 << 20

    /// Rates are in bytes a second.
    @Test(arguments: [
        (0, 1e9, 1), (200_000, 1e9, 1), (Self.mebibyte / 4, 1e9, 65536), (Self.mebibyte, 1e9, 262_144),
        (64 * Self.mebibyte, 1e12, 262_144),
        (64 * Self.mebibyte, 1e6, 1), (64 * Self.mebibyte, 17e6, 65536), (64 * Self.mebibyte, 40e6, 131_072),
        (64 * Self.mebibyte, 0, 1),
    ])
    func watermarkIsAShareOfTheExpectedBytes(bytes: Int, rate: Double, value: Int) {
        var mark = ReceiveLowWatermark()
        let isChanged = mark.expect(bytes: bytes, rate: rate)
        #expect(isChanged == (value != 1))
        #expect(mark.value == value && mark.isRaised == (value > 1))
    }

    @Test func watermarkChangesOnlyWhenWorthASystemCall() {
        var mark = ReceiveLowWatermark()
        var changes = 0
        for bytes in [1 << 20, 1_100_000, 900_000, 700_000, 1 << 20] where mark.expect(bytes: bytes, rate: 1e9) {
            changes += 1
        }
        #expect(changes == 1)
        changes += mark.expect(bytes: 300_000, rate: 1e9) ? 1 : 0
        #expect(changes == 2 && mark.value == 65536, "less is owed than it waited for")
        changes += mark.expect(bytes: 0, rate: 1e9) ? 1 : 0
        #expect(changes == 3 && !mark.isRaised)
        mark.refuse()
        let isChanged = mark.expect(bytes: 64 << 20, rate: 1e9)
        #expect(!isChanged && !mark.isRaised, "the system has no such thing")
    }

    /// A peer that owes much says a few bytes at a time: they are heard, although the socket was told to wait for more.
    @Test func smallMessagesAreReceivedDespiteTheWatermark() async throws {
        let infoHash = try #require(InfoHash(Array(repeating: 7, count: 20)))
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SlowSpeaker(infoHash))
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        let address = try #require(server.localAddress.flatMap { PeerAddress($0) })
        let ours = Handshake(
            reserved: [], infoHash: infoHash, peerID: try #require(PeerID(Array(repeating: 1, count: 20))))
        let (listener, loop) = (Listener(), MultiThreadedEventLoopGroup.singleton.next())
        loop.execute {
            PeerSockets(loop: loop, bind: nil).dial(address, delegate: listener, sending: ours) { error in
                listener.note("\(error)")
            }
        }
        try await eventually("all that it said") { listener.heard.withLock { $0.count } == SlowSpeaker.words }
        #expect(listener.heard.withLock(\.self) == (0..<SlowSpeaker.words).map { "have \($0)" })
        try await server.close()
    }
}

/// Shakes hands, then says one short word after the other with pauses between them.
private final class SlowSpeaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    static let words = 3
    private let infoHash: InfoHash
    private var hasSpoken = false

    init(_ infoHash: InfoHash) { self.infoHash = infoHash }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasSpoken, let peerID = PeerID(Array(repeating: 2, count: 20)) else { return }
        hasSpoken = true
        var hello = ByteBuffer()
        Handshake(reserved: [], infoHash: infoHash, peerID: peerID).append(to: &hello)
        context.writeAndFlush(wrapOutboundOut(hello), promise: nil)
        for n in 0..<Self.words {
            var word = ByteBuffer()
            PeerMessageEncoder.append(.have(piece: UInt32(n)), to: &word)
            let channel = context.channel
            context.eventLoop.scheduleTask(in: .milliseconds(100 * Int64(n + 1))) { [word] in
                channel.writeAndFlush(word, promise: nil)
            }
        }
    }
}

/// Notes what it hears, and always believes that much is to come.
private final class Listener: PeerConnectionDelegate {
    let heard = Mutex<[String]>([])

    func note(_ text: String) { heard.withLock { $0.append(text) } }

    func opened(_ connection: PeerConnection, theirs: Handshake) { connection.expect(bytes: 64 << 20, rate: 1e9) }
    func received(_ messages: [PeerMessage], from connection: PeerConnection) {
        for case .have(let piece) in messages { note("have \(piece)") }
    }
    func readEnded(_ connection: PeerConnection) { connection.expect(bytes: 64 << 20, rate: 1e9) }
    func closed(_ connection: PeerConnection, because reason: String) {}
}
