import ArgumentParser
import Library
import Logging
import Recovery
import Store
import System
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
    var path: FilePath { get throws { try Self.path(database) } }

    /// The path of the database if --database has this value, or wasn't given.
    static func path(_ database: String?) throws -> FilePath {
        if let database { return try checked(database) }
        if let named = try Settings(settingSources).text(.database) { return FilePath(text: named) }
        return try standardFolder.appending("pieces.db")
    }

    /// The settings of the files and the environment.
    var fileSettings: Settings { get throws { try Settings(Self.settingSources) } }

    /// The settings of the files, the environment and the database, if there is one.
    var settings: Settings {
        get throws {
            var settings = try fileSettings
            if let connection = try openToRead() { try settings.add(connection) }
            return settings
        }
    }

    static var settingSources: Settings.Sources {
        let names = ["HOME", "XDG_CONFIG_HOME"] + SettingKey.allCases.map(\.variable)
        return Settings.Sources(
            environment: Dictionary(names.compactMap { name in environment(name).map { (name, $0) } }) { _, last in last
            })
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
        get throws { try database == nil && fileSettings.text(.database) == nil ? Self.standardFolder : nil }
    }

    static func environment(_ name: String) -> String? {
        ThisProcess.variable(name).map { PathText.text($0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// The values of `--log-level`.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .warning }
}

// MARK: The database

extension GlobalOptions {
    var access: DatabaseAccess { get throws { DatabaseAccess(try path) } }

    /// Opens the database for reading; `nil` if there is none yet.
    func openToRead() throws -> Connection? { try access.toReadIfAny() }

    /// Opens the existing database for reading.
    func openToLook() throws -> Connection { try access.toRead() }

    /// Opens the existing database for writing.
    func openToChange() throws -> Connection { try access.toChange() }

    /// Opens the database for writing, and creates it with its folder if it doesn't exist.
    func openToAdd() throws -> Connection { try access.toAdd() }

    /// Opens the database like ``openToAdd()`` for a command that runs an engine itself, and reports a recovery.
    func openToRun() throws -> Connection { try access.toRun { Terminal.shared.complain($0.sentence) } }
}
