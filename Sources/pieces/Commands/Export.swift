import ArgumentParser
import Library
import Store
import SystemPackage
import Torrent

/// `pieces export`
struct Export: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a torrent's .torrent file, byte for byte as it was added.",
        discussion: """
            Examples:
              pieces export debian.iso debian.torrent
              pieces export debian.iso - | ssh mirror 'cat > debian.torrent'
            """)

    @OptionGroup var argument: TorrentArgument

    @Argument(
        help: ArgumentHelp("Output file, or `-` for standard output.", valueName: "file.torrent"),
        completion: .file(extensions: ["torrent"]))
    var file: String

    @Flag(help: "Overwrite an existing file.")
    var force = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    var answers: Bool { file == "-" }

    func run() async throws {
        let (torrent, bytes) = try Library(try global.openToLook()).torrentFile(of: argument.torrent)
        if file == "-" { return Terminal.shared.print(bytes: bytes) }
        try NewFile.write(bytes, to: FilePath(text: file), replacing: force)
        Terminal.shared.print("wrote \(file.printable)  \(torrent.name.printable), \(torrent.infoHash)")
    }
}
