package import Recovery
package import Store
package import Torrent

/// Reads the status of torrents at one moment.
extension Library {
    /// Calls `body` in one read transaction with the status of the named torrents, or of all. `body` must be fast,
    /// because the database's log grows meanwhile.
    package func readStatus<Value>(
        of names: [String], _ body: (StatusReading) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try connection.transaction(.deferred) { () throws(StoreError) in
            let engine = try engine()
            var ids: [TorrentID]?
            if !names.isEmpty { ids = try self.ids(of: names) }
            return try body(StatusReading(engine: engine, ids: ids, connection: connection))
        }
    }

    /// The torrents with these names, or whose names match these globs, without duplicates.
    private func ids(of names: [String]) throws(StoreError) -> [TorrentID] {
        var seen: Set<TorrentID> = []
        var found: [TorrentID] = []
        for name in names {
            var ids: [TorrentID] = []
            do throws(StoreError) {
                ids = [try connection.torrents.find(name).id]
            } catch {
                guard error.code == .notFound, name.contains(where: { "*?[".contains($0) }) else { throw error }
                let glob = Glob(name)
                try connection.status.forEachLine { (torrent) throws(StoreError) in
                    if glob.matches(Array(torrent.name)) { ids.append(torrent.id) }
                }
                guard !ids.isEmpty else { throw error }
            }
            for id in ids where seen.insert(id).inserted { found.append(id) }
        }
        return found
    }
}

/// The status of some torrents at one moment.
package struct StatusReading {
    package let engine: EngineState
    /// The selected torrents; `nil` for all.
    let ids: [TorrentID]?
    let connection: Connection

    /// Whether the reading covers all torrents.
    package var isOfAll: Bool { ids == nil }

    package func recovery() throws(StoreError) -> RecoveryNote? { try RecoveryNote.latest(in: connection, now: .now()) }

    package func queue() throws(StoreError) -> QueueState? { try QueueState(engine, connection) }

    package func count() throws(StoreError) -> Int { if let ids { ids.count } else { try connection.torrents.count() } }

    package func forEachRow(_ body: (StatusRow) throws(StoreError) -> Void) throws(StoreError) {
        try connection.status.forEachRow(of: ids, body)
    }

    package func forEachLine(_ body: (StatusLine) throws(StoreError) -> Void) throws(StoreError) {
        try connection.status.forEachLine(of: ids, body)
    }

    /// The pieces of the torrent that the database records as present.
    package func have(_ torrent: StatusLine) throws(StoreError) -> Bitfield {
        try connection.pieces.have(of: torrent.id, count: torrent.pieceCount)
    }
}
