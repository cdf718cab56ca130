import Migrations
import Synchronization
import SystemPackage
import Torrent

extension Connection {
    /// How much is looked at.
    package enum Depth: Sendable {
        /// That the pages are whole, and the schema: `PRAGMA quick_check`.
        case structure
        /// That indexes match their tables, too, and that rows belong to something: `PRAGMA integrity_check`.
        case indexes
        /// All of that, rows that break the rules of their tables, and what SQLite can't know: checksums, counts, and
        /// info hashes. A torrent with such a row is in `error` or checked again; the others and the database go on.
        case everything
    }

    /// Findings of SQLite that are told; what is wrong with rows must not hide what is wrong with pages.
    private static let findingLimit = 10_000

    /// What is wrong with the database, a sentence each: empty when nothing is. What can't be read at all is thrown.
    package func integrityFaults(_ depth: Depth = .everything) throws(StoreError) -> [String] {
        let check = if case .structure = depth { "PRAGMA quick_check" } else { "PRAGMA integrity_check" }
        // One answer may have many lines, below one that names the database.
        var faults = try rows("\(check)(\(Self.findingLimit))") { (row) throws(StoreError) in try row.next(String.self)
        }
        .flatMap { $0.split(separator: "\n").map(String.init) }.filter { $0 != "ok" && !$0.hasPrefix("***") }
        if case .everything = depth {} else { faults.removeAll { Self.isOfRow($0) } }
        faults += try schemaFaults()
        if case .structure = depth { return faults }
        faults += try rows("SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1") {
            (row) throws(StoreError) in
            let table: String = try row.next()
            return "\(try row.next(Int.self)) rows of \(table) have no parent row"
        }
        // What follows asks tables that may be missing.
        guard case .everything = depth, faults.isEmpty else { return faults }
        return try rowFaults()
    }

    /// Whether the finding is of a value that its table's rules refuse, in SQLite's words
    /// (sqlite.org/pragma.html#pragma_integrity_check).
    private static func isOfRow(_ finding: String) -> Bool {
        finding.hasPrefix("CHECK constraint failed in ")
            || ["NULL", "non-", "NUMERIC", "TEXT"].contains { finding.hasPrefix($0) } && finding.contains(" value in ")
    }

    /// Tables, indexes, views and triggers that are missing, or are not what the migrations made; others may be there.
    func schemaFaults() throws(StoreError) -> [String] {
        let version = try pragma("user_version")
        let expected = try Self.schema(version: version)
        let found = Dictionary(try schemaObjects().map { ($0.name, $0.sql) }) { first, _ in first }
        return expected.compactMap { object in
            guard let sql = found[object.name] else { return "\(object.name) is missing from the schema" }
            return sql == object.sql ? nil : "\(object.name) differs from the schema"
        }
    }

    private struct SchemaObject: Sendable {
        let name: String
        let sql: String?
    }

    private func schemaObjects() throws(StoreError) -> [SchemaObject] {
        try rows("SELECT name, sql FROM sqlite_schema ORDER BY name") { (row) throws(StoreError) in
            SchemaObject(name: try row.next(), sql: try row.next())
        }
    }

    /// The objects that migrations make up to that version, as SQLite words them.
    private static func schema(version: Int) throws(StoreError) -> [SchemaObject] {
        if let known = models.withLock({ $0[version] }) { return known }
        let model = try Connection(inMemory: "the schema's model")
        try Migrator.migrate(model, to: Array(Migration.all.prefix(version)), now: Timestamp(0))
        let objects = try model.schemaObjects()
        models.withLock { $0[version] = objects }
        return objects
    }

    /// The schemas that were asked for.
    private static let models = Mutex<[Int: [SchemaObject]]>([:])

    /// Rows that SQLite can read and that cannot be, a sentence each.
    private func rowFaults() throws(StoreError) -> [String] {
        let ids = try rows("SELECT id FROM torrent ORDER BY id") { (row) throws(StoreError) in
            try row.next(TorrentID.self)
        }
        var faults: [String] = []
        for id in ids {
            guard let row = try torrent(id) else { continue }
            if let damage = row.damage {
                faults.append("torrent \(id): \(damage)")
                continue
            }
            do throws(StoreError) {
                if let count = try pieceCount(of: id) { _ = try claims(of: id, count: count) }
            } catch {
                guard error.isOfRow else { throw error }
                faults.append(error.message)
            }
            if let fault = try metainfoFault(id, row.infoHash) { faults.append(fault) }
            _ = (
                try peers(of: id), try trackers(of: id), try files(of: id), try fingerprints(of: id),
                try partialPieces(of: id)
            )
            faults += takeRowFaults().map { "torrent \(id): \($0)" }
        }
        return faults
    }

    private func metainfoFault(_ id: TorrentID, _ infoHash: InfoHash) throws(StoreError) -> String? {
        guard let file = try metainfo(of: id) else { return "the .torrent of torrent \(id) is missing" }
        do throws(MetainfoError) {
            guard try Metainfo(torrentFile: file).infoHash != infoHash else { return nil }
            return "the .torrent of torrent \(id) does not match its info hash"
        } catch {
            return "the .torrent of torrent \(id) cannot be read: \(error)"
        }
    }
}
