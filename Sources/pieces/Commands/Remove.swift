import ArgumentParser
import Library
import Store
import Torrent

/// `pieces remove`
struct Remove: Command {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Forget torrents; their files stay unless --delete-data is given.",
        discussion: """
            With --delete-data the torrent's own files are deleted, and the folders that they leave empty. A file at one of its paths that the torrent \
            neither created nor found to match stays, and so does one that another torrent uses.

            Examples:
              pieces remove 3
              pieces remove debian.iso --delete-data
            """)

    @OptionGroup var arguments: TorrentArguments

    @Flag(help: "Delete the downloaded files too.")
    var deleteData = false

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let library = Library(try global.openToChange())
        try await library.remove(arguments.torrents, deletingData: deleteData) { step in
            switch step {
            case .removed(let torrent, let files): tell(torrent, files: files)
            case .kept(let text): Terminal.shared.print("  \(text.printable)")
            }
        }
    }

    private func tell(_ torrent: TorrentRow, files: Int?) {
        Terminal.shared.print(
            "removed \(torrent.id)  \(torrent.name.printable)\(files.map { ", \(Format.count($0, "file")) deleted" } ?? "")"
        )
    }
}
