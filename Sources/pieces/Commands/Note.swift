import ArgumentParser
import Library
import Store
import Torrent

/// `pieces note`
struct Note: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "note",
        abstract: "Write a note about a torrent, or show it.",
        discussion: """
            The note is in the database alone. It is part of `pieces status --json` and of the view v1_note.

            Examples:
              pieces note 3 'from the estate of A. Smith, box 12'
              pieces note 3
              pieces note 3 --clear
            """)

    @OptionGroup var argument: TorrentArgument
    @Argument(help: ArgumentHelp("The new text. Default: show the note.", valueName: "text"))
    var text: String?

    @Flag(help: "Delete the note.") var clear = false
    @Flag(help: "Print JSON; see `pieces help json`.") var json = false
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    var answers: Bool { text == nil && !clear }

    func validate() throws {
        guard !clear || text == nil else { throw ValidationError("give either a text, or --clear") }
    }

    func run() async throws {
        if !answers {
            let library = Library(try global.openToChange())
            let torrents = try library.setNote([argument.torrent], text ?? "")
            if json { for torrent in torrents { try show(library, "\(torrent.id)") } }
            return
        }
        try show(Library(try global.openToLook()), argument.torrent)
    }

    private func show(_ library: Library, _ name: String) throws {
        let (torrent, note) = try library.note(of: name)
        guard !json else {
            return ChangeJSON.print("note", torrent) { json in
                json.field("note", note?.text)
                json.field("at", note?.at.rawValue)
            }
        }
        guard let note else {
            return Terminal.shared.hint("there is no note about \(torrent.name.printable)")
        }
        for line in note.text.split(separator: "\n", omittingEmptySubsequences: false) {
            Terminal.shared.print(String(line).printable)
        }
    }
}
