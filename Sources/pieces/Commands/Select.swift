import ArgumentParser
import Engine
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

    @Argument(help: ArgumentHelp("Globs, numbers, or ranges of numbers.", valueName: "glob|index"))
    var patterns: [String] = []

    @Flag(help: "Select all files.")
    var all = false

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        guard all != !patterns.isEmpty else {
            throw ValidationError("give either patterns for the files to download, or --all")
        }
    }

    func run() async throws {
        let connection = try global.openToChange()
        let torrent = try StoredTorrent(try connection.findTorrent(argument.torrent), connection)
        let selection = try selection(of: torrent.metainfo)
        try await SelectionChange(connection: connection).apply(selection, to: torrent)
        let engine = try EngineState(database: try global.path, connection)
        guard let row = try connection.torrent(torrent.row.id) else {
            throw Failure("torrent \(torrent.row.id) was removed in the meantime")
        }
        if !engine.isRunning, !row.settings.isPaused { try connection.settleAtRest(row.id) }
        try connection.appendIntent(.changed, torrent: row.id, now: .now())
        let files = Format.count(selection.wanted.count { $0 }, "file")
        let part = "\(Format.bytes(row.completedBytes)) of \(Format.bytes(row.wantedBytes))"
        Terminal.shared.print("\(row.id)  \(row.name.printable): \(files) selected, \(part) on disk")
    }

    private func selection(of metainfo: Metainfo) throws -> FileSelection {
        guard !all else { return FileSelection(all: metainfo.layout) }
        do throws(SelectionError) {
            return try FileSelection(layout: metainfo.layout, patterns: patterns)
        } catch {
            throw Failure.usage("\(metainfo.name.printable): \("\(error)".printable)")
        }
    }
}
