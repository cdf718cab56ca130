import ArgumentParser
import Library
import Store
import Torrent

/// `pieces limit`
struct Limit: Command {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Limit how fast torrents are, and how long they seed; without options, show the limits.",
        discussion: """
            Examples:
              pieces limit 3 --download 2M --upload 500K
              pieces limit 3 4 --download none --seed-ratio 1.5
              pieces limit 3
              pieces limit 3 --seed

            What is set here stays with the torrent and goes before the options of `pieces run`. --seed undoes --no-seed and a goal that is reached.
            """)

    @OptionGroup var arguments: TorrentArguments

    @Option(
        help: ArgumentHelp("Bytes a second, as 500K or 2M; `none` for no limit.", valueName: "rate"),
        transform: Rate.init)
    var download: Rate?

    @Option(
        help: ArgumentHelp("Bytes a second, as 500K or 2M; `none` for no limit.", valueName: "rate"),
        transform: Rate.init)
    var upload: Rate?

    @Option(
        help: ArgumentHelp("Connections; `none` for the engine's own number.", valueName: "n"),
        transform: CountLimit.init)
    var maxPeers: CountLimit?

    @Flag(help: "Don't seed when complete.")
    var noSeed = false

    @OptionGroup(title: "Seeding options") var seeds: SeedOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        guard !(noSeed && seeds.goal != nil) else {
            throw ValidationError("give either --no-seed or for how long to seed")
        }
    }

    func run() async throws {
        let change = LimitChange(download: download, upload: upload, peers: maxPeers)
        let library = Library(try global.openToChange())
        for torrent in try library.limit(arguments.torrents, change, seedGoal: noSeed ? SeedGoal.none : seeds.goal) {
            tell(torrent)
        }
    }

    private func tell(_ torrent: TorrentRow) {
        let limits = torrent.settings.limits
        let peers = limits.peers.map { Format.count($0, "peer") } ?? "peers: engine default"
        let rates = "download \(Format.limit(limits.download)), upload \(Format.limit(limits.upload))"
        Terminal.shared.print("\(torrent.id)  \(torrent.name.printable): \(rates), \(peers), \(Self.words(torrent))")
    }

    private static func words(_ torrent: TorrentRow) -> String {
        switch torrent.settings.seedGoal {
        case .standard: "seeding: engine default"
        case .none: "does not seed (undo with --seed)"
        case .forever: "seeds until stopped"
        case .ratio(let ratio):
            "seeds to a ratio of \(Format.decimal(ratio, places: 2))"
                + (torrent.uploadedBytes > 0 ? ", \(Format.decimal(torrent.ratio, places: 2)) so far" : "")
        case .time(let time):
            "seeds for \(Format.time(time))"
                + (torrent.seedTime >= .seconds(1) ? ", \(Format.time(torrent.seedTime)) so far" : "")
        }
    }
}
