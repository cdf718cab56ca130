import DatabaseLab
import Glibc
import Store
import SystemPackage
import Testing
import Torrent

/// A program that changed the database was killed during the change: the file has parts of the change, and the journal
/// beside it takes them back.
@Suite struct HalfDoneChangeTests {
    /// Where other machines may have the file mounted there is a rollback journal.
    private static let shared = DatabaseOptions(fileSystem: FileSystemKind(number: 0x6969))

    /// Copies the database as it is in the middle of a change to a folder of its own; `prepare` is what was there
    /// before.
    private func interrupted(_ prepare: (Connection) throws -> Void) throws -> (
        folder: TemporaryFolder, before: [UInt8]
    ) {
        let (folder, left) = (try TemporaryFolder(), try TemporaryFolder())
        let db = try Connection(folder.database, mode: .readWriteCreate, options: Self.shared)
        try prepare(db)
        let before = try read(folder.database)
        // So few pages are kept in memory that most of the change is in the file before it ends.
        try db.execute("PRAGMA cache_size=10")
        try db.transaction { () throws(StoreError) in
            try db.execute("CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            for n in 0..<2000 {
                try db.execute(
                    "INSERT OR REPLACE INTO setting VALUES (?, ?)", "key \(n)", String(repeating: "x", count: 400))
            }
            do {
                for suffix in ["", "-journal"] {
                    try write(
                        try read(FilePath(folder.database.string + suffix)), to: FilePath(left.database.string + suffix)
                    )
                }
            } catch {
                Issue.record(error)
            }
        }
        #expect(try read(left.database).count > before.count)
        #expect(try !read(FilePath(left.database.string + "-journal")).isEmpty)
        return (left, before)
    }

    private func ours(_ db: Connection) throws {
        try Migrator.migrate(db, now: noon)
        try db.settings.set("a", "before")
    }

    @Test func readerRollsBackAnInterruptedChange() throws {
        let (folder, before) = try interrupted(ours)
        let reader = try Connection.open(folder.database, mode: .readOnly, options: Self.shared, now: noon)
        #expect(try reader.settings.value("a") == "before")
        #expect(try reader.settings.value("key 7") == nil)
        #expect(try reader.integrityFaults() == [])
        #expect(try read(folder.database) == before)
    }

    @Test func writerRollsBackAnInterruptedChange() throws {
        let (folder, _) = try interrupted(ours)
        let writer = try Connection.open(folder.database, mode: .readWrite, options: Self.shared, now: noon)
        try writer.settings.set("b", "after")
        #expect(try writer.settings.value("a") == "before")
        #expect(try writer.integrityFaults() == [])
    }

    /// It isn't read as if nothing had happened, and it isn't called damaged.
    @Test func readerWithoutPermissionReportsTheInterruption() async throws {
        let (folder, _) = try interrupted(ours)
        chmod(folder.path.string, 0o555)
        for suffix in ["", "-journal"] { chmod(folder.database.string + suffix, 0o444) }
        defer { chmod(folder.path.string, 0o755) }
        let path = folder.database.string
        await #expect(processExitsWith: .success) { [path = path as String] in
            // Root may write everything; nobody may not.
            if geteuid() == 0 { #expect(seteuid(65534) == 0) }
            let error = #expect(throws: StoreError.self) {
                try Connection.open(FilePath(path), mode: .readOnly, now: noon)
            }
            #expect(error?.code == .cantOpen)
            #expect(error?.description.contains("was killed during the change") == true, "\(error as Any)")
        }
    }

    /// A creation that was interrupted in the middle of its first change.
    @Test func interruptedCreationLeavesAnEmptyDatabase() throws {
        let (folder, before) = try interrupted { _ in }
        #expect(before.isEmpty)
        let error = try failure {
            _ = try Connection.open(folder.database, mode: .readOnly, options: Self.shared, now: noon)
        }
        #expect(error.code == .notFound && error.description.contains("its creation was interrupted"), "\(error)")
        let db = try Connection.open(folder.database, mode: .readWriteCreate, options: Self.shared, now: noon)
        #expect(try db.integrityFaults() == [] && db.torrents.rows().isEmpty)
    }

    /// Not even by what SQLite does before anything is read.
    @Test(arguments: [true, false]) func interruptedChangeOfAnotherProgramIsKept(writing: Bool) throws {
        let (folder, _) = try interrupted { try $0.execute("CREATE TABLE theirs (x)") }
        let journal = FilePath(folder.database.string + "-journal")
        let (file, log) = (try read(folder.database), try read(journal))
        let mode = writing ? Connection.Mode.readWriteCreate : .readOnly
        let error = try failure {
            _ = try Connection.open(folder.database, mode: mode, options: Self.shared, now: noon)
        }
        #expect(error.code == .foreignDatabase, "\(error)")
        #expect(try read(folder.database) == file)
        #expect(try read(journal) == log)
    }
}
