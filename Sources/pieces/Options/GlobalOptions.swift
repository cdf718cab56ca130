import ArgumentParser
import Glibc
import Library
import Logging
import Store
import SystemPackage
import Torrent

/// The options that every command accepts.
struct GlobalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Database file. Default: $PIECES_DATABASE, or else $XDG_STATE_HOME/pieces/pieces.db.", valueName: "file"),
        completion: .file(extensions: ["db"]))
    var database: String?

    @Option(help: "Verbosity of messages on standard error.")
    var logLevel: LogLevel = .warning

    /// The path of the database, whether or not the file exists.
    var path: FilePath {
        get throws {
            if let database { return try Self.checked(database) }
            if let named = Self.environment("PIECES_DATABASE") { return try Self.checked(named) }
            return try Self.standardFolder.appending("pieces.db")
        }
    }

    private static func checked(_ path: String) throws -> FilePath {
        guard !path.isEmpty else {
            throw Failure.usage("the path of the database is empty: give a file with --database")
        }
        return FilePath(text: path)
    }

    /// The XDG Base Directory Specification requires relative paths to be ignored.
    private static var standardFolder: FilePath {
        get throws {
            if let state = environment("XDG_STATE_HOME"), state.utf8.first == UInt8(ascii: "/") {
                return FilePath(text: state).appending("pieces")
            }
            guard let home = environment("HOME"), home.utf8.first == UInt8(ascii: "/") else {
                throw Failure.usage(
                    "HOME is not set, so there is no default path for the database: give a file with --database or PIECES_DATABASE"
                )
            }
            return FilePath(text: home).appending([".local", "state", "pieces"])
        }
    }

    /// The program's own folder if it contains the database; `nil` if a path was given.
    var ownFolder: FilePath? {
        get throws { try database == nil && Self.environment("PIECES_DATABASE") == nil ? Self.standardFolder : nil }
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { PathText.text(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// The values of `--log-level`.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .warning }
}

// MARK: The database

extension GlobalOptions {
    /// Opens the database for reading; `nil` if there is none yet.
    func openToRead() throws -> Connection? {
        let path = try path
        do throws(StoreError) {
            return try Connection.open(path, mode: .readOnly, now: .now())
        } catch {
            guard error.code == .notFound || !Self.exists(path), error.code != .corrupt else { throw error }
            // A missing database that has backups was lost, which is an error.
            if let lost = try lostDatabase() { throw lost }
            return nil
        }
    }

    /// Throws if there is no database, or only an empty file next to backups. `mending` is for commands that recover
    /// the database.
    func requireDatabase(mending: Bool = false) throws {
        let path = try path
        if !mending, let lost = try lostDatabase() { throw lost }
        guard Self.exists(path) || DatabaseRecovery.isInterrupted(path) else { throw try noDatabase() }
    }

    /// Opens the existing database for reading.
    func openToLook() throws -> Connection {
        guard let connection = try openToRead() else { throw try noDatabase() }
        return connection
    }

    /// Opens the existing database for writing.
    func openToChange() throws -> Connection {
        try requireDatabase()
        return try Connection.open(try path, mode: .readWrite, now: .now())
    }

    /// Opens the database for writing, and creates it with its folder if it doesn't exist.
    func openToAdd() throws -> Connection {
        try prepareToMake()
        return try Connection.open(path, mode: .readWriteCreate, now: .now())
    }

    /// Opens the database like ``openToAdd()`` for a command that runs an engine itself. A damaged database is
    /// recovered first, and the recovery is reported.
    func openToRun() throws -> Connection {
        try prepareToMake(mending: true)
        let path = try path
        let damage: String
        do throws(StoreError) {
            if BackupFile.newest(ofLost: path) == nil {
                return try Connection.open(path, mode: .readWriteCreate, now: .now())
            }
            damage = "the file is empty"
        } catch {
            guard DatabaseRecovery.answers(error) else { throw error }
            damage = error.message
        }
        let lock = try DatabaseLock.acquire(database: path, now: .now())
        defer { withExtendedLifetime(lock) {} }
        if try !DatabaseRecovery.finishInterrupted(path) {
            let mending = try DatabaseRecovery.mend(path, because: damage, now: .now())
            Terminal.shared.complain(mending.sentence)
        }
        return try Connection.open(path, mode: .readWriteCreate, now: .now())
    }

    private func noDatabase() throws -> Failure { try lostDatabase() ?? Failure(try absence) }

    /// Why there is nothing to read, in one sentence.
    var absence: String {
        get throws {
            let name = try path.text.printable
            return try Self.exists(path)
                ? "the database at \(name) is empty, probably because its creation was interrupted: run `pieces add`, `pieces download` or `pieces run` to finish it"
                : "there is no database at \(name) yet: `pieces add` or `pieces download` creates it"
        }
    }

    /// The error if the database is missing or empty but has backups; `nil` otherwise.
    private func lostDatabase() throws -> Failure? {
        let path = try path
        guard let backup = BackupFile.newest(ofLost: path) else { return nil }
        let name = path.text.printable
        return Failure(
            "\(Self.exists(path) ? "the database at \(name) is empty" : "there is no database at \(name)"), but there is a backup from "
                + "\(Format.moment(backup.at)): restore it with `pieces database restore`, or move the backups "
                + "(\(backup.path.lastComponent?.text.printable ?? "") and older ones) to another folder to start a new database"
        )
    }

    /// Prepares to create the database: creates the folder if it is missing, and throws instead of replacing a lost
    /// database with a new one. With `mending`, an existing file is left to the engine, which recovers it at start.
    func prepareToMake(mending: Bool = false) throws {
        if try !mending || !Self.exists(path), let lost = try lostDatabase() { throw lost }
        try makeFolder()
    }

    /// Creates the folder of the database and its missing parents, accessible only to this user.
    func makeFolder() throws {
        let folder = try path.removingLastComponent()
        if !folder.isEmpty, !Self.exists(folder) { try NewFile.makeFolder(folder) }
    }

    /// Whether the file exists. If this user isn't allowed to look, it counts as existing.
    private static func exists(_ path: FilePath) -> Bool { NewFile.exists(path) || errno == EACCES }
}
