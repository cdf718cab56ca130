import Glibc
import NIOCore
import Torrent

/// A UDP socket that is bound and never waits. NIO reads from it; datagrams are sent directly, because NIO closes a
/// socket when the network of one receiver can't be reached.
struct DatagramSocket {
    /// The receive buffer that is asked for, in bytes; the kernel may give less (net.core.rmem_max).
    private static let receiveBuffer: Int32 = 4 << 20

    let descriptor: Int32
    /// The local port.
    let port: UInt16

    /// Port 0 chooses a free one.
    init(_ family: AddressFamily, at address: SocketAddress) throws(IOError) {
        let descriptor = socket(
            family == .v4 ? AF_INET : AF_INET6,
            Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        self.descriptor = descriptor
        do throws(IOError) {
            // The other family has a socket of its own at the same port.
            if family == .v6 { try Self.set(IPPROTO_IPV6, IPV6_V6ONLY, 1, of: descriptor) }
            // A smaller buffer loses datagrams in a flood, and nothing else.
            _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, [Self.receiveBuffer], socklen_t(MemoryLayout<Int32>.size))
            let result = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
            guard result == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
            port = try Self.port(of: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Sends the datagram. Returns the number of the error if it couldn't be sent.
    func send(_ bytes: [UInt8], to address: SocketAddress) -> Int32? {
        address.withSockAddr { name, length in
            while true {
                let sent = sendto(descriptor, bytes, bytes.count, 0, name, socklen_t(length))
                if sent >= 0 { return nil }
                switch errno {
                case EINTR: continue
                // The queue is full: the datagram is lost, as it may be lost on its way.
                case EAGAIN, ENOBUFS: return nil
                default: return errno
                }
            }
        }
    }

    private static func set(_ level: Int, _ option: Int32, _ value: Int32, of descriptor: Int32) throws(IOError) {
        guard setsockopt(descriptor, Int32(level), option, [value], socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw IOError(errnoCode: errno, reason: "setsockopt")
        }
    }

    private static func port(of descriptor: Int32) throws(IOError) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { throw IOError(errnoCode: errno, reason: "getsockname") }
        // Both families have the port at the same place.
        return withUnsafeBytes(of: storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
    }
}
