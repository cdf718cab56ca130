import NIOCore
import NIOPosix
import Torrent

/// The UDP sockets of a tracker transport, one per address family. Each socket is opened on first use, and reopened if
/// it closed.
///
/// The sockets belong to the actor on the same loop, and are used only there.
final class UDPTrackerSockets {
    typealias Receiver = @Sendable (_ bytes: [UInt8], _ remote: SocketAddress) -> Void

    /// The maximum size of a datagram, 64 KiB. NIO reads 2 KiB by default, but a response with many peers is longer.
    private static let maximumDatagram = 65536

    private let loop: any EventLoop
    private let bindAddress: PeerAddress.Host?
    private var open: [NIOBSDSocket.ProtocolFamily: EventLoopFuture<any Channel>] = [:]

    init(loop: any EventLoop, bindAddress: PeerAddress.Host?) {
        self.loop = loop
        self.bindAddress = bindAddress
    }

    /// Whether the bind address allows sockets of the family.
    func canReach(_ family: NIOBSDSocket.ProtocolFamily) -> Bool {
        switch bindAddress {
        case nil: true
        case .v4: family == .inet
        case .v6: family == .inet6
        }
    }

    /// Returns the family's socket. Datagrams go to the `receiver` with which the socket was opened, on the loop.
    func socket(for family: NIOBSDSocket.ProtocolFamily, receiver: @escaping Receiver) -> EventLoopFuture<any Channel> {
        if let socket = open[family] { return socket }
        let host = bindAddress.map { PeerAddress($0, port: 0).hostDescription } ?? (family == .inet6 ? "::" : "0.0.0.0")
        let socket = DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.maximumDatagram))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Inlet(receiver: receiver))
                }
            }
            .bind(host: host, port: 0)
        open[family] = socket
        let isolated = socket.assumeIsolated()
        isolated.whenFailure { _ in self.open[family] = nil }
        isolated.whenSuccess { $0.closeFuture.assumeIsolated().whenComplete { _ in self.open[family] = nil } }
        return socket
    }

    /// Closes the sockets; the future succeeds when all of them are closed.
    func close() -> EventLoopFuture<Void> {
        let closing = open.values.map { socket in
            // A socket that failed to open, or closed by itself, counts as closed.
            socket.flatMap { $0.close() }.recover { _ in }
        }
        open = [:]
        return EventLoopFuture.andAllComplete(closing, on: loop)
    }
}

/// Passes datagrams to the receiver.
private final class Inlet: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let receiver: UDPTrackerSockets.Receiver

    init(receiver: @escaping UDPTrackerSockets.Receiver) { self.receiver = receiver }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        receiver(Array(envelope.data.readableBytesView), envelope.remoteAddress)
    }
}
