import DatabaseLab
import Glibc
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

/// A database that a group of users may read, and what its members can do to an engine.
@Suite struct SharingTests {
    private static let isRoot = geteuid() == 0
    /// One that this process may give files to; as root one that no user is in.
    private static let group = DatabaseSharing.Group(id: isRoot ? 54400 : getegid())
    private static let alone: mode_t = 0o600

    private func status(_ path: FilePath) throws -> stat {
        var status = stat()
        try #require(path.withPlatformString { lstat($0, &status) } == 0, "\(path): \(Errno(rawValue: errno))")
        return status
    }

    private func mode(_ path: FilePath) throws -> mode_t { try status(path).st_mode & 0o777 }

    /// A folder that members of the group may pass and list, with a database that they may read.
    private func sharedFolder(_ prepare: (Connection) throws -> Void = { _ in }) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try prepare(try folder.connection())
        try DatabaseSharing.share(folder.database, with: Self.group)
        #expect(
            folder.path.withPlatformString { chown($0, uid_t.max, Self.group.id) } == 0
                && chmod(folder.path.string, 0o750) == 0)
        return folder
    }

    /// The log is the group's as the database is; everything else in the folder is the owner's alone.
    private func requireNothingElseIsShared(
        _ folder: TemporaryFolder, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for name in names(in: folder.path) {
            let file = folder.path.appending(name: name)
            let isShared = name == "pieces.db" || name == "pieces.db-wal"
            #expect(try mode(file) == (isShared ? 0o640 : Self.alone), "\(name)", sourceLocation: sourceLocation)
            if isShared { #expect(try status(file).st_gid == Self.group.id, "\(name)", sourceLocation: sourceLocation) }
        }
    }

    // MARK: Files

    @Test func onlyTheDatabaseAndItsLogAreShared() async throws {
        let folder = try TemporaryFolder()
        let store = try await Store.open(folder.database, now: noon)
        try await store.perform { db throws(StoreError) in try db.settings.set("a", "1") }
        #expect(DatabaseSharing.readers(of: folder.database) == .ownerAlone)
        // While an engine has it open.
        try DatabaseSharing.share(folder.database, with: Self.group)
        #expect(DatabaseSharing.readers(of: folder.database) == .group(Self.group.id))
        try requireNothingElseIsShared(folder)
        let lock = try DatabaseLock.acquire(database: folder.database, now: noon)
        try await store.perform { db throws(StoreError) in try db.settings.set("a", "2") }
        try await store.close()
        // All that is made anew when it is at rest and opened again.
        for mode in [Connection.Mode.readOnly, .readWrite] {
            let connection = try folder.connection(mode)
            #expect(try connection.settings.value("a") == "2")
            #expect(access(folder.database.string + "-shm", F_OK) == 0)
            try requireNothingElseIsShared(folder)
        }
        let connection = try folder.connection()
        try connection.settings.set("a", "3")
        try connection.backup(to: folder.path.appending("pieces.db.backup-20260301T140512Z"))
        try requireNothingElseIsShared(folder)
        try DatabaseSharing.unshare(folder.database)
        for name in names(in: folder.path) {
            #expect(try mode(folder.path.appending(name: name)) == Self.alone, "\(name)")
        }
        withExtendedLifetime(lock) {}
    }

    /// What SQLite's own program, run by the owner, leaves beside a database that is shared.
    @Test func permissionsOfForeignFilesAreCorrected() throws {
        let folder = try sharedFolder { try $0.settings.set("a", "1") }
        let connection = try folder.connection()
        for suffix in ["-wal", "-shm"] {
            #expect(chmod(folder.database.string + suffix, 0o644) == 0)
            if Self.isRoot { #expect(chown(folder.database.string + suffix, 0, 0) == 0) }
        }
        #expect(try folder.connection(.readOnly).settings.value("a") == "1")
        try requireNothingElseIsShared(folder)
        withExtendedLifetime(connection) {}
    }

    @Test(arguments: [0o600, 0o640, 0o644, 0o666] as [mode_t])
    func lockFileIsPrivateToTheOwner(mode: mode_t) throws {
        let folder = try TemporaryFolder()
        _ = try folder.connection()
        #expect(chmod(folder.database.string, mode) == 0)
        let file = FilePath(folder.database.string + ".lock")
        for left in [nil, 0o644] as [mode_t?] {
            // As a version before made it.
            if let left { #expect(chmod(file.string, left) == 0) }
            _ = try DatabaseLock.acquire(database: folder.database, now: noon)
            #expect(try self.mode(file) == Self.alone)
        }
        #expect(try self.mode(folder.database) == mode)
    }

    @Test func replacementDatabaseHasTheSameReaders() throws {
        let folder = try sharedFolder { try $0.settings.set("a", "1") }
        let backup = folder.path.appending("copy.db")
        try folder.connection(.readOnly).backup(to: backup)
        _ = try DatabaseRecovery.restore(folder.database, from: backup, now: noon)
        #expect(DatabaseSharing.readers(of: folder.database) == .group(Self.group.id))
        let connection = try folder.connection()
        _ = try connection.add()
        _ = try connection.checkpoint()
        _ = consume connection
        _ = try DatabaseRecovery.recover(folder.database, because: "a test", now: noon)
        #expect(DatabaseSharing.readers(of: folder.database) == .group(Self.group.id))
        #expect(try folder.connection(.readOnly).torrents.rows().count == 1)
    }

    @Test func obstaclesToSharingAreReported() throws {
        #expect(DatabaseSharing.Group("no such group") == nil)
        #expect(DatabaseSharing.Group("\(getegid())")?.id == getegid())
        let folder = try sharedFolder()
        #expect(DatabaseSharing.obstacle(on: folder.database, to: Self.group) == nil)
        #expect(chmod(folder.path.string, 0o700) == 0)
        #expect(DatabaseSharing.obstacle(on: folder.database, to: Self.group) == DatabaseFile.resolved(folder.path))
    }

    @Test func foreignFileKeepsItsPermissions() throws {
        let folder = try TemporaryFolder()
        for (n, bytes) in [Array("no database".utf8), []].enumerated() {
            try write(bytes, to: folder.database)
            #expect(chmod(folder.database.string, 0o644) == 0)
            for mode in [Connection.Mode.readOnly, .readWrite] {
                #expect(throws: StoreError.self, "\(n)") { try folder.connection(mode) }
            }
            #expect(throws: StoreError.self) { try DatabaseSharing.share(folder.database, with: Self.group) }
            #expect(throws: StoreError.self) { try DatabaseSharing.unshare(folder.database) }
            #expect(try mode(folder.database) == 0o644 && read(folder.database) == bytes)
            #expect(names(in: folder.path) == ["pieces.db"])
        }
    }

    @Test func groupOfOtherUsersIsRejected() async throws {
        let folder = try TemporaryFolder()
        _ = try folder.connection()
        if Self.isRoot {
            for path in [folder.path, folder.database] { #expect(chown(path.string, 54401, 54401) == 0) }
        }
        let path = folder.database.string
        await #expect(processExitsWith: .success) { [path = path as String] in
            if geteuid() == 0 { become(54401, group: 54401) }
            // Nobody but root is in its group.
            let error = #expect(throws: StoreError.self) {
                try DatabaseSharing.share(FilePath(path), with: DatabaseSharing.Group(id: 0))
            }
            #expect(error?.code == .readOnly && error?.message.contains("not in the group") == true, "\(error as Any)")
            #expect(DatabaseSharing.readers(of: FilePath(path)) == .ownerAlone)
        }
    }

    // MARK: Readers without locks, here in the engine's process, which then has no locks either

    @Test func lockFreeReaderSeesCommittedData() throws {
        let folder = try TemporaryFolder()
        do {
            let engine = try folder.connection()
            try engine.settings.set("a", "1")
            let before = try Connection(withoutLocks: folder.database)
            #expect(try before.settings.value("a") == "1")
            try engine.settings.set("a", "2")
            #expect(try before.settings.value("a") == "1", "one moment, as long as no page of it is overwritten")
            #expect(try Connection(withoutLocks: folder.database).settings.value("a") == "2")
            #expect(try engine.checkpoint(), "it stops nobody")
            #expect(try Connection(withoutLocks: folder.database).settings.value("a") == "2")
        }
        #expect(access(folder.database.string + "-wal", F_OK) != 0)
        #expect(try Connection(withoutLocks: folder.database).settings.value("a") == "2")
    }

    @Test func lockFreeReaderCopiesTheDatabase() throws {
        let folder = try TemporaryFolder()
        let engine = try folder.connection()
        _ = try engine.add()
        let copy = folder.path.appending("copy.db")
        try Connection(withoutLocks: folder.database).backup(to: copy)
        #expect(try Connection.open(copy, mode: .readOnly, now: noon).torrents.rows().count == 1)
    }

    private enum Change: CaseIterable { case checkpoint, newLog, replacement, opening }

    @Test(arguments: Change.allCases)
    private func overwrittenPagesAreRejectedByLockFreeReaders(change: Change) throws {
        let folder = try TemporaryFolder()
        var engine: Connection? = try folder.connection()
        try engine?.settings.set("a", "1")
        // A log that is all in the database is begun anew by the next commit.
        if change == .newLog { #expect(sqlite3PassiveCheckpoint(try #require(engine))) }
        if change == .opening { engine = nil }
        let reader = try Connection(withoutLocks: folder.database)
        #expect(try reader.settings.value("a") == "1")
        switch change {
        case .checkpoint: #expect(try engine?.checkpoint() == true)
        case .newLog: try engine?.settings.set("a", "2")
        case .opening: try folder.connection().settings.set("a", "2")
        case .replacement:
            engine = nil
            let backup = folder.path.appending("copy.db")
            try folder.connection(.readOnly).backup(to: backup)
            _ = try DatabaseRecovery.restore(folder.database, from: backup, now: noon)
        }
        #expect(try failure { _ = try reader.settings.value("b") }.code == .rewritten)
    }

    private func sqlite3PassiveCheckpoint(_ connection: Connection) -> Bool {
        do {
            return try connection.value("PRAGMA wal_checkpoint(PASSIVE)", as: Int.self) == 0
        } catch {
            return false
        }
    }

    /// All rows have one number at any moment, and a reader that meets two of them has seen what never was.
    @Test(arguments: 0..<24 as Range<UInt64>)
    func lockFreeReaderNeverMixesTwoSnapshots(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let folder = try TemporaryFolder(inMemory: true)
        var engine: Connection? = try folder.connection()
        let rows = 200
        for n in 0..<rows { try engine?.settings.set("key \(n)", "0" + String(repeating: "x", count: 1000)) }
        if Bool.random(using: &random) { try engine?.checkpoint() }
        let reader = try Connection(withoutLocks: folder.database)
        let statement = try reader.prepare("SELECT value FROM setting WHERE key LIKE 'key %'")
        var seen = 0
        do throws(StoreError) {
            while try statement.step() {
                #expect(try statement.next(String.self).hasPrefix("0x"), "seed \(seed), row \(seen)")
                seen += 1
                guard Int.random(in: 0..<8, using: &random) == 0 else { continue }
                switch Int.random(in: 0..<4, using: &random) {
                case 0: _ = try engine?.checkpoint()
                case 1:
                    engine = nil
                    engine = try folder.connection()
                default:
                    try engine?.execute(
                        "UPDATE setting SET value = ?1 || substr(value, 2) WHERE key LIKE 'key %'",
                        "\(Int.random(in: 1...9, using: &random))")
                }
            }
            #expect(seen == rows, "seed \(seed)")
        } catch {
            #expect(error.code == .rewritten, "seed \(seed): \(error)")
        }
        statement.reset()
    }

    // MARK: Members

    /// A member may lock what it may read. None of these locks stops an engine, its start and its end.
    @Test func locksOfGroupMembersDoNotBlockTheEngine() async throws {
        let folder = try sharedFolder { try $0.settings.set("a", "1") }
        var held: [Int32] = []
        // Their closing drops the locks of this process, so that they stay open until its connections are gone.
        defer { for descriptor in held { close(descriptor) } }
        func lock(_ name: String) throws {
            let descriptor = open(name, O_RDONLY | O_CLOEXEC)
            try #require(descriptor >= 0, "\(name): \(Errno(rawValue: errno))")
            held.append(descriptor)
            var request = flock()
            request.l_type = Int16(F_RDLCK)
            // F_OFD_SETLK: against the locks of this process, too.
            try #require(fcntl(descriptor, 37, &request) == 0, "\(name): \(Errno(rawValue: errno))")
            #expect(flock(descriptor, LOCK_SH) == 0)
        }
        try lock(folder.database.string)
        for value in ["2", "3"] {
            let engine = try DatabaseLock.acquire(database: folder.database, now: noon)
            let (store, _, run) = try await Store.openRecovering(folder.database, now: noon) { db throws(StoreError) in
                try db.runs.begin(pid: getpid(), version: "test", bootID: "", now: noon)
            }
            try lock(folder.database.string + "-wal")
            try await store.perform { db throws(StoreError) in
                try db.settings.set("a", value)
                #expect(try db.checkpoint())
                try db.runs.end(run, clean: true, now: noon)
            }
            try await store.close()
            withExtendedLifetime(engine) {}
        }
        #expect(try folder.connection().settings.value("a") == "3")
    }

    @Test(.enabled(if: geteuid() == 0, "Only root can become a member of the group."))
    func groupMemberReadsBesideAnEngineWithoutLockingIt() async throws {
        let folder = try sharedFolder()
        let engine = try folder.connection()
        try engine.settings.set("a", "1")
        let lock = try DatabaseLock.acquire(database: folder.database, now: .now())
        let run = try engine.runs.begin(
            pid: getpid(), version: "test", bootID: try #require(LockTable.bootID), now: .now())
        let (path, pid) = (folder.database.string, getpid())
        await #expect(processExitsWith: .success) { [path = path as String, pid = pid as Int32] in
            become(54402, group: 54400)
            let path = FilePath(path)
            let reader = try Connection.open(path, mode: .readOnly, now: noon)
            #expect(try reader.settings.value("a") == "1")
            // The engine has said that it runs, and is the process that it said.
            let last = try reader.runs.last()
            let found = try DatabaseLock.occupancy(database: path, last: last, now: .now())
            #expect(found == .held(DatabaseLock.Holder(pid: pid, since: last?.startedAt)))
            for suffix in [".lock", "-shm"] {
                #expect(open(path.string + suffix, O_RDONLY) == -1 && errno == EACCES, "\(suffix)")
            }
            #expect(throws: StoreError.self) { try DatabaseLock.acquire(database: path, now: noon) }
            let error = #expect(throws: StoreError.self) { try Connection.open(path, mode: .readWrite, now: noon) }
            #expect(error?.code == .readOnly, "\(error as Any)")
        }
        await #expect(processExitsWith: .success) { [path = path as String] in
            become(54403, group: 54403)
            let error = #expect(throws: StoreError.self) {
                try Connection.open(FilePath(path), mode: .readOnly, now: noon)
            }
            #expect(error?.code == .cantOpen, "\(error as Any)")
        }
        // The lock is another's by now, and the process that the database names isn't the one that has it.
        try engine.execute("UPDATE run SET pid = 4194304 WHERE id = ?", run)
        await #expect(processExitsWith: .success) { [path = path as String] in
            become(54402, group: 54400)
            let last = try Connection.open(FilePath(path), mode: .readOnly, now: noon).runs.last()
            let found = try DatabaseLock.occupancy(database: FilePath(path), last: last, now: .now())
            #expect(found == .held(DatabaseLock.Holder(pid: nil, since: nil)))
        }
        _ = consume lock
        await #expect(processExitsWith: .success) { [path = path as String] in
            become(54402, group: 54400)
            let last = try Connection.open(FilePath(path), mode: .readOnly, now: noon).runs.last()
            #expect(try DatabaseLock.occupancy(database: FilePath(path), last: last, now: .now()) == .free)
        }
    }

    /// The same without another user: a process that can open neither the index of the log nor the lock.
    @Test(.enabled(if: geteuid() != 0, "Root may open everything; as root there is a test with another user."))
    func processWithoutAccessToTheIndexCanRead() async throws {
        let folder = try sharedFolder()
        let engine = try folder.connection()
        try engine.settings.set("a", "1")
        let lock = try DatabaseLock.acquire(database: folder.database, now: .now())
        for suffix in [".lock", "-shm"] { #expect(chmod(folder.database.string + suffix, 0) == 0) }
        let path = folder.database.string
        await #expect(processExitsWith: .success) { [path = path as String] in
            let found = try Connection.open(FilePath(path), mode: .readOnly, now: noon).settings.value("a")
            #expect(found == "1")
            let engine = try DatabaseLock.occupancy(database: FilePath(path), last: nil, now: .now())
            #expect(engine == .held(DatabaseLock.Holder(pid: nil, since: nil)))
        }
        withExtendedLifetime(lock) {}
    }

    // MARK: Whether an engine runs

    @Test func occupancyIsInferredWithoutAccessToTheLock() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let run = try db.runs.begin(pid: 7, version: "test", bootID: "this boot", now: noon)
        let last = try #require(try db.runs.last())
        let (named, nameless) = (DatabaseLock.Holder(pid: 7, since: noon), DatabaseLock.Holder(pid: nil, since: nil))
        func look(
            _ isLocked: Bool?, _ isAlive: Bool, _ last: RunRow?, boot: String? = "this boot", after seconds: Int64 = 2
        ) -> DatabaseLock.Occupancy {
            DatabaseLock.occupancy(
                isLocked: isLocked, isAlive: isAlive, last: last, bootID: boot, now: noon + .seconds(seconds))
        }
        #expect(look(true, true, last) == .held(named))
        #expect(look(true, false, last) == .held(nameless))
        #expect(look(true, false, nil) == .held(nameless))
        #expect(look(false, false, last) == .free)
        #expect(look(false, true, last) == .held(named), "the list may have another number for the file")
        #expect(look(false, true, last, after: 600) == .free)
        #expect(look(nil, true, last, after: 600) == .held(named))
        #expect(look(nil, false, last) == .unknown)
        #expect(look(nil, false, last, boot: nil) == .unknown)
        #expect(look(nil, false, last, boot: "another boot") == .free)
        #expect(look(nil, false, nil) == .free)
        try db.runs.end(run, clean: true, now: noon)
        #expect(look(nil, false, try db.runs.last()) == .free)
    }

    @Test func lockTableListsTheLock() async throws {
        let folder = try TemporaryFolder()
        let file = FilePath(folder.database.string + ".lock")
        #expect(LockTable.isLocked(file) == false)
        let lock = try DatabaseLock.acquire(database: folder.database, now: noon)
        // Where the file system has several numbers for a device, it says nothing.
        #expect(LockTable.isLocked(file) != false)
        _ = consume lock
        // A process that another test is just starting has the descriptor until it runs its program.
        for _ in 0..<1000 where LockTable.isLocked(file) == true { try await Task.sleep(for: .milliseconds(10)) }
        #expect(LockTable.isLocked(file) != true)
    }

    @Test func reusedProcessNumberIsAnotherProcess() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let boot = try #require(LockTable.bootID)
        func isAlive(_ pid: Int32, _ boot: String, began: Timestamp, owner: uid_t = geteuid()) throws -> Bool {
            _ = try db.runs.begin(pid: pid, version: "test", bootID: boot, now: began)
            return LockTable.isAlive(try #require(try db.runs.last()), owner: owner, now: .now())
        }
        #expect(try isAlive(getpid(), boot, began: .now()))
        #expect(try !isAlive(getpid(), boot, began: .now(), owner: 54404))
        #expect(try !isAlive(getpid(), "another boot", began: .now()))
        #expect(try !isAlive(getpid(), boot, began: Timestamp(1)))
        #expect(try !isAlive(4_194_304, boot, began: .now()), "beyond the largest number of a process")
    }

    /// The text of a lock is its last holder's until the next one has written its own.
    @Test func deadHolderIsNotNamed() throws {
        let folder = try TemporaryFolder()
        let lock = try DatabaseLock.acquire(database: folder.database, now: noon)
        try write("4194304\n1700000000\n".utf8, to: FilePath(folder.database.string + ".lock"))
        #expect(try DatabaseLock.holder(database: folder.database) == DatabaseLock.Holder(pid: nil, since: nil))
        withExtendedLifetime(lock) {}
    }
}

/// Gives up root's powers, for good.
private func become(_ user: uid_t, group: gid_t) {
    #expect(setgroups(0, nil) == 0 && setgid(group) == 0 && setuid(user) == 0)
}
