/// A file of a torrent, with its full path.
package struct NamedFile: Row, Sendable, Hashable {
    package let index: Int
    /// The path below the torrent's output folder.
    package let path: String
    package let length: Int64
    package let isPad: Bool
    package let isWanted: Bool

    package static let columns = "p.idx, \(PathTable.current), p.length, p.pad, coalesce(f.wanted, 1)"

    package init(_ row: Statement) throws(StoreError) {
        index = try row.next()
        path = try row.next()
        length = try row.nextBytes()
        isPad = try row.next()
        isWanted = try row.next()
    }
}
