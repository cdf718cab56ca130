import Glibc
package import NIOCore
import NIOPosix
package import Torrent

/// Sends datagrams to a multicast group on the local network, and receives those of others: one socket for a family.
///
/// The actor runs on the loop of the sockets. An error is a reason to try again later, and never ends anything else.
package actor MulticastSockets {
    /// Receives datagrams on the loop.
    package typealias Receiver = @Sendable (_ datagram: ByteBuffer, _ sender: PeerAddress) -> Void

    /// A network interface, by its index.
    private struct Place: Hashable {
        let family: AddressFamily
        let index: UInt32
    }

    private struct Open {
        let descriptor: Int32
        let channel: EventLoopFuture<any Channel>
    }

    package nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }
    private let group: @Sendable (AddressFamily) -> PeerAddress.Host
    private let port: UInt16
    private let bindAddress: PeerAddress.Host?
    private let receiver: Receiver
    private var places: Set<Place> = []
    private var open: [AddressFamily: Open] = [:]
    private var isClosed = false

    /// With `bind`, only the interface with this address is used; otherwise all that support multicast.
    package init(
        loop: any EventLoop, bind: PeerAddress.Host?, port: UInt16,
        group: @escaping @Sendable (AddressFamily) -> PeerAddress.Host, receiver: @escaping Receiver
    ) {
        self.loop = loop
        bindAddress = bind
        self.port = port
        self.group = group
        self.receiver = receiver
    }

    /// Enters the actor from another one on the same loop, without a hop.
    package nonisolated func onLoop<Value: Sendable>(_ body: (isolated MulticastSockets) -> Value) -> Value {
        assumeIsolated(body)
    }

    /// Opens the sockets for the interfaces of this moment, unless they are open. Returns what failed, in words.
    package func refresh() -> [String] {
        guard !isClosed else { return [] }
        let found = interfaces()
        guard found != places || open.isEmpty else { return [] }
        closeAll()
        places = found
        return AddressFamily.allCases.compactMap { family in
            let indices = found.filter { $0.family == family }.map(\.index).sorted()
            guard !indices.isEmpty else { return nil }
            do throws(IOError) {
                try open(family, indices)
                return nil
            } catch {
                return "local discovery over \(family.name): \(String(cString: strerror(error.errnoCode)))"
            }
        }
    }

    private func interfaces() -> Set<Place> {
        let devices: [NIONetworkDevice]
        do { devices = try System.enumerateDevices() } catch { return [] }
        return Set(
            devices.compactMap { device in
                guard let address = device.address, let host = PeerAddress(address)?.host, device.interfaceIndex > 0
                else { return nil }
                guard bindAddress.map({ $0 == host }) ?? (device.multicastSupported && host.reach != .loopback) else {
                    return nil
                }
                return Place(family: AddressFamily(of: host), index: UInt32(device.interfaceIndex))
            })
    }

    private func open(_ family: AddressFamily, _ indices: [UInt32]) throws(IOError) {
        let descriptor = socket(
            family == .v4 ? AF_INET : AF_INET6,
            Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        do throws(IOError) {
            // Other clients on this machine listen at the same port.
            try Self.set(SOL_SOCKET, SO_REUSEADDR, 1, of: descriptor)
            try Self.set(SOL_SOCKET, SO_REUSEPORT, 1, of: descriptor)
            let any: PeerAddress.Host = family == .v4 ? .v4(0) : .v6(0, 0)
            if family == .v6 { try Self.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1, of: descriptor) }
            guard let name = PeerAddress(any, port: port).native else {
                throw IOError(errnoCode: EAFNOSUPPORT, reason: "bind")
            }
            guard name.withSockAddr({ bind(descriptor, $0, socklen_t($1)) }) == 0 else {
                throw IOError(errnoCode: errno, reason: "bind")
            }
            try join(family, indices, descriptor)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        let channel = DatagramBootstrap(group: loop)
            .channelOption(.maxMessagesPerRead, value: 16)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(MulticastInlet(receiver: self.receiver))
                }
            }
            .withBoundSocket(descriptor)
        open[family] = Open(descriptor: descriptor, channel: channel)
    }

    /// Joins the group on each interface. Datagrams don't leave the local network, and reach other programs here.
    private func join(_ family: AddressFamily, _ indices: [UInt32], _ descriptor: Int32) throws(IOError) {
        var joined = false
        for index in indices {
            // struct ip_mreqn (ip(7)) and struct ipv6_mreq (ipv6(7)).
            let address = PeerAddress(group(family), port: 0).compact.dropLast(2)
            let request = family == .v4 ? address + Self.interface(index) : address + Self.native(index)
            let (level, option) =
                family == .v4 ? (Int32(IPPROTO_IP), IP_ADD_MEMBERSHIP) : (Int32(IPPROTO_IPV6), IPV6_JOIN_GROUP)
            if Self.trySet(level, option, Array(request), of: descriptor) { joined = true }
        }
        guard joined else { throw IOError(errnoCode: errno, reason: "join") }
        if family == .v4 {
            try Self.set(Int32(IPPROTO_IP), IP_MULTICAST_TTL, 1, of: descriptor)
            try Self.set(Int32(IPPROTO_IP), IP_MULTICAST_LOOP, 1, of: descriptor)
        } else {
            try Self.set(Int32(IPPROTO_IPV6), IPV6_MULTICAST_HOPS, 1, of: descriptor)
            try Self.set(Int32(IPPROTO_IPV6), IPV6_MULTICAST_LOOP, 1, of: descriptor)
        }
    }

    /// Sends a datagram to the group of the family on every interface. What can't be sent is lost.
    package func send(_ bytes: [UInt8], _ family: AddressFamily) {
        guard let descriptor = open[family]?.descriptor, let name = PeerAddress(group(family), port: port).native else {
            return
        }
        // Whoever hears it dials the address from which it is sent, and an interface may have others than ours.
        let sender = bindAddress.map { Array(PeerAddress($0, port: 0).compact.dropLast(2)) } ?? [0, 0, 0, 0]
        for place in places.sorted(by: { $0.index < $1.index }) where place.family == family {
            let isSet =
                switch family {
                case .v4:
                    Self.trySet(
                        Int32(IPPROTO_IP), IP_MULTICAST_IF, [0, 0, 0, 0] + sender + Self.native(place.index),
                        of: descriptor)
                case .v6:
                    Self.trySet(Int32(IPPROTO_IPV6), IPV6_MULTICAST_IF, Self.native(place.index), of: descriptor)
                }
            guard isSet else { continue }
            _ = name.withSockAddr { sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t($1)) }
        }
    }

    /// Closes the sockets for good.
    package func close() -> EventLoopFuture<Void> {
        isClosed = true
        let closing = open.values.map { open in open.channel.flatMap { $0.close() }.recover { _ in } }
        open = [:]
        return EventLoopFuture.andAllComplete(closing, on: loop)
    }

    private func closeAll() {
        for open in open.values { open.channel.whenSuccess { $0.close(promise: nil) } }
        open = [:]
    }

    private static func native(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }

    /// The end of a struct ip_mreqn: no address of an interface, but its index.
    private static func interface(_ index: UInt32) -> [UInt8] { [0, 0, 0, 0] + native(index) }

    private static func trySet(_ level: Int32, _ option: Int32, _ value: [UInt8], of descriptor: Int32) -> Bool {
        setsockopt(descriptor, level, option, value, socklen_t(value.count)) == 0
    }

    private static func set(_ level: Int32, _ option: Int32, _ value: Int32, of descriptor: Int32) throws(IOError) {
        guard trySet(level, option, native(UInt32(bitPattern: value)), of: descriptor) else {
            throw IOError(errnoCode: errno, reason: "setsockopt")
        }
    }
}

/// Passes datagrams to the receiver.
private final class MulticastInlet: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let receiver: MulticastSockets.Receiver

    init(receiver: @escaping MulticastSockets.Receiver) { self.receiver = receiver }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let sender = PeerAddress(envelope.remoteAddress) else { return }
        receiver(envelope.data, sender)
    }

    /// An error of one datagram is no reason to close the socket.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
