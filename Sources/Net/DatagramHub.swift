import Glibc
package import NIOCore
import NIOPosix
import System
package import Torrent

/// The UDP sockets on the listening port, one for each address family, which the DHT and the UDP trackers share.
///
/// The first bytes of a datagram decide who receives it; what fits nowhere is dropped. An error of a socket is a value
/// that its sender receives, and never closes a socket.
///
/// The actor runs on the loop of the sockets, so datagrams enter it without a hop.
package actor DatagramHub {
    /// Receives datagrams on the loop. The buffer is reused when the receiver returns.
    package typealias Receiver = @Sendable (_ datagram: ByteBuffer, _ sender: SocketAddress) -> Void

    /// Who receives a datagram.
    package enum Use: Hashable, Sendable {
        case dht
        case trackers

        /// `nil` if the datagram fits nowhere.
        package init?(_ datagram: ByteBuffer) {
            let start = datagram.readerIndex
            // A bencoded dictionary.
            if datagram.getInteger(at: start, as: UInt8.self) == UInt8(ascii: "d") {
                self = .dht
            } else if let action = datagram.getInteger(at: start, as: UInt32.self), action <= Self.highestAction {
                self = .trackers
            } else {
                return nil
            }
        }

        /// The actions of a UDP tracker are connect, announce, scrape and error (BEP 15).
        private static let highestAction: UInt32 = 3
    }

    /// The maximum size of a datagram, 64 KiB. NIO reads 2 KiB by default, but a tracker's response may be longer.
    private static let maximumDatagram = 65536
    /// The maximum number of datagrams that are read before the loop continues with others.
    private static let maximumReads: UInt = 64

    private struct Open {
        let number: Int
        let socket: DatagramSocket
        let channel: EventLoopFuture<any Channel>
    }

    package nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }
    /// The local address of the sockets; `nil` for any.
    private let bindAddress: PeerAddress.Host?
    private var open: [AddressFamily: Open] = [:]
    private var lastNumber = 0
    private var receivers: [Use: Receiver] = [:]
    /// The port that sockets get that are opened when they are needed.
    private var preferredPort: UInt16 = 0
    private var isClosed = false
    /// Datagrams that fitted nowhere.
    package private(set) var droppedCount = 0

    package init(loop: any EventLoop, bind: PeerAddress.Host?) {
        self.loop = loop
        bindAddress = bind
    }

    /// Enters the actor from another one on the same loop, without a hop.
    package nonisolated func onLoop<Value: Sendable>(_ body: (isolated DatagramHub) -> Value) -> Value {
        assumeIsolated(body)
    }

    // MARK: Sockets

    /// The families whose sockets are open.
    package var families: Set<AddressFamily> { Set(open.keys) }

    /// Whether the local address allows sockets of the family.
    package func canUse(_ family: AddressFamily) -> Bool {
        bindAddress.map { AddressFamily(of: $0) == family } ?? true
    }

    package func port(of family: AddressFamily) -> UInt16? { open[family]?.socket.port }

    /// Sockets that are opened later get this port, if it is free.
    package func prefer(port: UInt16) { preferredPort = port }

    /// Opens the socket of each family that the local address allows, unless it is open. Returns the failures.
    package func open(port: UInt16) -> [DatagramFailure] {
        preferredPort = port
        return AddressFamily.allCases.filter { canUse($0) }.compactMap { open($0, at: port) }
    }

    /// Opens the family's socket at the port unless it is open. Returns why it failed.
    package func open(_ family: AddressFamily, at port: UInt16) -> DatagramFailure? {
        do throws(DatagramFailure) {
            try open(family, port: port)
            return nil
        } catch {
            return error
        }
    }

    /// Closes the sockets that are open; others may be opened.
    package func abandon() {
        for open in open.values { open.channel.whenSuccess { $0.close(promise: nil) } }
        open = [:]
    }

    /// Opens the family's socket unless it is open, at any port if the preferred one is taken.
    func require(_ family: AddressFamily) throws(DatagramFailure) {
        do throws(DatagramFailure) {
            try open(family, port: preferredPort)
        } catch  where error.isPortTaken {
            try open(family, port: 0)
        }
    }

    private func open(_ family: AddressFamily, port: UInt16) throws(DatagramFailure) {
        guard !isClosed else { throw DatagramFailure(family, port: port, code: ESHUTDOWN) }
        guard open[family] == nil else { return }
        let socket: DatagramSocket
        do {
            let host = bindAddress ?? (family == .v4 ? .v4(0) : .v6(0, 0))
            socket = try DatagramSocket(family, at: try PeerAddress(host, port: port).socketAddress)
        } catch {
            throw DatagramFailure(family, port: port, code: (error as? IOError)?.errnoCode ?? EADDRNOTAVAIL)
        }
        let channel = DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.maximumDatagram))
            .channelOption(.maxMessagesPerRead, value: Self.maximumReads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramInlet(hub: self))
                }
            }
            .withBoundSocket(socket.descriptor)
        lastNumber += 1
        open[family] = Open(number: lastNumber, socket: socket, channel: channel)
        let isolated = channel.assumeIsolated()
        isolated.whenFailure { [lastNumber] _ in self.onLoop { $0.closed(lastNumber) } }
        isolated.whenSuccess { [lastNumber] channel in
            channel.closeFuture.assumeIsolated().whenComplete { _ in self.onLoop { $0.closed(lastNumber) } }
        }
    }

    /// The descriptor of a closed socket may already be another socket's.
    private func closed(_ number: Int) { open = open.filter { $0.value.number != number } }

    /// Closes the sockets for good. The future succeeds when all of them are closed.
    package func close() -> EventLoopFuture<Void> {
        isClosed = true
        receivers = [:]
        let closing = open.values.map { open in
            // A socket that failed, or closed by itself, counts as closed.
            open.channel.flatMap { $0.close() }.recover { _ in }
        }
        open = [:]
        return EventLoopFuture.andAllComplete(closing, on: loop)
    }

    // MARK: Datagrams

    /// Sets the receiver of the datagrams for a use; `nil` drops them.
    package func receive(_ use: Use, by receiver: Receiver?) { receivers[use] = receiver }

    /// Sends a datagram from the socket of the address's family. Returns why it couldn't be sent.
    @discardableResult
    package func send(_ bytes: [UInt8], to address: SocketAddress) -> DatagramFailure? {
        let family: AddressFamily = address.protocol == .inet6 ? .v6 : .v4
        guard let socket = open[family]?.socket else { return DatagramFailure(family, port: 0, code: EBADF) }
        return socket.send(bytes, to: address).map { DatagramFailure(family, port: socket.port, code: $0) }
    }

    fileprivate func received(_ datagram: ByteBuffer, from sender: SocketAddress) {
        guard let use = Use(datagram), let receiver = receivers[use] else {
            droppedCount += 1
            return
        }
        receiver(datagram, sender)
    }
}

/// Passes datagrams to the hub.
private final class DatagramInlet: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let hub: DatagramHub

    init(hub: DatagramHub) { self.hub = hub }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        hub.onLoop { $0.received(envelope.data, from: envelope.remoteAddress) }
    }

    /// A datagram of ours couldn't be delivered.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
