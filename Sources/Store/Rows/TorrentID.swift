/// The number of a torrent in the database, which users type. A number is never reused after its torrent is removed.
package struct TorrentID: RawRepresentable, Hashable, Comparable, Sendable, SQLValue, CustomStringConvertible {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }
    package init(_ value: Int64) { self.rawValue = value }

    /// The lowest number of torrents that exist only in a ``Connection/scratch(now:)`` database.
    static let scratchNumbers: Int64 = 1 << 44
    package var isScratch: Bool { rawValue >= Self.scratchNumbers }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    package var description: String { "\(rawValue)" }
}
