package import Torrent

/// Whoever has an address in a ``LabNetwork``.
package protocol LabMember: AnyObject {
    var address: PeerAddress { get }
    /// When ``wake(now:)`` is due.
    var nextWake: Instant? { get }
    func receive(_ datagram: [UInt8], from address: PeerAddress, now: Instant) -> [LabDatagram]
    func wake(now: Instant) -> [LabDatagram]
}

extension LabMember {
    package var nextWake: Instant? { nil }
    package func wake(now: Instant) -> [LabDatagram] { [] }
}

/// A datagram that a member sends; `from` is its own address, or one that it forges.
package struct LabDatagram {
    package let bytes: [UInt8]
    package let from: PeerAddress
    package let to: PeerAddress

    package init(_ bytes: [UInt8], from: PeerAddress, to: PeerAddress) {
        self.bytes = bytes
        self.from = from
        self.to = to
    }
}
