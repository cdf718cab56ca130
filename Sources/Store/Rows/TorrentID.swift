/// The number of a torrent in the database: what users type, and never used again after the torrent is removed.
package struct TorrentID: RawRepresentable, Hashable, Comparable, Sendable, SQLValue, CustomStringConvertible {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }
    package init(_ value: Int64) { self.rawValue = value }

    /// Numbers of torrents that are in a ``Connection/scratch(now:)`` database alone.
    static let scratchNumbers: Int64 = 1 << 44
    package var isScratch: Bool { rawValue >= Self.scratchNumbers }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    package var description: String { "\(rawValue)" }
}
