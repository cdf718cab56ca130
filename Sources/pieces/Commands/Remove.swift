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
            torrent neither created nor found to match, and a file that another torrent uses.

            Examples:
              pieces remove 3
              pieces remove debian.iso --delete-data
            """)

    @OptionGroup var arguments: TorrentArguments

    @Flag(help: "Also delete the downloaded files.")
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
