/// The two address families. Each has a UDP socket and a DHT of its own (BEP 32).
package enum AddressFamily: Int, Hashable, Sendable, CaseIterable, Comparable {
    case v4, v6

    package init(of host: PeerAddress.Host) {
        switch host {
        case .v4: self = .v4
        case .v6: self = .v6
        }
    }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The family's name, for messages.
    package var name: String { self == .v4 ? "IPv4" : "IPv6" }
}

extension PeerAddress {
    package var family: AddressFamily { AddressFamily(of: host) }
}
