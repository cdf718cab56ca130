import Glibc
import SystemPackage

/// Facts about this machine.
enum Machine {
    static var kernel: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "of unknown version" }
        return withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The maximum number of files and sockets that an engine can have open. An engine raises its own limit to this
    /// maximum.
    static var descriptorLimit: UInt {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return UInt(limit.rlim_max)
    }

    /// The error of listening on the TCP port; `nil` if the port is available.
    static func faultOfListening(at port: UInt16) -> Errno? {
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
