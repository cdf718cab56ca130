import ArgumentParser
import Library
import Store
import Torrent

/// `pieces queue`
struct Queue: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Show the order in which torrents download, or change it.",
        discussion: """
            The engine gives a free download slot to the first torrent of the queue that waits for one. A running engine uses a \
            changed order for the next free slot, and takes no slot from a torrent that downloads. A torrent that is added later \
            comes last.

            A torrent that makes no progress doesn't block others: while others wait, it gives up its slot after a minute \
            without data (10 seconds without any peer), or after 10 minutes below 2 KiB/s. How many download at once is an \
            option of the engine: --max-downloads, --max-seeds, --max-checks and --max-active.

            Examples:
              pieces queue
              pieces queue debian.iso top
              pieces queue 3 4 down
              pieces queue --label urgent top

            --json prints one object: {"torrents": [{"place", "id", "name", "state", "active", "reason", "total_bytes", \
            "completed_bytes"}]}. `reason` says why the torrent doesn't download, and is null if it does.
            """)

    @Argument(
        help: ArgumentHelp(
            "Torrents, and last where they move to: top, up, down or bottom. Default: show the queue.",
            valueName: "torrent|top|up|down|bottom"),
        completion: TorrentCompletion.torrents(and: Library.QueueMove.allCases.map(\.rawValue)))
    var arguments: [String] = []

    @OptionGroup var labels: LabelOptions
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    /// A change of the order is work, which counts even if the report can't be written.
    var answers: Bool { arguments.isEmpty }

    func validate() throws {
        let isNamed = arguments.count > 1 || !labels.names.isEmpty
        guard arguments.isEmpty || (isNamed && move != nil) else {
            let words = Library.QueueMove.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("give torrents, and last one of: \(words)")
        }
    }

    private var move: Library.QueueMove? { arguments.last.flatMap { Library.QueueMove(rawValue: $0) } }

    func run() async throws {
        guard let move else { return try show(Library(try global.openToLook())) }
        let library = Library(try global.openToChange())
        for torrent in try library.moveInQueue(
            TorrentChoice(Array(arguments.dropLast()), labels: labels.names), move)
        {
            let state = torrent.settings.isPaused ? "paused" : "complete"
            Terminal.shared.complain("\(torrent.name.printable) is \(state), so it is not in the queue")
        }
        try show(library)
    }

    private func show(_ library: Library) throws {
        let queue = try library.queue(labels: labels.names)
        guard !json else {
            return Terminal.shared.print(
                bytes: JSONWriter.line { json in
                    json.array("torrents", queue) { json, entry in
                        json.object { json in
                            json.field("place", entry.place)
                            json.field("id", entry.torrent.id.rawValue)
                            json.field("name", entry.torrent.name)
                            json.field("state", entry.state.rawValue)
                            json.field("active", entry.isActive)
                            json.field("reason", entry.reason)
                            json.field(
                                "total_bytes", entry.state == .metadata ? nil : entry.torrent.wantedBytes as Int64?)
                            json.field("completed_bytes", entry.torrent.completedBytes)
                        }
                    }
                })
        }
        guard !queue.isEmpty else {
            let which = labels.names.isEmpty ? "nothing" : "nothing with \(labels.words)"
            return Terminal.shared.print("\(which) waits to be downloaded")
        }
        var table = Table(
            [.right("#"), .right("ID"), .left("NAME"), .right("DONE"), .left("STATE"), .left("WHY")], flexible: 2)
        for entry in queue {
            table.cell("\(entry.place)")
            table.cell("\(entry.torrent.id)")
            table.cell(entry.torrent.name.printable)
            table.cell(
                entry.state == .metadata
                    ? "" : Format.percent(entry.torrent.completedBytes, of: entry.torrent.wantedBytes))
            table.cell(entry.word)
            table.cell((entry.reason ?? "").printable)
        }
        Terminal.shared.print(
            parts: table.parts(width: Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil))
    }
}
