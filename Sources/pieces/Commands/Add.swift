import ArgumentParser
import Engine
import Net
import Store

/// `pieces add`
struct Add: Command {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Put torrents into the database; a running engine begins with them at once.",
        discussion: """
            A torrent that is in the database already is left as it is, but for the options that are given. New trackers of a \
            public torrent are added.

            Examples:
              pieces add alice.torrent bob.torrent --output ~/books
              pieces add https://example.org/debian.torrent --paused
            """)

    @Argument(help: ArgumentHelp("A .torrent file or an http(s) URL of one.", valueName: "source"), completion: .file(extensions: ["torrent"]))
    var sources: [String]

    @Flag(help: "Don't begin before `pieces resume`.")
    var paused = false

    @OptionGroup(title: "Torrent options") var torrent: TorrentOptions
    @OptionGroup(title: "Seeding options") var seeds: SeedOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let sources = try sources.map { try TorrentSource($0) }
        let (torrents, failed) = await sources.readAll(HTTPOptions(version: Program.version))
        var hasRefused = false
        if !torrents.isEmpty {
            let connection = try global.openToAdd()
            var arrival = Arrival(connection, torrent.wishes)
            arrival.isPaused = paused
            arrival.seedGoal = seeds.goal
            var text = ""
            let entries = try await arrival.add(torrents) { reason in
                Terminal.shared.complain(reason)
                hasRefused = true
            }
            for entry in entries {
                let name = entry.name.printable
                let news = entry.trackers?.sentence.map { "; \($0)" } ?? ""
                text += entry.isNew ? "added \(entry.id)  \(name)\n" : "\(entry.id)  \(name) is here already\(news)\n"
            }
            Terminal.shared.print(bytes: Array(text.utf8))
        }
        // What was wrong with the others was said when they were read.
        guard failed == 0, !hasRefused else { throw ExitStatus.failed }
    }
}
