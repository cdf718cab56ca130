import Torrent

/// One file of a move.
package struct MoveFileRow: Row, Sendable, Hashable {
    /// The file in the old folder, before the move.
    package let before: FingerprintRow
    /// Whether the file in the old folder isn't removed, because another torrent uses it.
    package let stays: Bool
    /// The synced copy in the new folder; `nil` if there is none.
    package var copy: FingerprintRow?

    package init(before: FingerprintRow, stays: Bool) {
        self.before = before
        self.stays = stays
    }

    package static let columns =
        "idx, stays, size, mtime_ns, inode, device, copy_size, copy_mtime_ns, copy_inode, copy_device"

    package init(_ row: Statement) throws(StoreError) {
        let index: Int = try row.next()
        stays = try row.next()
        before = FingerprintRow(
            index: index,
            FileFingerprint(
                size: try row.next(), mtimeNs: try row.next(), inode: try row.next(), device: try row.next()))
        let (size, modified): (Int64?, Int64?) = (try row.next(), try row.next())
        let (inode, device): (UInt64?, UInt64?) = (try row.next(), try row.next())
        if let size, let modified, let inode, let device {
            copy = FingerprintRow(
                index: index, FileFingerprint(size: size, mtimeNs: modified, inode: inode, device: device))
        }
    }
}
