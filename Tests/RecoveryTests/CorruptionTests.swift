import CSQLite
import DatabaseLab
import Glibc
import Migrations
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

/// A real database with flipped bits, zeroed and cut pages, in the file and in its log: it opens, or is set aside and
/// mended; nothing traps or hangs, nothing is claimed that isn't there, and every torrent whose rows SQLite could still
/// read is there after.
///
/// A seed that fails is replayed by `PIECES_SEED=<seed> swift test --filter CorruptionTests`.
@Suite struct CorruptionTests {
    /// Seeds of a run: `PIECES_SEEDS` asks for more.
    private static let seeds: Range<UInt64> = {
        if let seed = getenv("PIECES_SEED").flatMap({ UInt64(String(cString: $0)) }) { return seed..<seed + 1 }
        return 0..<(getenv("PIECES_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 500)
    }()

    /// Two halves, so that both cores of a small machine have work.
    @Test(arguments: [0, 1]) func damagedDatabaseOpensOrIsRecovered(half: UInt64) async throws {
        let model = try DamageModel.made.get()
        let checkpointed = try Self.checkpointed(model)
        var mended = 0
        for seed in Self.seeds where seed % 2 == half {
            let damage = Damage(seed: seed, model, checkpointed: checkpointed)
            do {
                if try await Self.examine(damage, model) { mended += 1 }
            } catch {
                Issue.record("PIECES_SEED=\(seed) swift test --filter CorruptionTests:\(damage): \(error)")
            }
        }
        // The damage is such that SQLite sees much of it.
        if Self.seeds.count >= 100 { #expect(mended > Self.seeds.count / 8) }
    }

    private struct Finding: Error, CustomStringConvertible { let description: String }

    /// Whether it was mended; throws what is wrong.
    private static func examine(_ damage: Damage, _ model: DamageModel) async throws -> Bool {
        let folder = try TemporaryFolder(inMemory: true)
        let readable = try readableTorrents(damage, model, folder.path.appending("reader.db"))
        try write(damage.file, to: folder.database)
        if !damage.log.isEmpty { try write(damage.log, to: FilePath(folder.database.string + "-wal")) }
        let backup = FilePath("\(folder.database.string).backup-\(model.backupAt.compact)")
        if damage.hasBackup { try write(model.backup, to: backup) }
        var mendings: [RecoveryReport] = []
        var lives = 0
        // As an engine is run: found damaged while it runs, it ends, and the next one mends it.
        while true {
            lives += 1
            guard lives <= 3 else { throw Finding(description: "it is damaged again and again") }
            let opened: (store: Store, opening: Store.Opening, value: RunID)
            do throws(StoreError) {
                opened = try await Store.openRecovering(folder.database, now: noon + .seconds(Int64(lives) * 100)) {
                    (db) throws(StoreError) in
                    _ = try db.intents.take()
                    return try db.runs.begin(pid: 8, version: "1", bootID: "boot", now: noon)
                }
            } catch {
                // Of a file without a trace of us nothing can be salvaged; it is left as it is.
                guard error.code == .notADatabase, !damage.hasBackup, readable.isEmpty,
                    try read(folder.database) == damage.file
                else {
                    throw Finding(description: "\(error)")
                }
                return false
            }
            if let mending = opened.opening.recovery { mendings.append(mending) }
            let (store, isMended) = (opened.store, !mendings.isEmpty)
            var wrong: Result<[String], StoreError>
            do throws(StoreError) {
                wrong = .success(
                    try await store.perform { (db) throws(StoreError) in
                        try faults(db, model, readable: readable, isMended: isMended)
                    })
                try await store.close()
            } catch {
                // What the log has can't always be copied into a damaged file; the next life mends that too.
                wrong = .failure(error)
                do { try await store.close() } catch { #expect(error.isOfFile) }
            }
            switch wrong {
            case .success(let faults):
                if let first = faults.first { throw Finding(description: "\(first); \(mendings.map(\.sentence))") }
            case .failure(let error):
                guard error.isOfFile, mendings.isEmpty else {
                    throw Finding(description: "after the start: \(error); \(mendings.map(\.sentence))")
                }
                continue
            }
            break
        }
        if let mending = mendings.first {
            guard access(mending.setAside.string, F_OK) == 0,
                try read(mending.setAside).count <= max(damage.file.count, 1) || damage.log.isEmpty == false
            else {
                throw Finding(description: "the damaged file was not kept: \(mending.sentence)")
            }
        }
        return !mendings.isEmpty
    }

    /// What an engine would read, and what of it is false.
    private static func faults(
        _ db: Connection, _ model: DamageModel, readable: Set<TorrentID>, isMended: Bool
    ) throws(StoreError) -> [String] {
        var faults: [String] = []
        if isMended { faults += try db.integrityFaults(.indexes) }
        let rows = try db.torrents.rows()
        let sound = rows.filter { $0.damage == nil }
        for row in sound {
            guard let known = model.torrents[row.id] else {
                if isMended || !model.removed.contains(row.id) {
                    faults.append("torrent \(row.id) came out of nothing")
                }
                continue
            }
            // A bit of a row that SQLite can't miss may be another; but for the identity, which the .torrent proves.
            guard row.infoHash == known.infoHash else { continue }
            let claimed: Bitfield
            do throws(StoreError) {
                claimed = try db.pieces.have(of: row.id, count: row.pieceCount)
            } catch {
                guard error.isOfRow else { throw error }
                continue
            }
            if row.pieceCount == known.have.count, !claimed.isSubset(of: known.have) {
                faults.append(
                    "torrent \(row.id) claims \(claimed.subtracting(known.have).population) pieces that are not there")
            }
            if isMended, !claimed.isEmpty { faults.append("torrent \(row.id) claims pieces after mending") }
            if isMended, row.pieceCount == known.have.count {
                var lacking = known.have
                lacking.subtract(try db.pieces.writeIntents(of: row.id, count: row.pieceCount))
                if !lacking.isEmpty, readable.contains(row.id) {
                    faults.append("torrent \(row.id) would download \(lacking.population) pieces again")
                }
            }
            _ = (
                try db.peers.rows(of: row.id), try db.trackers.rows(of: row.id), try db.files.rows(of: row.id),
                try db.pieces.partials(of: row.id)
            )
            _ = (
                try db.files.fingerprints(of: row.id), try db.files.wanted(of: row.id, count: 3),
                try db.events.rows(of: row.id, limit: 10)
            )
        }
        for id in readable.sorted() {
            guard let row = rows.first(where: { $0.id == id }), let known = model.torrents[id] else {
                faults.append("torrent \(id) could be read and is gone")
                continue
            }
            if row.infoHash != known.infoHash || row.name != known.name {
                faults.append("torrent \(id) could be read and is another now")
            }
            if try db.metainfos.file(of: id) != known.file {
                faults.append("the .torrent of torrent \(id) could be read and is another now")
            }
        }
        return faults
    }

    /// The torrents that SQLite alone can read out of the damaged file, row by row, each by its key, as they were.
    private static func readableTorrents(_ damage: Damage, _ model: DamageModel, _ path: FilePath) throws -> Set<
        TorrentID
    > {
        try write(damage.file, to: path)
        if !damage.log.isEmpty { try write(damage.log, to: FilePath(path.string + "-wal")) }
        var handle: OpaquePointer?
        defer { sqlite3_close_v2(handle) }
        guard sqlite3_open_v2(path.string, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else { return [] }
        var found: Set<TorrentID> = []
        for (id, known) in model.torrents {
            let sql =
                "SELECT t.info_hash, t.name, t.piece_count, m.file FROM torrent AS t JOIN metainfo AS m ON m.torrent_id = t.id WHERE t.id = \(id)"
            var statement: OpaquePointer?
            defer { sqlite3_finalize(statement) }
            guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK,
                sqlite3_step(statement) == SQLITE_ROW
            else { continue }
            guard blob(statement, 0) == known.infoHash.bytes, blob(statement, 1) == Array(known.name.utf8),
                sqlite3_column_int64(statement, 2) == Int64(known.have.count), blob(statement, 3) == known.file
            else { continue }
            found.insert(id)
        }
        return found
    }

    private static func blob(_ statement: OpaquePointer?, _ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
    }

    /// The model's file with its log copied into it.
    private static func checkpointed(_ model: DamageModel) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        try write(model.file, to: folder.database)
        try write(model.log, to: FilePath(folder.database.string + "-wal"))
        try folder.connection().checkpoint()
        return try read(folder.database)
    }
}
