import ArgumentParser
import Store
import SystemPackage

/// `pieces database`
struct Database: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "Look after the database itself.",
        discussion: """
            Examples:
              pieces database path
              pieces database check
              pieces database backup ~/pieces-backup.db
            """,
        subcommands: [DatabasePath.self, DatabaseCheck.self, DatabaseBackup.self])
}

/// `pieces database path`
struct DatabasePath: Command {
    static let configuration = CommandConfiguration(
        commandName: "path", abstract: "Print where the database is, whether or not it is there.",
        discussion: """
            Examples:
              sqlite3 "$(pieces database path)" 'SELECT * FROM v1_torrent'
            """)

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws { Terminal.shared.print(try global.path.string) }
}

/// `pieces database check`
struct DatabaseCheck: Command {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Look for damage in the database; the files of the torrents are `pieces verify`'s.",
        discussion: """
            Examples:
              pieces database check

            Exit codes: 0 nothing is wrong; 1 it could not be read; 2 it is damaged.
            """)

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let connection = try global.openToLook()
        let faults = try connection.integrityFaults()
        guard faults.isEmpty else {
            for fault in faults { Terminal.shared.print(fault.printable) }
            Terminal.shared.complain("\(connection.path) is damaged: keep a copy of it and restore a backup")
            throw ExitStatus.incomplete
        }
        Terminal.shared.print("\(connection.path): nothing is wrong")
    }
}

/// `pieces database backup`
struct DatabaseBackup: Command {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the database as it is at one moment, also while an engine runs.",
        discussion: """
            Examples:
              pieces database backup ~/pieces-backup.db
            """)

    @Argument(help: ArgumentHelp("The new file.", valueName: "file"), completion: .file(extensions: ["db"]))
    var file: String

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let connection = try global.openToLook()
        try connection.backup(to: FilePath(file))
        Terminal.shared.print("wrote \(file.printable)")
    }
}
