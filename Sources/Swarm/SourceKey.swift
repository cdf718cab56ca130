/// Identifies one block source of a torrent. A key is never used again; a peer has the number of its ``PeerKey``.
package struct SourceKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    let value: UInt32

    package init(_ value: UInt32) { self.value = value }

    package static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    package var description: String { "source \(value)" }
}
