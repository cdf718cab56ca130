import DatabaseLab
import Glibc
import Store
import SystemPackage
import Testing
import Torrent

@Suite struct OpeningTests {
    @Test func emptyFileBecomesANewDatabase() throws {
        let folder = try TemporaryFolder()
        try write([], to: folder.database)
        #expect(try folder.connection().torrents.rows().isEmpty)
    }

    @Test(arguments: ["file:odd?mode=memory", "with %20 space#?.db", ":memory:"])
    func anyNameIsTreatedAsAFilePath(name: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending(name)
        try Connection.open(path, mode: .readWriteCreate, now: noon).settings.set("a", "1")
        #expect(try !read(path).isEmpty)
        #expect(try Connection.open(path, mode: .readOnly, now: noon).settings.value("a") == "1")
    }

    @Test(
        arguments: [("h", 1), ("hello", 1), ("d8:announce3:abce", 1), ("no database\n", 1000), ("\0", 4096)]
            as [(String, Int)])
    func textFileIsRejectedAndUnchanged(line: String, count: Int) throws {
        let folder = try TemporaryFolder()
        let text = String(repeating: line, count: count)
        try write(text.utf8, to: folder.database)
        for mode in [Connection.Mode.readOnly, .readWrite, .readWriteCreate] {
            #expect(try failure { _ = try folder.connection(mode) }.code == .notADatabase)
        }
        #expect(try read(folder.database) == Array(text.utf8))
    }

    @Test(arguments: ["CREATE TABLE theirs (x)", "PRAGMA user_version = 7", "PRAGMA application_id = 1234"])
    func foreignDatabaseIsRejectedAndUnchanged(sql: String) throws {
        let folder = try TemporaryFolder()
        let model = folder.path.appending("model.db")
        // A database that has been made into another program's, since only SQLite writes one.
        let connection = try Connection(model, mode: .readWriteCreate)
        try connection.execute(sql)
        try connection.checkpoint()
        try write(try read(model), to: folder.database)
        let before = try read(folder.database)
        for mode in [Connection.Mode.readOnly, .readWrite, .readWriteCreate] {
            let error = try failure { _ = try folder.connection(mode) }
            #expect(error.code == .foreignDatabase)
            #expect(error.description.contains("another program"))
        }
        #expect(try read(folder.database) == before)
    }

    @Test(arguments: [1, 99, 100, 512, 4096, 8192, 20000])
    func truncatedDatabaseIsRejectedAndUnchanged(length: Int) throws {
        let folder = try TemporaryFolder()
        let model = folder.path.appending("model.db")
        let connection = try Connection.open(model, mode: .readWriteCreate, now: noon)
        for n in 0..<20 { _ = try connection.add(seed: UInt64(n)) }
        try connection.checkpoint()
        let whole = try read(model)
        #expect(whole.count > 40000)
        try write(whole.prefix(length), to: folder.database)
        for mode in [Connection.Mode.readOnly, .readWrite, .readWriteCreate] {
            let error = try failure { _ = try folder.connection(mode) }
            #expect(error.code == .notADatabase || error.code == .corrupt, "\(error)")
        }
        #expect(try read(folder.database) == Array(whole.prefix(length)))
    }

    @Test func missingFileOrFolderIsReported() throws {
        let folder = try TemporaryFolder()
        for mode in [Connection.Mode.readOnly, .readWrite] {
            #expect(try failure { _ = try folder.connection(mode) }.code == .cantOpen)
        }
        #expect(access(folder.database.string, F_OK) != 0)
        let nowhere = folder.path.appending("no/such/folder.db")
        let error = try failure { _ = try Connection.open(nowhere, mode: .readWriteCreate, now: noon) }
        #expect(error.code == .cantOpen)
        #expect(error.description.contains("No such file or directory"), "\(error)")
        #expect(
            try failure { _ = try Connection.open(folder.path, mode: .readWriteCreate, now: noon) }.code == .cantOpen)
        #expect(try failure { _ = try Connection.open("", mode: .readWriteCreate, now: noon) }.code == .cantOpen)
        try write([], to: folder.database)
        #expect(try failure { _ = try folder.connection(.readOnly) }.code == .notFound)
    }

    @Test func readerCannotWrite() throws {
        let folder = try TemporaryFolder()
        _ = try folder.connection()
        let reader = try folder.connection(.readOnly)
        #expect(try failure { try reader.settings.set("a", "1") }.code == .readOnly)
    }

    @Test func readerInAReadOnlyFolderSeesADatabaseAtRest() async throws {
        let folder = try TemporaryFolder()
        try folder.connection().settings.set("a", "1")
        try await asReader(of: folder, expecting: "1")
    }

    @Test func readerInAReadOnlyFolderSeesNewWrites() async throws {
        let folder = try TemporaryFolder()
        let engine = try folder.connection()
        for value in ["1", "2"] {
            try engine.settings.set("a", value)
            try await asReader(of: folder, expecting: value)
        }
    }

    @Test func readerInAReadOnlyFolderSeesTheLogOfAKilledEngine() async throws {
        let folder = try TemporaryFolder()
        let engine = try folder.connection()
        try engine.settings.set("a", "1")
        let left = try TemporaryFolder()
        // As a killed engine leaves it when the shared memory is lost.
        for suffix in ["", "-wal"] {
            try write(try read(FilePath(folder.database.string + suffix)), to: FilePath(left.database.string + suffix))
        }
        try await asReader(of: left, expecting: "1")
        #expect(try left.connection(.readOnly).settings.value("a") == "1")
    }

    /// Reads the setting `a` in a process that may read the folder and not write it.
    private func asReader(of folder: TemporaryFolder, expecting wanted: String) async throws {
        chmod(folder.path.string, 0o555)
        for suffix in ["", "-wal", "-shm"] { chmod(folder.database.string + suffix, 0o644) }
        defer { chmod(folder.path.string, 0o755) }
        let path = folder.database.string
        await #expect(processExitsWith: .success) { [path = path as String, wanted = wanted as String] in
            // Root may write everything; nobody may not.
            if geteuid() == 0 { #expect(seteuid(65534) == 0) }
            let found = try Connection.open(FilePath(path), mode: .readOnly, now: noon).settings.value("a")
            #expect(found == wanted)
            let writing = #expect(throws: StoreError.self) {
                try Connection.open(FilePath(path), mode: .readWrite, now: noon)
            }
            #expect(writing?.code == .readOnly || writing?.code == .cantOpen)
        }
    }
}
