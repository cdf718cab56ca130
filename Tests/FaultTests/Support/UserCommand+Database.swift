import Store
import SystemPackage
import TestSupport
import Torrent

/// Errands that make, take or mend a database. They read the database's bytes, so that nothing may run beside them.
extension UserCommand {
    static let database = [backup, restore, salvage, mendingAtStart, restoredAtStart]

    private static let pageSize = 4096
    private static let backupEnd = ".backup-20260301T140512Z"
    /// Outside of the names that the program gives: what the test remembers of the database that may not be lost.
    private static let original = "original"

    // MARK: Backup

    /// The file has its name only when it is whole.
    @Sendable static func backupIsWholeOrNone(_ ground: Ground, _ recordedStates: [RecordedState]) throws -> [String] {
        let copy = FilePath(ground.pieces.database.string + ".copy")
        guard Files.exists(copy) else { return [] }
        let connection = try Connection.open(copy, mode: .readOnly, now: .now())
        return try connection.integrityFaults(.structure)
            + (try connection.torrents.rows().count == ground.torrents.count ? [] : ["it lacks torrents"])
    }

    private static let backup = UserCommand(
        name: "database backup", prepare: { try await $0.adoptAll() },
        arguments: { ["database", "backup", $0.pieces.database.string + ".copy"] },
        exitCodes: [0, 1], faults: backupIsWholeOrNone
    ) { ground in
        // That there is one already is said.
        try await ground.run(["database", "backup", ground.pieces.database.string + ".copy"], exitCodes: [0, 1])
        guard Files.exists(FilePath(ground.pieces.database.string + ".copy")) else {
            throw CommandFault("there is no backup")
        }
    }

    // MARK: Restore

    /// A backup has both torrents, the database only one.
    @Sendable private static func loseOne(_ ground: Ground) async throws {
        try await ground.adoptAll()
        try await ground.run(["database", "backup", ground.pieces.database.string + backupEnd])
        try await ground.run(["remove", "2"])
        try remember(ground)
    }

    /// The old database is there under one of its names, as it was.
    @Sendable private static func oldOneStays(_ ground: Ground, _ recordedStates: [RecordedState]) throws -> [String] {
        try faults(ground) { $0 == $1 }
    }

    /// The same of one that an engine began with: it may have written its run into it.
    @Sendable private static func mostOfOldOneStays(_ ground: Ground, _ recordedStates: [RecordedState]) throws
        -> [String]
    {
        try faults(ground) { old, found in
            let pages = stride(from: 0, to: min(old.count, found.count), by: pageSize)
            let same = pages.count { old[$0..<$0 + pageSize] == found[$0..<$0 + pageSize] }
            return found.count >= old.count && same * 10 >= old.count / pageSize * 8
        }
    }

    private static func faults(_ ground: Ground, _ isIt: (_ old: [UInt8], _ found: [UInt8]) -> Bool) throws -> [String]
    {
        let old = try Files.read(ground.pieces.folder.appending(original))
        let names = try Files.names(in: ground.pieces.folder).filter { name in
            // A backup is no trace of it.
            name.hasPrefix("pieces.db") && !name.contains("backup")
                && !["-wal", "-shm", ".lock", ".reserve"].contains { name.hasSuffix($0) }
        }
        return try names.contains { isIt(old, try Files.read(ground.pieces.folder.appending($0))) }
            ? [] : ["the old database is gone: there are \(names.joined(separator: ", "))"]
    }

    private static func remember(_ ground: Ground) throws {
        // Its log is empty after a clean stop.
        try Files.write(try Files.read(ground.pieces.database), to: ground.pieces.folder.appending(original))
    }

    private static let restore = UserCommand(
        name: "database restore", prepare: loseOne, arguments: { _ in ["database", "restore"] }, leaving: [1],
        mayBeMended: true, faults: oldOneStays
    ) { ground in
        try await ground.run(["database", "restore"])
    }

    /// An engine goes on with a restore that was interrupted.
    private static let restoredAtStart = UserCommand(
        name: "a restore that the next start ends",
        prepare: { ground in
            try await loseOne(ground)
            let name = ground.pieces.database
            try Files.write(try Files.read(FilePath(name.string + backupEnd)), to: FilePath(name.string + ".restored"))
        }, arguments: { $0.engine("--until-complete") }, leaving: [1], mayBeMended: true, faults: oldOneStays
    ) { ground in
        try await ground.run(ground.engine("--until-complete"))
    }

    // MARK: Mending

    /// A page of zeros, in the table of torrents or at the beginning of the file; a backup is there.
    private static func damage(_ ground: Ground, isHeader: Bool) async throws {
        try await ground.adoptAll()
        try await ground.run(["database", "backup", ground.pieces.database.string + backupEnd])
        let root = try ground.look().value("SELECT rootpage FROM sqlite_schema WHERE name = 'torrent'", as: Int.self)
        guard let root else { throw CommandFault("there is no table of torrents") }
        let page = isHeader ? 0 : root - 1
        try Files.overwrite(
            ground.pieces.database, at: Int64(page * pageSize), with: Array(repeating: 0, count: pageSize))
        try remember(ground)
    }

    private static let salvage = UserCommand(
        name: "database salvage", prepare: { try await damage($0, isHeader: true) },
        arguments: { _ in ["database", "salvage"] },
        exitCodes: [0], mayBeMended: true, faults: oldOneStays
    ) { ground in
        try await ground.run(["database", "salvage"])
    }

    private static let mendingAtStart = UserCommand(
        name: "mending at the start of an engine", prepare: { try await damage($0, isHeader: false) },
        arguments: { $0.engine("--until-complete") }, mayBeMended: true, faults: mostOfOldOneStays)
}
