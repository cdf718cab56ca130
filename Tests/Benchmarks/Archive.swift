import Store
import SystemPackage
import Torrent

/// A database of many torrents, made as the program makes it.
enum Archive {
    private static let partSize = 1000

    /// Torrents `1...count`: each is prepared, then inserted, and recorded where there is something to be said of it.
    ///
    /// In parts, so that this process stays small: a process that it starts counts as having been as large as this one.
    static func fill<Item>(
        _ database: FilePath, count: Int, prepare: (Int) throws -> Item,
        insert: (Item, Connection) throws(StoreError) -> ProgressRecord?
    ) throws {
        let connection = try Connection.open(database, mode: .readWriteCreate, now: Timestamp(0))
        for part in stride(from: 1, through: count, by: partSize).map({ $0..<min($0 + partSize, count + 1) }) {
            let items = try part.map(prepare)
            // Loss doesn't matter here, and a commit for each would.
            let records = try connection.transaction(durability: .lazy) { () throws(StoreError) in
                var records: [ProgressRecord] = []
                for item in items { if let record = try insert(item, connection) { records.append(record) } }
                return records
            }
            try connection.pieces.record(records)
        }
        try connection.checkpoint()
    }
}
