/// Where a torrent that is downloaded in another folder moves when it is complete.
package struct DestinationRow: Row, Sendable, Hashable {
    package let torrent: TorrentID
    /// The absolute folder.
    package let folder: String
    /// Where the folder's file system was mounted when the torrent was added, if the system told.
    package let mountPath: String?
    /// Why the move waits, in one sentence; `nil` before the first attempt.
    package let problem: String?

    package static let columns = "torrent_id, folder, mount_path, problem"

    package init(_ row: Statement) throws(StoreError) {
        torrent = try row.next()
        folder = try row.nextAbsolutePath()
        mountPath = try row.next()
        problem = try row.next()
    }
}
