package import Torrent

/// A file system on which payloads were seen.
package struct VolumeRow: Row, Sendable, Hashable {
    package let id: VolumeID
    /// The kind of file system with its UUID, or else with a number or a share. That of a clone ends with
    /// ` clone ` and where the clone was mounted.
    package let identity: String
    /// The last known mount point.
    package let mountPath: String
    package let lastSeen: Timestamp
    /// The user's name for it.
    package let name: String?
    /// Bytes that downloads leave free; `nil` means as the setting says.
    package let reserveBytes: Int64?
    /// The number in its sentinel file, if the user allowed one.
    package let sentinel: String?
    /// The machine on which it was last found.
    package let machine: String?
    /// Where it was when an engine last looked, in one word.
    package let state: String
    /// Since when it hasn't been in its place.
    package let offlineSince: Timestamp?
    package let freeBytes: Int64?
    package let totalBytes: Int64?

    /// The user's name, or else the mount point.
    package var title: String { name ?? mountPath }

    package static let columns = """
        v.id, v.identity, v.mount_path, v.last_seen, v.name, v.reserve_bytes, v.sentinel, v.machine, v.state, \
        v.offline_since, v.free_bytes, v.total_bytes
        """

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        identity = try row.next()
        mountPath = try row.next()
        lastSeen = try row.next()
        name = try row.next()
        reserveBytes = try row.next()
        sentinel = try row.next()
        machine = try row.next()
        state = try row.next()
        offlineSince = try row.next()
        freeBytes = try row.next()
        totalBytes = try row.next()
    }
}

/// A volume as it was found mounted.
package struct VolumeSighting: Sendable, Hashable {
    package let identity: String
    package let mountPath: String
    /// The number in its sentinel file.
    package var sentinel: String?
    /// What an earlier look may have recorded as its identity.
    package var numbered: String?
    /// Where the same file system is mounted too.
    package var otherMounts: [String] = []
    /// Where clones of it are mounted.
    package var twins: [String] = []

    package init(identity: String, mountPath: String) {
        self.identity = identity
        self.mountPath = mountPath
    }
}

/// What the torrents on a volume amount to.
package struct VolumeTally: Row, Sendable, Hashable {
    /// `nil` for torrents whose volume isn't known.
    package let volume: VolumeID?
    package let torrents: Int
    package let offline: Int
    package let completedBytes: Int64
    /// Wanted bytes that aren't recorded as present.
    package let missingBytes: Int64
    /// When the torrent that was verified longest ago was verified; `nil` if none has a piece.
    package let oldestVerified: Timestamp?

    package static let columns = """
        volume_id, count(*), sum(state = 'offline'), sum(completed_bytes), \
        sum(max(coalesce(wanted_bytes, 0) - completed_bytes, 0)), \
        min(CASE WHEN pieces_have > 0 THEN coalesce(last_verified_at, completed_at, added_at) END)
        """

    package init(_ row: Statement) throws(StoreError) {
        volume = try row.next()
        torrents = try row.next()
        offline = try row.next()
        completedBytes = try row.next()
        missingBytes = try row.next()
        oldestVerified = try row.next()
    }
}
