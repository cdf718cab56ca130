import ArgumentParser
import Library
import Store
import Torrent
import Verification

/// `pieces rename`
struct Rename: Command {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Give files of a torrent, or its folder, other names on the disk.",
        discussion: """
            The .torrent and the info hash stay as they are, so peers notice nothing. Works with and without a running engine; \
            verified pieces stay verified. A name without / replaces the last name of the path; with / it is a path below the \
            torrent's own folder (`./NAME` is directly in it). Giving a file its name in the .torrent undoes a renaming.

            If a renaming is interrupted, nothing is lost: `pieces rename TORRENT` continues it, and with --undo takes it back.

            Examples:
              pieces rename 3 'Linux images'
              pieces rename 3 5 'chapter 5.txt'
              pieces rename series Season.01/E01.mkv 'Season 1/Episode 1.mkv'
              pieces rename series Season.01 'Season 1'

            Exit codes: 0 renamed; 1 not renamed; 64 wrong usage; 130 interrupted.
            """)

    @OptionGroup var argument: TorrentArgument

    @Argument(
        help: ArgumentHelp(
            "A file (number or path) or a folder, and its new name. A name alone is that of the torrent's folder, or of its only file.",
            valueName: "file> <new-name"),
        completion: TorrentCompletion.filesOfTorrent)
    var names: [String] = []

    @Flag(help: "Take back a renaming that was interrupted.") var undo = false

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func validate() throws {
        guard names.count <= 2 else {
            throw ValidationError("give the torrent, a file and its new name; quote names with blanks")
        }
        guard !undo || names.isEmpty else { throw ValidationError("--undo takes no names") }
    }

    func run() async throws {
        let library = Library(try global.openToChange())
        let stop = VerificationStop()
        try Interruption.catchFirst { stop.request() }
        let report: @Sendable (Library.MoveStep) -> Void = { [reporting] step in
            switch step {
            case .renamed(let torrent, let files): Self.tell(torrent, files, reporting)
            case .undone(let torrent, _): reporting.report("kept the names of", torrent)
            case .note(let text): if !reporting.quiet, !reporting.json { Terminal.shared.print("  \(text)") }
            case .failed(let text): Terminal.shared.complain(text)
            case .begins, .copied, .read, .verifies, .moved, .inPlace: break
            }
        }
        do {
            guard let newName = names.last else {
                return try await library.settleRename(argument.torrent, undoing: undo, stop: stop, report: report)
            }
            try await library.rename(
                argument.torrent, file: names.count > 1 ? names[0] : nil, to: newName, stop: stop, report: report)
        } catch {
            guard stop.isRequested else { throw error }
            Terminal.shared.complain("\(error)")
            throw ExitStatus.interrupted
        }
    }

    private static func tell(_ torrent: TorrentRow, _ files: Int, _ reporting: ReportOptions) {
        guard !reporting.quiet else { return }
        guard !reporting.json else {
            return ChangeJSON.print("renamed", torrent) { $0.field("files_renamed", files) }
        }
        Terminal.shared.print(
            "renamed \(torrent.id)  \(torrent.name.printable): \(Format.count(files, "file")) on disk")
    }
}
