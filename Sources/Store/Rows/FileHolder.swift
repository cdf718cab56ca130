/// Another torrent that recorded the same inode for one of its files, which is therefore probably the same file.
package struct FileHolder: Row, Sendable, Hashable {
    package let torrent: TorrentID
    /// The torrent's name, for messages.
    package let name: String
    /// The file's index in that torrent's metainfo, from 0.
    package let index: Int
    /// The output folder and the path below it, at which the file is if it still exists.
    package let output: String
    package let path: String
    /// Whether that torrent, too, only reads the file.
    package let isShared: Bool
    /// Whether all bytes of the file are recorded as present.
    package let isWhole: Bool

    package init(
        torrent: TorrentID, name: String, index: Int, output: String, path: String, isShared: Bool, isWhole: Bool
    ) {
        self.torrent = torrent
        self.name = name
        self.index = index
        self.output = output
        self.path = path
        self.isShared = isShared
        self.isWhole = isWhole
    }

    package static let columns =
        "t.id, t.name, p.idx, t.output, \(PathTable.current), coalesce(f.shared, 0), coalesce(f.completed_bytes, 0) >= p.length"

    package init(_ row: Statement) throws(StoreError) {
        torrent = try row.next()
        name = try row.next()
        index = try row.next()
        output = try row.nextAbsolutePath()
        path = try row.next()
        isShared = try row.next()
        isWhole = try row.next()
    }
}
