import ArgumentParser
import Library
import SystemPackage
import Torrent

/// `pieces database backup`
struct DatabaseBackup: Command {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Back up the database, also while an engine is running.",
        discussion: """
            The backup is a consistent snapshot. It is checked before it gets its name; a damaged database is not backed up.

            Examples:
              pieces database backup ~/pieces-backup.db

            Exit codes: 0 done; 1 failed; 2 the database is damaged.
            """)

    @Argument(help: ArgumentHelp("File to create.", valueName: "file"), completion: .file(extensions: ["db"]))
    var file: String

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        try global.access.requireDatabase()
        try DatabaseUpkeep(try global.path).backUp(to: FilePath(text: file))
        Terminal.shared.print("wrote \(file.printable)")
    }
}
