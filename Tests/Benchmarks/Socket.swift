import Glibc
import SystemPackage

/// TCP sockets of IPv4, as this benchmark needs them.
enum Socket {
    /// A port that is free now on loopback.
    static func freePort() throws -> UInt16 {
        let socket = try make()
        defer { close(socket) }
        return try bind(socket, INADDR_LOOPBACK)
    }

    /// A socket that listens at every address of this machine, and its port.
    static func listen(backlog: Int) throws -> (socket: Int32, port: UInt16) {
        let socket = try make()
        let port = try bind(socket, INADDR_ANY)
        guard Glibc.listen(socket, Int32(backlog)) == 0 else { throw fault("listen") }
        return (socket, port)
    }

    /// The socket of somebody who dialled from this machine, non-blocking, and the address that was dialled; `nil` when
    /// nobody waits.
    static func accept(_ listener: Int32) throws -> (socket: Int32, address: UInt32)? {
        let socket = Glibc.accept(listener, nil, nil)
        guard socket >= 0 else {
            if errno == EAGAIN || errno == ECONNABORTED || errno == EINTR { return nil }
            throw fault("accept")
        }
        guard fcntl(socket, F_SETFL, O_NONBLOCK) == 0, fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 else {
            throw fault("fcntl")
        }
        let address = UInt32(bigEndian: try name(socket).sin_addr.s_addr)
        return (socket, address)
    }

    /// A blocking connection on loopback; `nil` when nobody listens there.
    static func dial(port: UInt16, patience: Duration) throws -> Int32? {
        let socket = try make(isBlocking: true)
        var limit = timeval(tv_sec: Int(patience.components.seconds), tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = Self.address(INADDR_LOOPBACK, port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return socket }
        let reason = errno
        close(socket)
        guard reason == ECONNREFUSED else {
            throw BenchmarkError("port \(port) cannot be dialled: \(Errno(rawValue: reason))")
        }
        return nil
    }

    /// A UDP socket that never waits, on loopback or at every address of this machine, and its port.
    static func datagrams(isLocal: Bool = true) throws -> (socket: Int32, port: UInt16) {
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(AF_INET, kind, 0)
        guard socket >= 0 else { throw fault("socket") }
        return (socket, try bind(socket, isLocal ? INADDR_LOOPBACK : INADDR_ANY))
    }

    /// The next datagram and its sender; `nil` when there is none.
    static func receive(_ socket: Int32) -> (bytes: [UInt8], sender: sockaddr_in)? {
        var buffer = [UInt8](repeating: 0, count: 2048)
        var sender = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &sender) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(socket, &buffer, buffer.count, 0, $0, &length)
            }
        }
        return count < 0 ? nil : (Array(buffer.prefix(count)), sender)
    }

    /// Sends a datagram; whether it arrives doesn't matter.
    static func send(_ bytes: [UInt8], to receiver: sockaddr_in, through socket: Int32) {
        var receiver = receiver
        withUnsafePointer(to: &receiver) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(socket, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func make(isBlocking: Bool = false) throws -> Int32 {
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            | (isBlocking ? 0 : Int32(SOCK_NONBLOCK.rawValue))
        let socket = Glibc.socket(AF_INET, kind, 0)
        guard socket >= 0 else { throw fault("socket") }
        return socket
    }

    private static func bind(_ socket: Int32, _ host: UInt32) throws -> UInt16 {
        var address = Self.address(host, 0)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw fault("bind") }
        return UInt16(bigEndian: try name(socket).sin_port)
    }

    private static func name(_ socket: Int32) throws -> sockaddr_in {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
        }
        guard result == 0 else { throw fault("getsockname") }
        return address
    }

    private static func address(_ host: UInt32, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = host.bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    static func fault(_ call: String) -> BenchmarkError {
        BenchmarkError("\(call) failed: \(Errno(rawValue: errno)): try again")
    }
}
