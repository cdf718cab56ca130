import ArgumentParser
import Library
import Store
import Torrent

/// `pieces webseeds`
struct WebSeeds: ListCommand {
    static let configuration = CommandConfiguration(
        commandName: "webseeds",
        abstract: "List a torrent's web seeds with their speed and what they lack; add or remove them.",
        discussion: """
            A web seed is an HTTP server that has the torrent's files (BEP 19). Those that the .torrent names are used \
            automatically. A running engine uses a change at once. Adding a known web seed again makes the engine forget what \
            the web seed lacked, and retry it.

            Examples:
              pieces webseeds debian.iso
              pieces webseeds 3 --add https://mirror.example.org/iso/
              pieces webseeds 3 --remove https://mirror.example.org/iso/
              pieces webseeds 3 --json
            """)

    @OptionGroup var options: ListOptions

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Add a web seed: the URL of the file, or of the folder that has the torrent's folder (repeatable).",
            valueName: "url"))
    var add: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("Remove a web seed (repeatable).", valueName: "url"))
    var remove: [String] = []

    /// A change is work, which counts even if the report can't be written.
    var answers: Bool { add.isEmpty && remove.isEmpty }

    func runDirectly() throws {
        if !answers {
            let library = Library(try global.openToChange())
            let change = try library.changeWebSeeds(of: argument.torrent, adding: add, removing: remove)
            for url in change.unknown {
                Terminal.shared.complain("\(change.torrent.name.printable) has no web seed \(url.shownURL)")
            }
            guard json else { return tell(change) }
            return try show(library)
        }
        try show(Library(try global.openToLook()))
    }

    private func tell(_ change: Library.WebSeedChange) {
        let name = change.torrent.name.printable
        for url in change.added { Terminal.shared.print("\(name): added the web seed \(url.shownURL)") }
        for url in change.again { Terminal.shared.print("\(name): the web seed \(url.shownURL) will be tried again") }
        for url in change.removed { Terminal.shared.print("\(name): removed the web seed \(url.shownURL)") }
    }

    private func show(_ library: Library) throws {
        let now = Timestamp.now()
        let list = try library.webSeeds(of: argument.torrent, now: now)
        Terminal.shared.print(bytes: json ? object(list) : Array(text(list, now).utf8))
    }

    private func text(_ list: Library.WebSeedList, _ now: Timestamp) -> String {
        guard !list.seeds.isEmpty else { return "the torrent has no web seeds\n" }
        var table = Table(
            [.left("URL"), .left("FROM"), .right("SPEED"), .right("BEST"), .right("GOT"), .left("VERDICT")],
            flexible: 5)
        for seed in list.seeds {
            table.add([
                seed.row.url.shownURL, seed.row.origin == .metainfo ? ".torrent" : seed.row.origin.rawValue,
                seed.currentRate > 0 ? Format.rate(seed.currentRate) : "",
                seed.row.rate > 0 ? Format.rate(seed.row.rate) : "", Format.bytes(seed.row.downloadedBytes),
                verdict(seed, now),
            ])
        }
        let width = Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil
        return table.text(width: width) + list.seeds.map { lacking($0) }.joined()
    }

    private func verdict(_ seed: Library.WebSeed, _ now: Timestamp) -> String {
        if let error = seed.row.lastError {
            guard let until = seed.row.restsUntil, until > now else { return error.printable }
            return "rests for \(Format.time(until - now)): \(error.printable)"
        }
        if !seed.lacking.isEmpty { return "lacks \(Format.count(seed.lacking.count, "file"))" }
        if seed.currentRate > 0 { return "in use" }
        return seed.row.lastUsedAt.map { "worked \(Format.moment($0))" } ?? "not used yet"
    }

    private func lacking(_ seed: Library.WebSeed) -> String {
        guard !seed.lacking.isEmpty else { return "" }
        let lines = seed.lacking.map { "  \($0.path.printable): \($0.reason.printable)\n" }
        return "\n\(seed.row.url.shownURL) can't deliver:\n" + lines.joined()
    }

    private func object(_ list: Library.WebSeedList) -> [UInt8] {
        JSONWriter.line { json in
            json.field("id", list.torrent.id.rawValue)
            json.field("info_hash", list.torrent.infoHash)
            json.field("name", list.torrent.name)
            json.array("web_seeds", list.seeds) { json, seed in
                json.object { json in
                    json.field("url", MaskedURL.text(seed.row.url))
                    json.field("origin", seed.row.origin.rawValue)
                    json.field("download_rate", seed.currentRate)
                    json.field("best_rate", seed.row.rate)
                    json.field("downloaded_bytes", seed.row.downloadedBytes)
                    json.field("failures", seed.row.failures)
                    json.field("last_error", seed.row.lastError)
                    json.field("rests_until", seed.isResting ? seed.row.restsUntil?.rawValue : nil)
                    json.field("last_used_at", seed.row.lastUsedAt?.rawValue)
                    json.array("files_lacking", seed.lacking) { json, file in
                        json.object { json in
                            json.field("index", file.index)
                            json.path("path", "path_bytes", file.path)
                            json.field("reason", file.reason)
                            json.field("at", file.at.rawValue)
                        }
                    }
                }
            }
        }
    }
}
