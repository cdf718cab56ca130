import Glibc
package import NIOCore
import NIOPosix
import Synchronization
import Torrent
package import TrackerWire

/// Looks up host names on its own threads, because `getaddrinfo` blocks and must not block a loop or the cooperative
/// pool.
package final class HostResolver: Sendable {
    /// The number of concurrent look-ups. A name server that doesn't answer blocks a thread for the timeout in
    /// resolv.conf.
    private static let threads = 2
    /// The maximum number of addresses that are used per name.
    private static let maximumAddresses = 16

    package typealias Lookup = @Sendable (_ host: String, _ port: UInt16) -> Result<[SocketAddress], TrackerError>

    private let pool = NIOThreadPool(numberOfThreads: threads)
    private let lookup: Lookup
    private let isShutDown = Mutex(false)

    /// `lookup` may block. Only tests replace the default, which asks the system.
    package init(lookup: Lookup? = nil) {
        self.lookup = lookup ?? { Self.addresses(of: $0, port: $1) }
        pool.start()
    }

    /// Calls `body` once with the addresses in the system's order of preference, either immediately or on a thread of
    /// the pool; never calls it after ``shutdown()``.
    ///
    /// `body` must not block, because ``shutdown()`` waits for it.
    package func resolve(
        _ host: String, port: UInt16, _ body: @escaping @Sendable (Result<[SocketAddress], TrackerError>) -> Void
    ) {
        // An IP address needs no look-up and shouldn't wait behind names that do.
        if let address = PeerAddress.Host(host).flatMap({ try? PeerAddress($0, port: port).socketAddress }) {
            return answer(.success([address]), body)
        }
        pool.submit { state in
            guard case .active = state else { return }
            self.answer(self.lookup(host, port), body)
        }
    }

    private func answer(
        _ result: Result<[SocketAddress], TrackerError>, _ body: (Result<[SocketAddress], TrackerError>) -> Void
    ) {
        isShutDown.withLock { isShutDown in
            if !isShutDown { body(result) }
        }
    }

    /// Ends each thread when its look-up ends, without waiting for name servers that don't answer.
    package func shutdown() {
        isShutDown.withLock { $0 = true }
        // This fails if the pool was already shut down, which is fine.
        pool.shutdownGracefully { _ in }
    }

    private static func addresses(of host: String, port: UInt16) -> Result<[SocketAddress], TrackerError> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0, let list else {
            let why = code == EAI_SYSTEM ? strerror(errno) : UnsafeMutablePointer(mutating: gai_strerror(code))
            return .failure(
                .unreachable(
                    "the host name “\(Printable.text(host.utf8))” has no address: \(why.map { String(cString: $0) } ?? "unknown")"
                ))
        }
        defer { freeaddrinfo(list) }
        let addresses = sequence(first: list, next: { $0.pointee.ai_next }).prefix(maximumAddresses).compactMap {
            address(of: $0.pointee)
        }
        return .success(addresses)
    }

    private static func address(of info: addrinfo) -> SocketAddress? {
        switch info.ai_family {
        case AF_INET: info.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
        case AF_INET6: info.ai_addr.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
        default: nil
        }
    }
}
