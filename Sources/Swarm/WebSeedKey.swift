/// Identifies one web seed of an active torrent. A key is never used again.
package struct WebSeedKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: UInt32

    package init(_ value: UInt32) { self.value = value }

    package static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    package var description: String { "web seed \(value)" }
}
