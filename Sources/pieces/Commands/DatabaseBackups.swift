import ArgumentParser
import Library
import Recovery
import Store
import SystemPackage
import Torrent

/// `pieces database backups`
struct DatabaseBackups: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "backups",
        abstract: "List the automatic backups; set how often they are made and how many are kept.",
        discussion: """
            Examples:
              pieces database backups
              pieces database backups --every 12h --keep 7
              pieces database backups --keep 0

            A running engine makes these backups and stores them beside the database. Adding or removing torrents makes the next \
            backup due sooner. --keep 0 turns automatic backups off and leaves existing ones in place. A running engine applies \
            new settings within a minute.
            """)

    @Option(
        help: ArgumentHelp("Time between backups (12h, 1d), from 1m to 52w.", valueName: "time"),
        transform: TimeSpan.parse)
    var every: Duration?

    @Option(help: ArgumentHelp("Number of backups to keep, from 0 to \(BackupSettings.countLimit).", valueName: "n"))
    var keep: Int?

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    var answers: Bool { every == nil && keep == nil }

    func validate() throws {
        if let every, !BackupSettings.intervals.contains(every) {
            throw ValidationError("--every must be a time from 1m to 52w")
        }
        if let keep, !BackupSettings.counts.contains(keep) {
            throw ValidationError("--keep must be a number from 0 to \(BackupSettings.countLimit)")
        }
    }

    func run() async throws {
        if every == nil, keep == nil { return try tell(Library(try global.openToLook())) }
        let library = Library(try global.openToChange())
        try library.setBackups(every: every, keep: keep)
        try tell(library)
    }

    private func tell(_ library: Library) throws {
        let settings = try library.backupSettings()
        Terminal.shared.print(
            settings.count == 0
                ? "automatic backups are off"
                : "a running engine makes a backup every \(Format.time(settings.interval)) and keeps the newest \(Format.count(settings.count))"
        )
        for backup in try DatabaseUpkeep(try global.path).backups() {
            Terminal.shared.print("\(Format.moment(backup.at))  \(backup.path.text.printable)")
        }
    }
}
