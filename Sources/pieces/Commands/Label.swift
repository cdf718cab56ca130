import ArgumentParser
import Library
import Store
import Torrent

/// `pieces label`
struct Label: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "label",
        abstract: "Give labels to torrents or take them away; without a change, show them.",
        discussion: """
            A torrent may have several labels. `status`, `queue`, `limit`, `move`, `pause`, `resume`, `remove`, \
            `verify` and `manifest` choose torrents by them with --label.

            Examples:
              pieces label 3 4 +archive +books
              pieces label debian.iso -books
              pieces label --label archive +cold
              pieces label 3
              pieces label

            --json prints one object per line, for each torrent or, without torrents, for each label.
            """)

    @Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp(
            "Torrents, and +NAME or -NAME for each label that they get or lose. Default: list all labels.",
            valueName: "torrent|+name|-name"),
        completion: TorrentCompletion.torrents)
    var words: [String] = []

    @OptionGroup var labels: LabelOptions
    @Flag(help: "Print JSON, one object per line; see `pieces help json`.") var json = false
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    /// A change is work, which counts even if the report can't be written.
    var answers: Bool { !words.contains { $0.hasPrefix("+") || $0.hasPrefix("-") } }

    func run() async throws {
        var change = Library.LabelChange()
        var torrents: [String] = []
        for word in words {
            guard !word.hasPrefix("--") else {
                throw Failure.usage("“\(word.printable)” is not an option: a label to remove is -NAME, with one dash")
            }
            if try !change.add(word) { torrents.append(word) }
        }
        guard !torrents.isEmpty || !labels.names.isEmpty else {
            guard change.isEmpty else { throw Failure.usage("name the torrents that get or lose the labels") }
            return try list()
        }
        let library = Library(try change.isEmpty ? global.openToLook() : global.openToChange())
        for one in try library.label(TorrentChoice(torrents, labels: labels.names), change) { tell(one) }
    }

    private func tell(_ one: Library.Labelled) {
        guard !json else {
            return ChangeJSON.print("labels", one.torrent) { $0.strings("labels", one.labels) }
        }
        let names = one.labels.isEmpty ? "no labels" : one.labels.joined(separator: ", ").printable
        Terminal.shared.print("\(one.torrent.id)  \(one.torrent.name.printable): \(names)")
    }

    private func list() throws {
        let counts = try Library(try global.openToLook()).labels()
        guard !json else {
            for label in counts {
                Terminal.shared.print(
                    bytes: JSONWriter.line { json in
                        json.field("label", label.name)
                        json.field("torrents", label.torrents)
                        json.field("wanted_bytes", label.bytes)
                    })
            }
            return
        }
        guard !counts.isEmpty else {
            return Terminal.shared.print("there are no labels: `pieces label TORRENT +NAME` makes one")
        }
        var table = Table([.left("LABEL"), .right("TORRENTS"), .right("SIZE")], flexible: 0)
        for label in counts {
            table.add([label.name.printable, Format.count(label.torrents), Format.bytes(label.bytes)])
        }
        Terminal.shared.print(
            bytes: Array(
                table.text(width: Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil).utf8))
    }
}
