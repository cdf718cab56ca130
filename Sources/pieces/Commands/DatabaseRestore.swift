import ArgumentParser
import Engine
import Library
import Recovery
import Store
import SystemPackage
import Torrent

/// `pieces database restore`
struct DatabaseRestore: Command {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Replace the database with a backup; the replaced database is kept under a new name.",
        discussion: """
            No engine may be running. A backup describes the pieces on disk as they were when it was made, so the next engine \
            re-checks all files first. Pieces that are on disk are not downloaded again.

            Examples:
              pieces database restore
              pieces database restore ~/pieces-backup.db

            Exit codes: 0 done; 1 failed; 2 the backup is damaged.
            """)

    @Argument(
        help: ArgumentHelp(
            "Backup to restore. Default: the newest automatic backup.", valueName: "file"),
        completion: .file(extensions: ["db"]))
    var file: String?

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let database = try global.path
        try global.access.makeFolder()
        let restored = try DatabaseUpkeep(database).restore(from: file.map { FilePath(text: $0) })
        tell(restored.restoration, database, restored.backup)
    }

    private func tell(_ restoration: Restoration, _ database: FilePath, _ backup: FilePath) {
        if json {
            return Terminal.shared.print(
                bytes: JSONWriter.line { json in
                    json.path("database", "database_bytes", database.text)
                    json.path("backup", "backup_bytes", backup.text)
                    json.path("set_aside", "set_aside_bytes", restoration.setAside?.text)
                    json.field("torrents", restoration.torrents)
                    json.field("pieces_to_check", restoration.unverifiedPieces)
                })
        }
        let aside = restoration.setAside.map { "; the previous database is now \($0.text.printable)" } ?? ""
        Terminal.shared.print(
            "restored \(Format.count(restoration.torrents, "torrent")) from \(backup.text.printable)\(aside); "
                + "the next engine will re-check \(Format.count(restoration.unverifiedPieces, "piece"))")
    }
}
