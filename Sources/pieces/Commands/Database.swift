import ArgumentParser
import Store
import SystemPackage
import Torrent

/// `pieces database`
struct Database: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "Check, back up, restore or repair the database.",
        discussion: """
            Examples:
              pieces database path
              pieces database check
              pieces database backup ~/pieces-backup.db
              pieces database backups --every 12h --keep 7
              pieces database restore ~/pieces-backup.db
              pieces database salvage
              pieces database share media

            A running engine keeps backups beside the database, named by their time (pieces.db.backup-20260301T140512Z). \
            `pieces run` and `pieces download` repair a damaged database when they start, and so does `pieces database salvage`. \
            The damaged file is kept.
            """,
        subcommands: [
            DatabasePath.self, DatabaseCheck.self, DatabaseBackup.self, DatabaseBackups.self, DatabaseRestore.self,
            DatabaseSalvage.self,
            DatabaseShare.self, DatabaseUnshare.self,
        ])
}

/// `pieces database path`
struct DatabasePath: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "path", abstract: "Print the path of the database, even if it doesn't exist yet.",
        discussion: """
            Examples:
              sqlite3 "$(pieces database path)" 'SELECT * FROM v1_torrent'
            """)

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    /// Prints the exact bytes of the path to a program, and printable text to a terminal.
    func run() async throws {
        let path = try global.path.text
        if Terminal.shared.isInteractive { return Terminal.shared.print(path.printable) }
        Terminal.shared.print(bytes: PathText.bytes(path) + [UInt8(ascii: "\n")])
    }
}
