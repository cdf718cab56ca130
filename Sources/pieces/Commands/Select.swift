import ArgumentParser
import Library
import Store
import Torrent

/// `pieces select`
struct Select: Command {
    static let configuration = CommandConfiguration(
        commandName: "select", abstract: "Choose which files of a torrent to download.",
        discussion: """
            A pattern is a glob for paths or names, or a number or range from `pieces files`. Files that no pattern matches are \
            no longer downloaded; data of theirs that is on disk stays.

            Examples:
              pieces select series '*E01*.mkv' '*E02*.mkv'
              pieces select 3 1-5 8
              pieces select 3 --all
            """)

    @OptionGroup var argument: TorrentArgument

    @Argument(
        help: ArgumentHelp("Globs, numbers, or ranges of numbers.", valueName: "glob|index"),
        completion: TorrentCompletion.filesOfTorrent)
    var patterns: [String] = []

    @Flag(help: "Select all files.")
    var all = false

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func validate() throws {
        guard all != !patterns.isEmpty else {
            throw ValidationError("give either patterns for the files to download, or --all")
        }
    }

    func run() async throws {
        let selected = try await Library(try global.openToChange()).select(
            all ? .all : .patterns(patterns), of: argument.torrent)
        let row = selected.torrent
        if reporting.quiet { return }
        if reporting.json {
            return ChangeJSON.print("selected", row) { json in
                json.field("files_selected", selected.wantedFiles)
                json.field("wanted_bytes", row.hasMetadata ? row.wantedBytes as Int64? : nil)
                json.field("completed_bytes", row.completedBytes)
            }
        }
        guard let count = selected.wantedFiles else {
            return Terminal.shared.print(
                "\(row.id)  \(row.name.printable): the choice applies as soon as the metadata has arrived")
        }
        let files = Format.count(count, "file")
        let part = "\(Format.bytes(row.completedBytes)) of \(Format.bytes(row.wantedBytes))"
        Terminal.shared.print("\(row.id)  \(row.name.printable): \(files) selected, \(part) on disk")
    }
}
