import ArgumentParser
import Library
import Store
import SystemPackage
import Torrent

/// `pieces database backups`
struct DatabaseBackups: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "backups",
        abstract: "Show the backups that a running engine keeps; set how often it makes one, and how many stay.",
        discussion: """
            Examples:
              pieces database backups
              pieces database backups --every 12h --keep 7
              pieces database backups --keep 0

            They lie beside the database. When torrents come and go, one is made sooner; with --keep 0 none is made any more, and those that are there \
            stay. A running engine heeds it within a minute.
            """)

    @Option(
        help: ArgumentHelp("The time between two, from 1m to 52w, as 12h or 1d.", valueName: "time"),
        transform: TimeSpan.parse)
    var every: Duration?

    @Option(help: ArgumentHelp("How many stay, from 0 to \(BackupSettings.countLimit).", valueName: "n"))
    var keep: Int?

    @OptionGroup(title: "Global options") var global: GlobalOptions

    var answers: Bool { every == nil && keep == nil }

    func validate() throws {
        if let every, !BackupSettings.intervals.contains(every) {
            throw ValidationError("--every takes a time from 1m to 52w")
        }
        if let keep, !BackupSettings.counts.contains(keep) {
            throw ValidationError("--keep takes a number from 0 to \(BackupSettings.countLimit)")
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
                ? "no backups are made"
                : "a running engine makes a backup every \(Format.time(settings.interval)), and keeps \(Format.count(settings.count))"
        )
        for backup in try DatabaseUpkeep(try global.path).backups() {
            Terminal.shared.print("\(Format.moment(backup.at))  \(backup.path.text.printable)")
        }
    }
}
