import Torrent

/// The kind of an event. It is open, so that kinds of a newer program can be read.
package struct EventKind: RawRepresentable, Hashable, Sendable, SQLValue, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }

    package static let added = EventKind(rawValue: "added")
    package static let removed = EventKind(rawValue: "removed")
    package static let completed = EventKind(rawValue: "completed")
    package static let paused = EventKind(rawValue: "paused")
    package static let resumed = EventKind(rawValue: "resumed")
    package static let offline = EventKind(rawValue: "offline")
    package static let online = EventKind(rawValue: "online")
    package static let banned = EventKind(rawValue: "banned")
    package static let failed = EventKind(rawValue: "failed")
    package static let verified = EventKind(rawValue: "verified")
    /// The content changed, but the fingerprint did not.
    package static let rot = EventKind(rawValue: "rot")
    /// The fingerprint changed: another program wrote to the file.
    package static let edited = EventKind(rawValue: "edited")
    package static let started = EventKind(rawValue: "started")
    package static let stopped = EventKind(rawValue: "stopped")
    /// The damaged database was recovered, or a backup was restored.
    package static let recovered = EventKind(rawValue: "mended")
    /// The torrent's data was deleted, except for files that aren't its own.
    package static let kept = EventKind(rawValue: "kept")
    /// A row of the torrent held an invalid value.
    package static let damaged = EventKind(rawValue: "damaged")
}

/// An entry of the event log.
package struct EventRow: Sendable, Hashable {
    package let id: Int64
    package let at: Timestamp
    package let torrent: TorrentID?
    /// Identifies the torrent even after it was removed.
    package let infoHash: InfoHash?
    package let kind: EventKind
    package let detail: String

    fileprivate init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        at = try row.next()
        torrent = try row.next()
        infoHash = try row.next()
        kind = try row.next()
        detail = try row.next()
    }
}

extension Connection {
    /// The most events that are kept. The oldest are deleted when an engine starts, and after each
    /// ``eventsBetweenPrunes`` new events.
    package static let eventLimit = 100_000
    package static let eventsBetweenPrunes: Int64 = 1000

    /// Appends an event. If only the torrent is given, its info hash is looked up.
    package func appendEvent(
        _ kind: EventKind, _ detail: String, torrent: TorrentID? = nil, infoHash: InfoHash? = nil, now: Timestamp
    ) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            let sql = """
                INSERT INTO event (at, torrent_id, info_hash, kind, detail)
                VALUES (?1, ?2, coalesce(?3, (SELECT info_hash FROM torrent WHERE id = ?2)), ?4, ?5) RETURNING id
                """
            let id = try first(sql, now, torrent, infoHash, kind, detail) { (row) throws(StoreError) in
                try row.next(Int64.self)
            }
            if let id, id % Self.eventsBetweenPrunes == 0 { try pruneEvents() }
        }
    }

    /// The newest events of one torrent or of all, newest first.
    package func events(of torrent: TorrentID? = nil, limit: Int) throws(StoreError) -> [EventRow] {
        let columns = "SELECT id, at, torrent_id, info_hash, kind, detail FROM event"
        guard let torrent else {
            return try rows(columns + " ORDER BY id DESC LIMIT ?", limit) { (row) throws(StoreError) in
                try row.sound(EventRow.init)
            }.compactMap(
                \.self)
        }
        return try rows(columns + " WHERE torrent_id = ? ORDER BY id DESC LIMIT ?", torrent, limit) {
            (row) throws(StoreError) in
            try row.sound(EventRow.init)
        }.compactMap(\.self)
    }

    /// Deletes all but the newest ``eventLimit`` events.
    package func pruneEvents() throws(StoreError) {
        try execute("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", Self.eventLimit)
    }
}
