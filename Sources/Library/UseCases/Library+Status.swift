package import Recovery
package import Store
package import Torrent

/// Reads the status of torrents at one moment.
extension Library {
    /// Calls `body` in one read transaction with the status of the named torrents, or of all; with labels, of those
    /// that have every one of them. `body` must be fast, because the database's log grows meanwhile.
    package func readStatus<Value>(
        of names: [String], labels: [String] = [], _ body: (StatusReading) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try connection.transaction(.deferred) { () throws(StoreError) in
            let engine = try engine()
            var ids: [TorrentID]?
            if !names.isEmpty || !labels.isEmpty {
                ids = try connection.findTorrents(TorrentChoice(names, labels: labels)).map(\.id)
            }
            return try body(StatusReading(engine: engine, ids: ids, connection: connection))
        }
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

    package func limits() throws(StoreError) -> LimitState? { try LimitState(engine, connection) }

    /// How many pieces of all torrents are damaged and not repaired. Reads only an index.
    package func damagedCount() throws(StoreError) -> Int { try connection.damage.standingCount() }

    /// Complete torrents that wait to move to their own folder, with the reason.
    package func waitingForFolders() throws(StoreError) -> [DestinationRow] {
        try connection.destinations.problems().filter { ids?.contains($0.torrent) ?? true }
    }

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
