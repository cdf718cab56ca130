import Torrent

/// The number of a file system.
package struct VolumeID: RawRepresentable, Hashable, Sendable, SQLValue {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
}

/// A file system on which payloads were seen.
package struct VolumeRow: Sendable, Hashable {
    package let id: VolumeID
    /// The UUID, or a description of the device.
    package let identity: String
    /// The last known mount point.
    package let mountPath: String
    package let lastSeen: Timestamp

    fileprivate init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        identity = try row.next()
        mountPath = try row.next()
        lastSeen = try row.next()
    }
}

extension Connection {
    /// Records that the file system is now mounted there.
    @discardableResult
    package func saveVolume(identity: String, mountPath: String, now: Timestamp) throws(StoreError) -> VolumeID {
        try transaction(durability: .lazy) { () throws(StoreError) in
            let id = try first(
                """
                INSERT INTO volume (identity, mount_path, last_seen) VALUES (?, ?, ?)
                ON CONFLICT (identity) DO UPDATE SET mount_path = excluded.mount_path, last_seen = excluded.last_seen RETURNING id
                """, identity, mountPath, now
            ) { (row) throws(StoreError) in try row.next(VolumeID.self) }
            guard let id else {
                throw fault(
                    .other, "SQLite inserted a volume but returned no id: version 3.37 or later is needed")
            }
            return id
        }
    }

    /// Records the file system of the torrent's folder. Writes only when something changed, or when the last record is
    /// a day old.
    package func place(_ torrent: TorrentID, onVolume identity: String, mountPath: String, now: Timestamp)
        throws(StoreError)
    {
        let known = try first(
            "SELECT v.id, v.identity, v.mount_path, v.last_seen FROM torrent AS t JOIN volume AS v ON v.id = t.volume_id WHERE t.id = ?",
            torrent
        ) { (row) throws(StoreError) in try VolumeRow(row) }
        if let known, known.identity == identity, PathText.isSame(known.mountPath, mountPath),
            now - known.lastSeen < .seconds(24 * 3600)
        {
            return
        }
        try transaction(durability: .lazy) { () throws(StoreError) in
            let volume = try saveVolume(identity: identity, mountPath: mountPath, now: now)
            try execute("UPDATE torrent SET volume_id = ? WHERE id = ?", volume, torrent)
        }
    }

    package func volume(_ id: VolumeID) throws(StoreError) -> VolumeRow? {
        try first("SELECT id, identity, mount_path, last_seen FROM volume WHERE id = ?", id) {
            (row) throws(StoreError) in
            try row.sound(VolumeRow.init)
        } ?? nil
    }

    package func volumes() throws(StoreError) -> [VolumeRow] {
        try rows("SELECT id, identity, mount_path, last_seen FROM volume ORDER BY id") { (row) throws(StoreError) in
            try row.sound(VolumeRow.init)
        }.compactMap(\.self)
    }
}
