import ArgumentParser
import Library
import Store
import Torrent

/// `pieces remove`
struct Remove: Command {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove torrents from the database; their files stay unless --delete-data is given.",
        discussion: """
            --delete-data also deletes the torrent's own files, and the folders that become empty. It keeps a file that the \
            torrent neither created nor found to match, and a file that another torrent uses. --dry-run shows all of that, and \
            changes nothing. --all needs --yes too.

            Examples:
              pieces remove 3
              pieces remove debian.iso --delete-data --dry-run
              pieces remove debian.iso --delete-data
            """)

    @OptionGroup var arguments: TorrentsOrAll

    @Flag(help: "Also delete the downloaded files.")
    var deleteData = false

    @Flag(name: [.customShort("n"), .long], help: "Only show what would be removed.")
    var dryRun = false

    @Flag(help: "With --all: remove all torrents without a further question.")
    var yes = false

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    /// The most files of a torrent that --dry-run lists.
    private static let listedFiles = 20

    func run() async throws {
        if dryRun { return try await tellPlans() }
        let library = Library(try global.openToChange())
        if arguments.all, !yes {
            let count = try library.count()
            let files = deleteData ? "and deletes their files" : "their files stay"
            throw Failure.usage(
                "--all removes \(count == 1 ? "the only torrent" : "all \(Format.count(count, "torrent"))") from the "
                    + "database; \(files): add --yes to do that, or --dry-run to see more")
        }
        try await library.remove(arguments.choice, deletingData: deleteData) { step in
            switch step {
            case .removed(let torrent, let files): tell(torrent, files: files)
            case .kept(let torrent, let text): tell(torrent, kept: text)
            }
        }
    }

    private func tellPlans() async throws {
        let plans = try await Library(try global.openToLook()).planRemoval(
            of: arguments.choice, deletingData: deleteData)
        for plan in plans where !reporting.quiet { tell(plan) }
    }

    private func tell(_ plan: Library.RemovalPlan) {
        let torrent = plan.torrent
        guard !reporting.json else {
            return ChangeJSON.print("would_remove", torrent) { json in
                json.path("output", "output_bytes", torrent.output)
                json.array("files") { json in
                    for path in plan.deletedFiles ?? [] { json.string(path) }
                }
                json.field("kept", plan.kept)
            }
        }
        let files = plan.deletedFiles.map { ", and delete \(Format.count($0.count, "file"))" } ?? ""
        var lines = ["would remove \(torrent.id)  \(torrent.name.printable)\(files)"]
        let deleted = plan.deletedFiles ?? []
        lines += deleted.prefix(Self.listedFiles).map { "  \($0.printable)" }
        if deleted.count > Self.listedFiles {
            lines.append("  and \(Format.count(deleted.count - Self.listedFiles, "more file"))")
        }
        if let kept = plan.kept { lines.append("  \(kept.printable)") }
        Terminal.shared.print(lines.joined(separator: "\n"))
    }

    private func tell(_ torrent: TorrentRow, kept text: String) {
        if reporting.json {
            ChangeJSON.print("kept", torrent) { $0.field("message", text) }
        } else if !reporting.quiet {
            Terminal.shared.print("  \(text.printable)")
        }
    }

    private func tell(_ torrent: TorrentRow, files: Int?) {
        if reporting.quiet { return }
        if reporting.json { return ChangeJSON.print("removed", torrent) { $0.field("files_deleted", files) } }
        Terminal.shared.print(
            "removed \(torrent.id)  \(torrent.name.printable)\(files.map { ", \(Format.count($0, "file")) deleted" } ?? "")"
        )
    }
}
