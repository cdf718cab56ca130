import Library
import NIOPosix
import System
import Torrent

/// A peer in the user's notation: `a.b.c.d:port`, `[ipv6]:port` or `name:port`.
struct PeerName: Sendable {
    private static let maximumAddresses = 8

    private let text: String
    private let host: String
    private let port: UInt16

    init(_ text: String) throws {
        self.text = text
        let problem = Failure.usage(
            "“\(text.printable)” is not a peer address: give host:port, for example 192.0.2.7:6881 or [2001:db8::7]:6881"
        )
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            throw problem
        }
        host = String(text[..<colon])
        self.port = port
        // Colons without brackets belong to an IPv6 address without a port.
        guard !host.isEmpty, PeerAddress(text) != nil || !host.contains(where: { ":[]/ ".contains($0) }) else {
            throw problem
        }
    }

    /// Returns the addresses of the peer. Names are looked up on a thread that may block.
    func addresses() async throws -> [PeerAddress] {
        if let address = PeerAddress(text) { return [address] }
        let (host, port) = (host, port)
        let found = try await NIOThreadPool.singleton.runIfActive { Self.lookUp(host, port) }
        guard !found.isEmpty else {
            throw Failure("the host name “\(host.printable)” of the peer has no address: check --peer")
        }
        return found
    }

    private static func lookUp(_ host: String, _ port: UInt16) -> [PeerAddress] {
        HostNames.addresses(of: host, limit: maximumAddresses).compactMap { text in
            PeerAddress.Host(text).map { PeerAddress($0, port: port) }
        }
    }
}
