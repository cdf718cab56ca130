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
              pieces database backups --every 12h --keep 7
              pieces database restore ~/pieces-backup.db
              pieces database salvage

            A running engine keeps backups beside the database, named after their time (pieces.db.backup-20260301T140512Z). A damaged database is \
            mended by `pieces run` and `pieces download` when they start, and by `pieces database salvage`: the damaged file is kept.
            """,
        subcommands: [DatabasePath.self, DatabaseCheck.self, DatabaseBackup.self, DatabaseBackups.self, DatabaseRestore.self, DatabaseSalvage.self])
}

/// `pieces database path`
struct DatabasePath: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "path", abstract: "Print where the database is, whether or not it is there.",
        discussion: """
            Examples:
              sqlite3 "$(pieces database path)" 'SELECT * FROM v1_torrent'
            """)

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws { Terminal.shared.print(try global.path.string) }
}
