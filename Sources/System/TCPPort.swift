import Glibc
package import SystemPackage

/// TCP ports of this machine.
package enum TCPPort {
    /// The error of listening on the port at all addresses; `nil` if the port is available.
    package static func faultOfListening(at port: UInt16) -> Errno? {
        let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return Errno(rawValue: errno) }
        defer { close(descriptor) }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
        return result == 0 ? nil : Errno(rawValue: errno)
    }
}
