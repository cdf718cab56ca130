import Glibc

/// Tells systemd, if it started this process, how the service is (sd_notify(3)).
package struct ServiceManager: Sendable {
    private let socket: String
    /// How often ``alive()`` has to be called at least; `nil` without a watchdog.
    package let watchdog: Duration?

    /// `nil` if the process wasn't started by a service manager that waits for messages.
    package init?(environment: (String) -> String?, processID: Int32 = getpid()) {
        guard let socket = environment("NOTIFY_SOCKET"), socket.count > 1, "/@".contains(socket.first ?? " ") else {
            return nil
        }
        self.socket = socket
        let isOurs = environment("WATCHDOG_PID").map { $0 == "\(processID)" } ?? true
        watchdog = environment("WATCHDOG_USEC").flatMap { Int64($0) }.flatMap {
            isOurs && $0 > 0 ? .microseconds($0) : nil
        }
    }

    package func ready(_ status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

    /// A READY message must follow when the settings were read.
    package func reloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        send("RELOADING=1\nMONOTONIC_USEC=\(Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)")
    }

    package func stopping() { send("STOPPING=1") }
    package func alive() { send("WATCHDOG=1") }

    private static func line(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }

    /// Sends a message. Failures are ignored: the service manager has its own time limits.
    private func send(_ text: String) {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socket.utf8)
        // A leading @ stands for the zero byte of an abstract name (unix(7)).
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.count < room else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size - room + path.count)
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = sendto(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL), pointer, length)
            }
        }
    }
}
