import Migrations
import Synchronization
import SystemPackage
import Torrent

extension Connection {
    /// How much is checked.
    package enum Depth: Sendable {
        /// The pages and the schema: `PRAGMA quick_check`.
        case structure
        /// Also the indexes against their tables, and the foreign keys: `PRAGMA integrity_check`.
        case indexes
        /// Also rows that break their tables' constraints, and what SQLite can't know: checksums, counts and info
        /// hashes. A torrent with such a row goes into `error` or is rechecked; the other torrents and the database are
        /// unaffected.
        case everything
    }

    /// The most findings of SQLite that are read. It is high, because findings about rows must not hide findings about
    /// pages.
    private static let findingLimit = 10_000

    /// The faults of the database, one sentence each; empty when there are none. Throws when the file can't be read at
    /// all.
    package func integrityFaults(_ depth: Depth = .everything) throws(StoreError) -> [String] {
        let check = if case .structure = depth { "PRAGMA quick_check" } else { "PRAGMA integrity_check" }
        // One result may have several lines, after a line that names the database.
        var faults = try values("\(check)(\(Self.findingLimit))", as: String.self).flatMap {
            $0.split(separator: "\n").map(String.init)
        }.filter { $0 != "ok" && !$0.hasPrefix("***") }
        if case .everything = depth {} else { faults.removeAll { Self.isOfRow($0) } }
        faults += try schemaFaults()
        if case .structure = depth { return faults }
        faults += try fetchAll("FROM pragma_foreign_key_check GROUP BY 1", as: Orphans.self).map {
            "\($0.count) rows of \($0.table) have no parent row"
        }
        // The checks that follow query tables that may be missing.
        guard case .everything = depth, faults.isEmpty else { return faults }
        return try rowFaults()
    }

    /// Whether the finding is about a value that breaks its table's constraints, by SQLite's wording
    /// (sqlite.org/pragma.html#pragma_integrity_check).
    private static func isOfRow(_ finding: String) -> Bool {
        finding.hasPrefix("CHECK constraint failed in ")
            || ["NULL", "non-", "NUMERIC", "TEXT"].contains { finding.hasPrefix($0) }
                && finding.contains(text: " value in ")
    }

    /// Tables, indexes, views and triggers that are missing or differ from the migrations' result; additional ones are
    /// allowed.
    func schemaFaults() throws(StoreError) -> [String] {
        let version = try pragma("user_version")
        let expected = try Self.schema(version: version)
        let found = Dictionary(try schemaObjects().map { ($0.name, $0.sql) }) { first, _ in first }
        return expected.compactMap { object in
            guard let sql = found[object.name] else { return "\(object.name) is missing from the schema" }
            return sql == object.sql ? nil : "\(object.name) differs from the schema"
        }
    }

    /// Rows of a table whose parent rows are missing.
    private struct Orphans: Row {
        static let columns = "\"table\", count(*)"
        let table: String
        let count: Int

        init(_ row: Statement) throws(StoreError) {
            table = try row.next()
            count = try row.next()
        }
    }

    private struct SchemaObject: Row, Sendable {
        static let columns = "name, sql"
        let name: String
        let sql: String?

        init(_ row: Statement) throws(StoreError) {
            name = try row.next()
            sql = try row.next()
        }
    }

    private func schemaObjects() throws(StoreError) -> [SchemaObject] {
        try fetchAll("FROM sqlite_schema ORDER BY name")
    }

    /// The objects that the migrations up to that version create, in SQLite's wording.
    private static func schema(version: Int) throws(StoreError) -> [SchemaObject] {
        if let known = models.withLock({ $0[version] }) { return known }
        let model = try Connection(inMemory: "the schema's model")
        try Migrator.migrate(model, to: Array(Migration.all.prefix(version)), now: Timestamp(0))
        let objects = try model.schemaObjects()
        models.withLock { $0[version] = objects }
        return objects
    }

    /// The schemas that were already computed.
    private static let models = Mutex<[Int: [SchemaObject]]>([:])

    /// Rows that SQLite can read but whose values are impossible, one sentence each.
    private func rowFaults() throws(StoreError) -> [String] {
        let ids: [TorrentID] = try values("SELECT id FROM torrent ORDER BY id")
        var faults: [String] = []
        for id in ids {
            guard let row = try torrents.row(id) else { continue }
            if let damage = row.damage {
                faults.append("torrent \(id): \(damage)")
                continue
            }
            do throws(StoreError) {
                if let count = try pieces.count(of: id) { _ = try pieces.claims(of: id, count: count) }
            } catch {
                guard error.isOfRow else { throw error }
                faults.append(error.message)
            }
            if row.hasMetadata, let fault = try metainfoFault(id, row.infoHash) { faults.append(fault) }
            _ = (
                try peers.rows(of: id), try trackers.rows(of: id), try files.rows(of: id),
                try files.fingerprints(of: id),
                try pieces.partials(of: id)
            )
            faults += takeRowFaults().map { "torrent \(id): \($0)" }
        }
        return faults
    }

    private func metainfoFault(_ id: TorrentID, _ infoHash: InfoHash) throws(StoreError) -> String? {
        guard let file = try metainfos.file(of: id) else { return "the .torrent of torrent \(id) is missing" }
        do throws(MetainfoError) {
            guard try Metainfo(torrentFile: file).infoHash != infoHash else { return nil }
            return "the .torrent of torrent \(id) does not match its info hash"
        } catch {
            return "the .torrent of torrent \(id) cannot be read: \(error)"
        }
    }
}
