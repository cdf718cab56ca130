/// Identifies one block source of a torrent. A key is never used again; a peer has the number of its ``PeerKey``.
struct SourceKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    let value: UInt32

    init(_ value: UInt32) { self.value = value }

    static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    var description: String { "source \(value)" }
}
