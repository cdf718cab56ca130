package import Torrent

/// The table `volume`: file systems on which payloads were seen.
package struct VolumeTable {
    let db: Connection

    /// Records that the file system is now mounted there.
    @discardableResult
    package func save(identity: String, mountPath: String, now: Timestamp) throws(StoreError) -> VolumeID {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            let id: VolumeID? = try db.value(
                """
                INSERT INTO volume (identity, mount_path, last_seen) VALUES (?, ?, ?)
                ON CONFLICT (identity) DO UPDATE SET mount_path = excluded.mount_path, last_seen = excluded.last_seen RETURNING id
                """, identity, mountPath, now)
            guard let id else {
                throw db.fault(
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
        let known: VolumeRow? = try db.fetchOne(
            "FROM torrent AS t JOIN volume AS v ON v.id = t.volume_id WHERE t.id = ?", torrent)
        if let known, known.identity == identity, PathText.isSame(known.mountPath, mountPath),
            now - known.lastSeen < .seconds(24 * 3600)
        {
            return
        }
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            let volume = try save(identity: identity, mountPath: mountPath, now: now)
            try db.execute("UPDATE torrent SET volume_id = ? WHERE id = ?", volume, torrent)
        }
    }

    package func row(_ id: VolumeID) throws(StoreError) -> VolumeRow? {
        try db.fetchFirstIfValid("FROM volume AS v WHERE id = ?", id)
    }

    package func rows() throws(StoreError) -> [VolumeRow] { try db.fetchValid("FROM volume AS v ORDER BY id") }
}
