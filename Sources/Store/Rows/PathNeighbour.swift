/// A torrent whose files may have the same paths as another torrent's.
package struct PathNeighbour: Row, Sendable, Hashable {
    package let id: TorrentID
    package let name: String
    package let output: String
    /// The resolved output folder and the torrent's name: all paths of the torrent are at or below it.
    package let root: String

    package static let columns = "id, name, output, coalesce(resolved, output)"

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        name = try row.next()
        output = try row.next()
        root = NewTorrent.root(named: name, in: try row.next())
    }
}
