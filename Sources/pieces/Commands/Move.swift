import ArgumentParser
import Library
import Store
import Torrent
import Verification

/// `pieces move`
struct Move: Command {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Move the files of torrents to another folder, and continue there.",
        discussion: """
            Works with and without a running engine. History, limits, the number and all verified pieces stay. On the same file \
            system nothing is copied. On another one the files are copied, synced and checked against their hashes before the \
            old ones are removed. Files that aren't the torrent's own stay where they are, and so do those that another torrent \
            uses.

            If a move is interrupted, nothing is lost: `pieces move TORRENT` continues it, and moving the torrent to its old \
            folder undoes it.

            If you moved the files yourself, use --found: they are looked for in the folder, and then in all folders below it on \
            the same volume. Files that look as they were recorded are trusted, the others are checked against their hashes, \
            and what is not found there is downloaded again.

            --volume takes all torrents of a volume, each to the same place below the folder as it had below the volume's \
            mount point. Space is planned for all of them before the first one moves.

            Examples:
              pieces move debian.iso /mnt/big
              pieces move 3 4 5 /mnt/big
              pieces move 3
              pieces move debian.iso /mnt/big --found
              pieces move --label archive /mnt/big
              pieces move --volume archive /mnt/new
              pieces move --volume archive /mnt/new --found

            Exit codes: 0 moved; 1 not moved, or not all of them; 64 wrong usage; 130 interrupted.
            """)

    @Argument(
        help: ArgumentHelp(
            "Torrents, and last the folder. A single argument is a torrent whose interrupted move continues.",
            valueName: "torrent|dir"),
        completion: TorrentCompletion.torrentsAndFolders)
    var arguments: [String]

    @Option(
        help: ArgumentHelp(
            "Move all torrents of this volume: its number, name, mount point or UUID.", valueName: "volume"))
    var volume: String?

    @Flag(help: "The files were moved by hand: look for them in the folder.")
    var found = false

    @OptionGroup var labels: LabelOptions
    @OptionGroup(title: "Output options") var quietness: QuietOption
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func validate() throws {
        guard volume == nil || (arguments.count == 1 && labels.names.isEmpty) else {
            throw ValidationError("--volume takes one folder, and no torrents")
        }
        guard !found || volume != nil || arguments.count > 1 || !labels.names.isEmpty else {
            throw ValidationError("--found needs the torrents and the folder that contains their files")
        }
    }

    func run() async throws {
        let library = Library(try global.openToChange())
        let isTold = !quietness.quiet
        let meter = Meter("moved", total: 0, style: isTold ? .shown : .silent)
        let stop = VerificationStop()
        try Interruption.catchFirst { stop.request() }
        let report: @Sendable (Library.MoveStep) -> Void = { step in
            switch step {
            case .begins(let torrent, let bytes):
                meter.note(torrent.name)
                meter.expect(bytes)
            case .copied(let bytes), .read(let bytes): meter.add(bytes)
            case .verifies(let bytes): meter.expect(bytes)
            case .note(let text): if isTold { Terminal.shared.print("  \(text)") }
            case .moved(let moved): if isTold { Self.tell(moved) }
            case .renamed(let torrent, _): if isTold { Terminal.shared.print("renamed \(torrent.name.printable)") }
            case .undone(let torrent, let folder):
                if isTold { Terminal.shared.print("\(torrent.name.printable) stays in \(folder.printable)") }
            case .inPlace(let count, let folder):
                if isTold {
                    Terminal.shared.print(
                        "\(Format.count(count, "torrent")) \(count == 1 ? "is" : "are") already in \(folder.printable)")
                }
            case .failed(let text): Terminal.shared.complain(text)
            }
        }
        do {
            try await drawing(meter) { try await move(library, stop, report) }
        } catch {
            guard stop.isRequested else { throw error }
            Terminal.shared.complain("\(error)")
            throw ExitStatus.interrupted
        }
    }

    /// Draws the meter until the work ends.
    private func drawing(_ meter: Meter, _ work: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(operation: { await meter.run() })
            try await work()
            group.cancelAll()
        }
    }

    private func move(
        _ library: Library, _ stop: VerificationStop, _ report: @escaping @Sendable (Library.MoveStep) -> Void
    ) async throws {
        let names = Array(arguments.dropLast())
        guard let folder = arguments.last, volume != nil || !names.isEmpty || !labels.names.isEmpty else {
            return _ = try await library.continueMoves(arguments, stop: stop, report: report)
        }
        let choice = volume.map { MoveChoice.volume($0) } ?? .torrents(TorrentChoice(names, labels: labels.names))
        if found {
            try await library.adoptMoved(choice, in: folder, stop: stop, report: report)
        } else {
            try await library.move(
                choice, to: folder, reserve: try global.settings.reserve, stop: stop, report: report)
        }
    }

    private static func tell(_ moved: Library.Moved) {
        let copied = moved.copiedBytes > 0 ? ", \(Format.bytes(moved.copiedBytes)) copied" : ""
        Terminal.shared.print(
            "moved \(moved.torrent.name.printable) to \(moved.target.printable): \(Format.count(moved.files, "file"))\(copied)"
        )
    }
}

/// `--quiet` for a command that has no other output option.
struct QuietOption: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print nothing but errors.") var quiet = false
}
