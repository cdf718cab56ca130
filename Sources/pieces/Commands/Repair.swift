import ArgumentParser
import Library
import Store
import Torrent

/// `pieces repair`
struct Repair: DirectCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Fetch damaged pieces again, also those that are held back.",
        discussion: """
            The running engine repairs rot by itself. This command is for what it leaves to you: pieces that no peer had, pieces \
            that the disk didn't keep, and, with --overwrite-edits, files that another program changed. A piece that is held back \
            is read again first, and fetched only if it is still bad. `pieces scrub` lists all damage.

            A file that is longer than the torrent says is never truncated: move it away.

            Examples:
              pieces repair debian.iso
              pieces repair 3 --overwrite-edits

            Exit codes: 0 nothing is damaged; 1 an error; 2 damage stands, which a running engine now repairs if it can; 64 wrong \
            usage.
            """)

    @OptionGroup var arguments: TorrentArguments

    @Flag(help: "Replace what another program wrote with what the torrent says.")
    var overwriteEdits = false

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func runDirectly() throws {
        let library = Library(try global.openToChange())
        let repairs = try library.repair(arguments.torrents, overwritesEdits: overwriteEdits)
        let isRunning = try library.engine().isRunning
        for repair in repairs { tell(repair, isRunning: isRunning) }
        if repairs.contains(where: { !$0.damage.isEmpty }) { throw ExitStatus.incomplete }
    }

    private func tell(_ repair: Library.Repair, isRunning: Bool) {
        guard !json else {
            return Terminal.shared.print(
                bytes: JSONWriter.line { json in
                    json.field("id", repair.torrent.id.rawValue)
                    json.field("info_hash", repair.torrent.infoHash)
                    json.field("name", repair.torrent.name)
                    json.field("asked", repair.asked)
                    json.field("kept", repair.kept)
                    json.array("damage", repair.damage) { json, row in ScrubJSON.append(row, &json) }
                })
        }
        let name = repair.torrent.name.printable
        guard !repair.damage.isEmpty else { return Terminal.shared.print("\(name): nothing is damaged") }
        if let refusal = repair.refusal {
            return Terminal.shared.print(
                "\(name): \(Format.count(repair.damage.count, "damaged piece")); nothing is repaired, because \(refusal)"
            )
        }
        if repair.asked > 0 {
            let when =
                repair.torrent.settings.isPaused
                ? "when it is resumed" : isRunning ? "now" : "when `pieces run` runs"
            Terminal.shared.print(
                "\(name): \(Format.count(repair.asked, "damaged piece")) \(repair.asked == 1 ? "is" : "are") repaired \(when)"
            )
        }
        if repair.kept > 0 {
            Terminal.shared.print(
                "\(name): \(Format.count(repair.kept, "piece")) that another program changed \(repair.kept == 1 ? "is" : "are") kept: --overwrite-edits replaces them"
            )
        }
    }
}
