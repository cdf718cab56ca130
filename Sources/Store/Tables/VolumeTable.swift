import System
package import Torrent

/// The table `volume`: file systems on which payloads were seen.
package struct VolumeTable {
    let db: Connection

    /// The row of a volume that is mounted; `nil` if it was never seen.
    ///
    /// The sentinel decides, because it survives a copy to another file system and tells clones apart. Without one, the
    /// identity decides; of clones that are mounted together, each is the one that was seen at its mount point.
    package func match(_ found: VolumeSighting) throws(StoreError) -> VolumeRow? {
        let rows = try rows().filter { row in !found.twins.contains { PathText.isSame($0, row.mountPath) } }
        if let sentinel = found.sentinel, let row = rows.first(where: { $0.sentinel == sentinel }) { return row }
        let alike = rows.filter { row in
            (PathText.isSame(VolumeRow.bare(row.identity), found.identity) || row.identity == found.numbered)
                && (found.sentinel == nil || row.sentinel == nil)
        }
        let places = [found.mountPath] + found.otherMounts
        return alike.first { row in places.contains { PathText.isSame($0, row.mountPath) } } ?? alike.first
    }

    /// Records that the volume is mounted there. With `isProven`, what was recorded on it was found, so that it counts
    /// as a volume of this machine; a volume without a machine becomes this machine's anyway.
    @discardableResult
    package func save(_ found: VolumeSighting, isProven: Bool = true, now: Timestamp) throws(StoreError) -> VolumeID {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            guard let row = try match(found) else { return try insert(found, now) }
            // A copy with the sentinel of the original takes its place.
            let isIdentityNew = !PathText.isSame(VolumeRow.bare(row.identity), found.identity)
            var isTaken = !isIdentityNew
            if isIdentityNew {
                isTaken =
                    try db.value(
                        "SELECT count(*) > 0 FROM volume WHERE identity = ? AND id <> ?", found.identity, row.id)
                    ?? true
            }
            let machine = isProven || row.machine == nil ? MachineID.current ?? row.machine : row.machine
            let sentinel = try unused(found.sentinel, besides: row.id) ?? row.sentinel
            try db.execute(
                """
                UPDATE volume SET identity = ?, mount_path = ?, last_seen = ?, sentinel = ?, machine = ?,
                    state = CASE WHEN offline_since IS NULL THEN state ELSE 'online' END, offline_since = NULL WHERE id = ?
                """,
                isTaken ? row.identity : found.identity, place(of: found, row), now, sentinel, machine,
                row.id)
            return row.id
        }
    }

    @discardableResult
    package func save(identity: String, mountPath: String, now: Timestamp) throws(StoreError) -> VolumeID {
        try save(VolumeSighting(identity: identity, mountPath: mountPath), now: now)
    }

    /// Where the volume is recorded to be: where it was, if it is mounted there too.
    private func place(of found: VolumeSighting, _ row: VolumeRow) -> String {
        found.otherMounts.contains { PathText.isSame($0, row.mountPath) } ? row.mountPath : found.mountPath
    }

    /// The sentinel, unless another volume has it: a clone was made after its original was marked.
    private func unused(_ sentinel: String?, besides id: VolumeID? = nil) throws(StoreError) -> String? {
        guard let sentinel else { return nil }
        let isUsed: Bool? = try db.value(
            "SELECT count(*) > 0 FROM volume WHERE sentinel = ? AND id IS NOT ?", sentinel, id)
        return isUsed == true ? nil : sentinel
    }

    private func insert(_ found: VolumeSighting, _ now: Timestamp) throws(StoreError) -> VolumeID {
        let isKnown = try db.value("SELECT count(*) > 0 FROM volume WHERE identity = ?", found.identity) ?? false
        let identity = isKnown ? "\(found.identity)\(VolumeRow.cloneMark)\(found.mountPath)" : found.identity
        let id: VolumeID? = try db.value(
            """
            INSERT INTO volume (identity, mount_path, last_seen, sentinel, machine) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (identity) DO UPDATE SET mount_path = excluded.mount_path, last_seen = excluded.last_seen,
                sentinel = coalesce(excluded.sentinel, sentinel) RETURNING id
            """, identity, found.mountPath, now, try unused(found.sentinel), MachineID.current)
        guard let id else {
            throw db.fault(
                .other, "SQLite inserted a volume but returned no id: version 3.37 or later is needed")
        }
        return id
    }

    /// Records the file system of the torrent's folder. Writes only when something changed, or when the last record is
    /// a day old. Returns the volume if it was found for the first time on this machine.
    @discardableResult
    package func place(_ torrent: TorrentID, on found: VolumeSighting, isProven: Bool = true, now: Timestamp)
        throws(StoreError) -> VolumeID?
    {
        let known: VolumeRow? = try db.fetchOne(
            "FROM torrent AS t JOIN volume AS v ON v.id = t.volume_id WHERE t.id = ?", torrent)
        if let known, PathText.isSame(VolumeRow.bare(known.identity), found.identity),
            found.sentinel == nil || known.sentinel == found.sentinel,
            PathText.isSame(place(of: found, known), known.mountPath), known.offlineSince == nil,
            !known.isForeign || !isProven, known.machine != nil || MachineID.current == nil,
            now - known.lastSeen < .seconds(24 * 3600)
        {
            return nil
        }
        return try db.transaction(durability: .lazy) { () throws(StoreError) in
            let before = try match(found)
            let volume = try save(found, isProven: isProven, now: now)
            try db.execute(
                "UPDATE torrent SET volume_id = ? WHERE id = ? AND volume_id IS NOT ?", volume, torrent, volume)
            return before?.isForeign == true && isProven ? volume : nil
        }
    }

    package func row(_ id: VolumeID) throws(StoreError) -> VolumeRow? {
        try db.fetchFirstIfValid("FROM volume AS v WHERE id = ?", id)
    }

    /// The identity of the torrent's volume, if it is known and was found on this machine.
    package func trustedIdentity(of torrent: TorrentRow) throws(StoreError) -> String? {
        guard let volume = try torrent.volume.flatMap({ (id) throws(StoreError) in try row(id) }), !volume.isForeign
        else { return nil }
        return volume.identity
    }

    package func rows() throws(StoreError) -> [VolumeRow] { try db.fetchValid("FROM volume AS v ORDER BY id") }

    /// The volumes to which a folder belongs by its path: those that were last seen at the nearest mount point above,
    /// except at the root.
    package func above(_ folder: String) throws(StoreError) -> [VolumeRow] {
        let above = try rows().filter { row in
            row.mountPath.utf8.count > 1
                && (PathText.isSame(row.mountPath, folder) || folder.utf8.starts(with: (row.mountPath + "/").utf8))
        }
        let longest = above.map(\.mountPath.utf8.count).max()
        return above.filter { $0.mountPath.utf8.count == longest }
    }

    /// The sums over the torrents of each volume, in one pass over the torrents.
    package func tallies() throws(StoreError) -> [VolumeTally] {
        try db.fetchAll("FROM torrent GROUP BY volume_id ORDER BY volume_id")
    }

    /// The torrents on the volume, ordered by number.
    package func torrents(on id: VolumeID) throws(StoreError) -> [TorrentRow] {
        try db.fetchAll("FROM torrent AS t WHERE volume_id = ? ORDER BY id", id)
    }

    // MARK: Settings of the user

    /// Throws `other` if another volume has the name.
    package func setName(_ id: VolumeID, _ name: String?) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            if let name,
                let other: VolumeID = try db.value("SELECT id FROM volume WHERE name = ? AND id <> ?", name, id)
            {
                throw db.fault(.alreadyPresent, "volume \(other.rawValue) has the name \(name): choose another one")
            }
            try db.execute("UPDATE volume SET name = ? WHERE id = ?", name, id)
        }
    }

    /// `nil` means as the setting says.
    package func setReserve(_ id: VolumeID, _ bytes: Int64?) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            try db.execute("UPDATE volume SET reserve_bytes = ? WHERE id = ?", bytes, id)
        }
    }

    package func setSentinel(_ id: VolumeID, _ sentinel: String?) throws(StoreError) {
        try db.transaction(durability: .full) { () throws(StoreError) in
            try db.execute("UPDATE volume SET sentinel = ? WHERE id = ?", sentinel, id)
        }
    }

    /// Forgets a volume without torrents.
    package func remove(_ id: VolumeID) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            try db.execute(
                "DELETE FROM volume WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM torrent WHERE volume_id = ?1)", id)
        }
    }

    // MARK: Watching

    /// Records where the volume is and what space it has. Writes only what changed.
    package func note(
        _ row: VolumeRow, state: String, isOnline: Bool, free: Int64?, total: Int64?, now: Timestamp
    ) throws(StoreError) {
        let since = isOnline ? nil : row.offlineSince ?? now
        guard row.state != state || row.offlineSince != since || row.freeBytes != free || row.totalBytes != total
        else { return }
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                UPDATE volume SET state = ?, offline_since = ?, free_bytes = ?, total_bytes = ?,
                    last_seen = CASE WHEN ? THEN ? ELSE last_seen END WHERE id = ?
                """, state, since, free, total, isOnline, now, row.id)
        }
    }

    /// Has the trackers of the volume's offline torrents asked at once, so that the torrents are looked at. Returns the
    /// complete ones that have no announce to wait for.
    package func hastenOffline(on id: VolumeID, now: Timestamp) throws(StoreError) -> [TorrentID] {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                UPDATE tracker SET next_announce_at = ?1 WHERE next_announce_at > ?1 AND torrent_id IN
                    (SELECT id FROM torrent WHERE volume_id = ?2 AND state = 'offline' AND paused = 0)
                """, now, id)
            return try db.values(
                """
                SELECT id FROM torrent AS t WHERE volume_id = ? AND state = 'offline' AND paused = 0 AND NOT EXISTS
                    (SELECT 1 FROM tracker AS r WHERE r.torrent_id = t.id AND r.next_announce_at IS NOT NULL) ORDER BY id
                """, id)
        }
    }
}

extension VolumeRow {
    /// Marks the identity of a volume that has the UUID of another one.
    static let cloneMark = " clone "

    /// The identity without the mark of a clone.
    package static func bare(_ identity: String) -> String {
        identity.firstRange(ofText: cloneMark).map { String(identity[..<$0.lowerBound]) } ?? identity
    }

    /// Whether the volume was last found on another machine, so that what is recorded of it may not be here.
    package var isForeign: Bool { machine.flatMap { known in MachineID.current.map { known != $0 } } ?? false }
}
