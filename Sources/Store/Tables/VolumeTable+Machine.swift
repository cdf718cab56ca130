import System
package import Torrent

/// A database that was restored on another machine.
extension VolumeTable {
    /// The setting with the machine on which an engine last used the database.
    private static let machineKey = "machine"

    /// Notes the machine on which an engine uses the database. If it was another one, all torrents with payload are
    /// offline from now on, until their volumes are found here. Returns one sentence about that, or `nil`.
    package func settle(on machine: String?, now: Timestamp) throws(StoreError) -> String? {
        guard let machine else { return nil }
        return try db.transaction { () throws(StoreError) in
            let last = try db.settings.value(Self.machineKey)
            // No change of a row succeeds while another of its values is invalid.
            try db.execute(
                """
                UPDATE volume SET machine = ? WHERE machine IS NULL AND typeof(identity) = 'text'
                    AND typeof(mount_path) = 'text' AND typeof(last_seen) = 'integer'
                """, last ?? machine)
            guard last != machine else { return nil }
            try db.settings.set(Self.machineKey, machine)
            guard let last else { return nil }
            try adoptHomeless(last, now)
            let reason = "the database comes from another machine: the volume of the payload was not found here yet"
            let count = try db.execute(
                """
                UPDATE torrent SET state = ?, error = ? WHERE root_seen = 1 AND paused = 0 AND piece_length IS NOT NULL
                    AND volume_id IN (SELECT id FROM volume WHERE machine <> ?)
                """, TorrentState.offline, reason, machine)
            let sentence =
                "this database was last used on another machine: \(count == 1 ? "1 torrent is" : "\(count) torrents are") "
                + "offline until the volumes are found here; `pieces volumes` lists them"
            try db.events.append(.offline, sentence, now: now)
            return sentence
        }
    }

    /// Gives torrents with payload on an unknown volume one that can't be found by its identity.
    private func adoptHomeless(_ machine: String, _ now: Timestamp) throws(StoreError) {
        let count: Int = try db.value("SELECT count(*) FROM torrent WHERE root_seen = 1 AND volume_id IS NULL") ?? 0
        guard count > 0 else { return }
        let identity = "unknown volume of machine \(machine)"
        try db.execute(
            """
            INSERT INTO volume (identity, mount_path, last_seen, machine) VALUES (?, '/', ?, ?)
            ON CONFLICT (identity) DO UPDATE SET machine = excluded.machine
            """, identity, now, machine)
        try db.execute(
            """
            UPDATE torrent SET volume_id = (SELECT id FROM volume WHERE identity = ?)
            WHERE root_seen = 1 AND volume_id IS NULL
            """, identity)
    }
}
