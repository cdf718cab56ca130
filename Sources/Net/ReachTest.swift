import NIOCore
package import Torrent

/// Determines whether an address is local, as seen from this machine.
package struct ReachTest: Sendable {
    /// Whether a public address counts as local: this machine's own addresses do, because there is no firewall in
    /// between.
    private let isOwn: @Sendable (PeerAddress.Host) -> Bool
    /// Whether an address counts as public; tests replace this, because they have no public addresses.
    private let isPublic: @Sendable (PeerAddress.Host) -> Bool

    /// A test that asks the system for this machine's addresses.
    package static let system = ReachTest(isOwn: isOfThisMachine)

    package init(
        isOwn: @escaping @Sendable (PeerAddress.Host) -> Bool = { _ in false },
        isPublic: @escaping @Sendable (PeerAddress.Host) -> Bool = { $0.reach == .everywhere }
    ) {
        self.isOwn = isOwn
        self.isPublic = isPublic
    }

    /// Whether only this machine or its network can reach the address.
    package func isLocal(_ host: PeerAddress.Host) -> Bool { !isPublic(host) || isOwn(host) }

    /// A noun phrase for a local address, for messages.
    func name(_ host: PeerAddress.Host) -> String {
        host.reach == .everywhere ? "an address of this machine" : host.reach.name
    }

    private static func isOfThisMachine(_ host: PeerAddress.Host) -> Bool {
        // Without the list, the address counts as one of another machine, which is most likely true.
        guard let devices = try? System.enumerateDevices() else { return false }
        return devices.contains { $0.address.flatMap { PeerAddress($0) }?.host == host }
    }
}
