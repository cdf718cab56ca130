package import Torrent

/// A node in the routing table.
package struct KnownNode: Equatable, Sendable {
    package let contact: NodeContact
    /// Whether its id suits its address (BEP 42).
    package let isSecure: Bool
    /// The time of its last answer took; `nil` if it hasn't answered in this run.
    package internal(set) var roundTrip: Duration?
    package internal(set) var answeredAt: Instant?
    /// Queries without an answer since the last one.
    package internal(set) var failures = 0
    var queriedAt: Instant?

    init(_ contact: NodeContact) {
        self.contact = contact
        isSecure = SecureNodeID.isValid(contact.id, for: contact.address.host)
    }

    /// Whether it has answered in this run. Others are told only of such nodes.
    package var isVerified: Bool { answeredAt != nil }
    /// Whether it answered, and its last query too.
    package var isGood: Bool { isVerified && failures == 0 }
    var id: NodeID { contact.id }
}
