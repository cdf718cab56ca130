import Glibc
import NIOCore
package import Torrent
import TrackerWire

/// Why a UDP socket couldn't be opened, or a datagram couldn't be sent.
package struct DatagramFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let family: AddressFamily
    /// The local port; 0 for any.
    package let port: UInt16
    /// The error number of the system.
    package let code: Int32

    init(_ family: AddressFamily, port: UInt16, code: Int32) {
        self.family = family
        self.port = port
        self.code = code
    }

    /// Whether another program has the port.
    package var isPortTaken: Bool { code == EADDRINUSE }
    /// Whether this machine doesn't have the family.
    package var isUnsupported: Bool { code == EAFNOSUPPORT || code == EADDRNOTAVAIL }

    /// The reason alone.
    package var reason: String { String(cString: strerror(code)) }

    package var description: String {
        if isPortTaken { return "another program uses UDP port \(port)" }
        if isUnsupported { return "this machine has no \(family.name) address" }
        return "UDP over \(family.name) failed: \(reason)"
    }
}
