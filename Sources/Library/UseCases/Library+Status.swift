import Store
import Torrent

/// How torrents are, from one moment of the database.
extension Library {
    /// Hands the status of the named torrents, or of all, to `body`, inside one read transaction. Nothing slow belongs
    /// there: the database's log grows meanwhile.
    package func readStatus<Value>(
        of names: [String], _ body: (StatusReading) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try connection.transaction(.deferred) { () throws(StoreError) in
            let engine = try engine()
            var ids: [TorrentID]?
            if !names.isEmpty { ids = try connection.findTorrents(names).map(\.id) }
            return try body(StatusReading(engine: engine, ids: ids, connection: connection))
        }
    }
}

/// The status of some torrents at one moment.
package struct StatusReading {
    package let engine: EngineState
    /// `nil` for all.
    let ids: [TorrentID]?
    let connection: Connection

    /// Whether it is of all torrents.
    package var isOfAll: Bool { ids == nil }

    package func mended() throws(StoreError) -> MendedNote? { try connection.lastMending(now: .now()) }

    package func queue() throws(StoreError) -> QueueState? { try QueueState(engine, connection) }

    package func count() throws(StoreError) -> Int { if let ids { ids.count } else { try connection.torrentCount() } }

    package func forEachRow(_ body: (StatusRow) throws(StoreError) -> Void) throws(StoreError) {
        try connection.forEachStatusRow(of: ids, body)
    }

    package func forEachLine(_ body: (StatusLine) throws(StoreError) -> Void) throws(StoreError) {
        try connection.forEachStatusLine(of: ids, body)
    }

    /// The pieces of the torrent that the database claims to be on the disk.
    package func have(_ torrent: StatusLine) throws(StoreError) -> Bitfield {
        try connection.have(of: torrent.id, count: torrent.pieceCount)
    }
}
