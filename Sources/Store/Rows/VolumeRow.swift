package import Torrent

/// A file system on which payloads were seen.
package struct VolumeRow: Row, Sendable, Hashable {
    package let id: VolumeID
    /// The UUID, or a description of the device.
    package let identity: String
    /// The last known mount point.
    package let mountPath: String
    package let lastSeen: Timestamp

    package static let columns = "v.id, v.identity, v.mount_path, v.last_seen"

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        identity = try row.next()
        mountPath = try row.next()
        lastSeen = try row.next()
    }
}
