/// A peer that another peer told of (BEP 11).
package struct PeerHint: Hashable, Sendable {
    /// What the teller says of the peer. They are hints, which may be wrong.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let prefersEncryption = Flags(rawValue: 1)
        /// The peer downloads nothing.
        package static let isSeed = Flags(rawValue: 2)
        package static let speaksUTP = Flags(rawValue: 4)
        package static let punchesHoles = Flags(rawValue: 8)
        /// The teller could connect to the peer.
        package static let isReachable = Flags(rawValue: 16)
        /// The flags that have a meaning; others are of the sender's own use.
        package static let known = Flags(rawValue: 31)
    }

    package let address: PeerAddress
    package let flags: Flags

    package init(_ address: PeerAddress, _ flags: Flags = []) {
        self.address = address
        self.flags = flags
    }
}
