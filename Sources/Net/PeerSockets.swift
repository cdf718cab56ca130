package import NIOCore
import NIOPosix
package import PeerWire
package import Torrent

/// Connects to peers and accepts connections from peers on one event loop.
package struct PeerSockets: Sendable {
    package static let dialTimeout = TimeAmount.seconds(8)
    /// The maximum number of connections that wait in the kernel to be accepted.
    private static let backlog = 256
    /// The maximum and first size of a read in bytes. After each read, the peer's share of the work is settled.
    private static let largestRead = 32 << 10
    private static let firstRead = 16 << 10
    /// The size of the first read on an incoming connection after the handshake.
    private static let firstIncomingRead = 4 << 10
    /// The number of owed bytes by which a peer counts as fast: more than every peer owes that sends at all. Its reads
    /// may be as large as the buffer, because large reads need fewer calls.
    static let fastPeerBytes = 640 << 10
    private static let firstFastRead = 64 << 10
    /// With more, a channel would keep buffers of its own.
    private static let readsAtOnce: UInt = 1
    /// The numbers of bytes waiting to be sent to a peer above which reading from the peer stops and below which
    /// reading resumes. Both are larger than the data that is ever queued for a peer.
    private static let writeMarks = ChannelOptions.Types.WriteBufferWaterMark(low: 1 << 20, high: 5 << 19)

    package let loop: any EventLoop
    /// The local address for outgoing connections and for the listening socket; `nil` for any.
    package let bind: PeerAddress.Host?
    private let memory: ReadBuffer

    package init(loop: any EventLoop, bind: PeerAddress.Host?) {
        self.loop = loop
        self.bind = bind
        memory = ReadBuffer(loop: loop)
    }

    /// Connects to a peer. The delegate receives the connection's events; `failed` is called only if no connection is
    /// made.
    package func dial(
        _ address: PeerAddress, delegate: any PeerConnectionDelegate, sending ours: Handshake,
        failed: @escaping @Sendable (any Error) -> Void
    ) {
        loop.preconditionInEventLoop()
        let connection = PeerConnection(to: address, delegate: delegate, sending: ours, reading: memory)
        do {
            var bootstrap = ClientBootstrap(group: loop).connectTimeout(Self.dialTimeout)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.recvAllocator, value: Self.reads(into: memory, first: Self.firstRead))
                .channelOption(.writeBufferWaterMark, value: Self.writeMarks)
                .channelOption(.maxMessagesPerRead, value: Self.readsAtOnce)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(connection) }
                }
            if let bind, PeerAddress(bind, port: 0).isIPv6 == address.isIPv6 {
                bootstrap = bootstrap.bind(to: try PeerAddress(bind, port: 0).socketAddress)
            }
            bootstrap.connect(to: try address.socketAddress).whenFailure { error in
                _ = SocketShortage.note(error)
                failed(error)
            }
        } catch {
            failed(error)
        }
    }

    /// Listens for peers on IPv6 and IPv4. Port 0 selects a free port, which the channel's local address shows.
    package func listen(port: Int, owner: any PeerConnectionOwner) async throws -> [any Channel] {
        let (bound, memory) = (WeakOwner(owner), memory)
        let server = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: Int32(Self.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(AcceptPause()) }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: Self.reads(into: memory, first: Self.firstIncomingRead))
            .childChannelOption(.writeBufferWaterMark, value: Self.writeMarks)
            .childChannelOption(.maxMessagesPerRead, value: Self.readsAtOnce)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let owner = bound.owner else { throw ChannelError.ioOnClosedChannel }
                    try channel.pipeline.syncOperations.addHandler(PeerConnection(owner: owner, reading: memory))
                }
            }
        if let bind { return [try await server.bind(to: PeerAddress(bind, port: UInt16(port)).socketAddress).get()] }
        // Uses one socket for both families if the machine has IPv6, and IPv4 alone otherwise.
        do {
            return [try await server.bind(to: SocketAddress(ipAddress: "::", port: port)).get()]
        } catch let error as IOError where error.errnoCode == EAFNOSUPPORT || error.errnoCode == EADDRNOTAVAIL {
            return [try await server.bind(to: SocketAddress(ipAddress: "0.0.0.0", port: port)).get()]
        }
    }

    private static func reads(into memory: ReadBuffer, first: Int) -> SharedReads {
        SharedReads(memory, initial: first, largest: largestRead, isFirst: true)
    }

    /// The reads of a fast peer.
    static func fastReads(into memory: ReadBuffer) -> SharedReads {
        SharedReads(memory, initial: firstFastRead, largest: ReadBuffer.capacity, isFirst: false)
    }
}

private final class WeakOwner: Sendable {
    // Owners are `Sendable`, because they are actors of the loop.
    weak let owner: (any PeerConnectionOwner)?

    init(_ owner: any PeerConnectionOwner) { self.owner = owner }
}
