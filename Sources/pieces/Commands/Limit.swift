import ArgumentParser
import Library
import Store
import Torrent

/// `pieces limit`
struct Limit: Command {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Set speed limits, seeding goals, super-seeding and write protection; without options, show them.",
        discussion: """
            Limits and goals are stored with the torrent and take precedence over the options of `pieces run`. --seed undoes \
            --no-seed, and resumes seeding after a goal was reached.

            Examples:
              pieces limit 3 --download 2M --upload 500K
              pieces limit 3 4 --download none --seed-ratio 1.5
              pieces limit 3
              pieces limit 3 --seed
              pieces limit --all --upload 1M
              pieces limit 3 --read-only on
            """)

    @OptionGroup var arguments: TorrentsOrAll

    @Option(
        help: ArgumentHelp("Maximum download rate in bytes per second (500K, 2M), or `none`.", valueName: "rate"),
        transform: Rate.init)
    var download: Rate?

    @Option(
        help: ArgumentHelp("Maximum upload rate in bytes per second (500K, 2M), or `none`.", valueName: "rate"),
        transform: Rate.init)
    var upload: Rate?

    @Option(
        help: ArgumentHelp("Maximum number of connections; `none` for the engine's default.", valueName: "n"),
        transform: CountLimit.init)
    var maxPeers: CountLimit?

    @Option(
        help: ArgumentHelp(
            "on: the files are checked and served, and never created, truncated, extended or written; off: they may be.",
            valueName: "on|off"))
    var readOnly: OnOff?

    @Flag(help: "Don't seed after completion.")
    var noSeed = false

    @OptionGroup(title: "Seeding options") var seeds: SeedOptions
    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func validate() throws {
        guard !(noSeed && seeds.goal != nil) else {
            throw ValidationError("give either --no-seed, or one of --seed, --seed-ratio and --seed-time")
        }
    }

    func run() async throws {
        let change = LimitChange(download: download, upload: upload, peers: maxPeers)
        let library = Library(try global.openToChange())
        let torrents = try library.limit(
            arguments.choice, change, seedGoal: noSeed ? SeedGoal.none : seeds.goal, superSeeds: seeds.superSeed,
            isReadOnly: readOnly.map { $0 == .on })
        for torrent in torrents where !reporting.quiet { tell(torrent) }
        arguments.reportNone(torrents.count, reporting, "there are no torrents")
    }

    private func tell(_ torrent: TorrentRow) {
        let limits = torrent.settings.limits
        if reporting.json { return Self.write(torrent) }
        let peers = limits.peers.map { Format.count($0, "peer") } ?? "peers: engine default"
        let rates = "download \(Format.limit(limits.download)), upload \(Format.limit(limits.upload))"
        Terminal.shared.print("\(torrent.id)  \(torrent.name.printable): \(rates), \(peers), \(Self.words(torrent))")
    }

    private static func write(_ torrent: TorrentRow) {
        let settings = torrent.settings
        ChangeJSON.print("limits", torrent) { json in
            json.field("download_limit", settings.limits.download)
            json.field("upload_limit", settings.limits.upload)
            json.field("max_peers", settings.limits.peers)
            json.field("seed_goal", settings.seedGoal.word)
            if let ratio = settings.seedGoal.ratio {
                json.field("seed_ratio", ratio)
            } else {
                json.field("seed_ratio", nil as Int?)
            }
            json.field("seed_seconds", settings.seedGoal.seconds)
            json.field("uploaded_bytes", torrent.uploadedBytes)
            json.field("seeding_seconds", torrent.seedTime.components.seconds)
            json.field("super_seed", settings.superSeeds)
            json.field("read_only", settings.isReadOnly)
        }
    }

    private static func words(_ torrent: TorrentRow) -> String {
        let way = torrent.settings.superSeeds.map { $0 ? ", super-seeds" : ", does not super-seed" } ?? ""
        return goal(of: torrent) + way + (torrent.settings.isReadOnly ? ", read-only" : "")
    }

    private static func goal(of torrent: TorrentRow) -> String {
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
