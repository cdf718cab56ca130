/// An output folder with its torrents.
package struct OutputSum: Row, Sendable, Hashable {
    package let path: String
    package let torrents: Int
    /// Wanted bytes that aren't recorded as present.
    package let missingBytes: Int64
    /// Whether the root of any of its torrents was ever seen.
    package let wasSeen: Bool
    /// The file system on which the payloads were last seen; `nil` if unknown.
    package let volume: String?

    package static let columns =
        "t.output, count(*) AS torrents, sum(max(coalesce(t.wanted_bytes, 0) - t.completed_bytes, 0)), max(t.root_seen), max(v.identity)"

    package init(_ row: Statement) throws(StoreError) {
        path = try row.next()
        torrents = try row.next()
        missingBytes = try row.next()
        wasSeen = try row.next()
        volume = try row.next()
    }
}
