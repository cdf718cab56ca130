import NIOCore
import Torrent

/// Finds out from where an address can be reached, as seen from this machine.
struct ReachTest: Sendable {
    /// The public addresses that count as local: those of this machine, because no firewall stands in between.
    private let isOwn: @Sendable (PeerAddress.Host) -> Bool
    /// The addresses that count as public; tests have no others.
    private let isPublic: @Sendable (PeerAddress.Host) -> Bool

    /// Asks the system for the addresses of this machine.
    static let system = ReachTest(isOwn: isOfThisMachine)

    init(
        isOwn: @escaping @Sendable (PeerAddress.Host) -> Bool = { _ in false },
        isPublic: @escaping @Sendable (PeerAddress.Host) -> Bool = { $0.reach == .everywhere }
    ) {
        self.isOwn = isOwn
        self.isPublic = isPublic
    }

    /// Whether only this machine or its network can reach the address.
    func isLocal(_ host: PeerAddress.Host) -> Bool { !isPublic(host) || isOwn(host) }

    /// The kind of a local address in a sentence.
    func name(_ host: PeerAddress.Host) -> String {
        host.reach == .everywhere ? "an address of this machine" : host.reach.name
    }

    private static func isOfThisMachine(_ host: PeerAddress.Host) -> Bool {
        // Without the list the address counts as a stranger's, which is what it most likely is.
        guard let devices = try? System.enumerateDevices() else { return false }
        return devices.contains { $0.address.flatMap { PeerAddress($0) }?.host == host }
    }
}
