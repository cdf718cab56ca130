import ArgumentParser
import Engine
import Library
import Recovery
import Store
import SystemPackage
import Torrent

/// `pieces database salvage`
struct DatabaseSalvage: Command {
    static let configuration = CommandConfiguration(
        commandName: "salvage",
        abstract: "Repair a damaged database from its readable parts and the newest backup.",
        discussion: """
            No engine may be running. `pieces run` does the same when it starts. The damaged file is kept under a new name. The \
            next engine re-checks all files whose records were repaired.

            Examples:
              pieces database salvage
              pieces database salvage --json

            Exit codes: 0 repaired, or no damage found; 1 failed; 2 repaired, but some torrents were lost.
            """)

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let database = try global.path
        try global.access.requireDatabase(recovering: true)
        let report = try DatabaseUpkeep(database).salvage {
            if !json { Terminal.shared.print("finished an interrupted recovery") }
        }
        guard let report else { return tellSound(database) }
        tell(report, database)
        if !report.lost.isEmpty { throw ExitStatus.incomplete }
    }

    private func tellSound(_ database: FilePath) {
        guard json else { return Terminal.shared.print("\(database.text.printable): no damage found") }
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.path("database", "database_bytes", database.text)
                json.field("damage", nil as String?)
            })
    }

    private func tell(_ report: RecoveryReport, _ database: FilePath) {
        guard json else { return Terminal.shared.print(report.sentence.printable) }
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.path("database", "database_bytes", database.text)
                json.field("damage", report.reason)
                json.path("set_aside", "set_aside_bytes", report.setAside.text)
                json.field("backup_at", report.backup?.rawValue)
                json.field("salvaged", report.salvaged)
                json.field("from_backup", report.fromBackup)
                json.strings("lost", report.lost)
                json.field("pieces_to_check", report.unverifiedPieces)
            })
    }
}
