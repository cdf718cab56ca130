import ArgumentParser
import Library
import Store
import Torrent

/// `pieces add`
struct Add: DirectCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add torrents to the database. A running engine starts them at once.",
        discussion: """
            A torrent that is already in the database keeps its settings, except for the options given here. New trackers of a \
            public torrent are added.

            A magnet link has only the torrent's hash and where to find peers. The engine fetches the metadata (names, sizes \
            and hashes of the files) from peers, and then the files. With --paused it fetches only the metadata, so that \
            `pieces files` and `pieces select` can be used before the download. Put the link in quotes.

            Examples:
              pieces add alice.torrent bob.torrent --output ~/books
              pieces add https://example.org/debian.torrent --paused
              pieces add 'magnet:?xt=urn:btih:…&tr=…' --paused
            """)

    @Argument(
        help: ArgumentHelp("A .torrent file, its http(s) URL, or a magnet link.", valueName: "source"),
        completion: .file(extensions: ["torrent"]))
    var sources: [String]

    @Flag(help: "Don't start before `pieces resume`.")
    var paused = false

    @OptionGroup(title: "Torrent options") var torrent: TorrentOptions
    @OptionGroup(title: "Seeding options") var seeds: SeedOptions
    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    var waits: Bool { !torrent.select.isEmpty || sources.contains { TorrentSource.isURL($0) } }

    func runDirectly() throws {
        let read = try sources.map { try TorrentSource($0) }.readFiles {
            Terminal.shared.complain($0)
        }
        var report = Report(failed: read.failed)
        if !read.isEmpty {
            let request = try addRequest()
            if !read.torrents.isEmpty { report.entries = try request.put(read.torrents) { report.refuse($0) }.entries }
            report.entries += try request.put(magnets: read.magnets).entries
        }
        try end(report)
    }

    func run() async throws {
        let read = await (try sources.map { try TorrentSource($0) }).readAll {
            Terminal.shared.complain($0)
        }
        var report = Report(failed: read.failed)
        if !read.isEmpty {
            let request = try addRequest()
            if !read.torrents.isEmpty { report.entries = try await request.add(read.torrents) { report.refuse($0) } }
            report.entries += try await request.add(magnets: read.magnets)
        }
        try end(report)
    }

    private func addRequest() throws -> AddRequest {
        let connection = try global.openToAdd()
        var settings = try global.fileSettings
        try settings.add(connection)
        var addRequest = AddRequest(Library(connection), torrent.options(settings, superSeeds: seeds.superSeed))
        addRequest.isPaused = paused
        addRequest.seedGoal = seeds.goal
        return addRequest
    }

    /// Collects the results for the sources.
    private struct Report {
        /// The number of sources that couldn't be read; the errors were already reported.
        let failed: Int
        var entries: [AddRequest.Entry] = []
        private var hasRefused = false

        init(failed: Int) { self.failed = failed }

        mutating func refuse(_ reason: String) {
            Terminal.shared.complain(reason)
            hasRefused = true
        }

        var isComplete: Bool { failed == 0 && !hasRefused }

        var text: String {
            entries.reduce(into: "") { text, entry in
                let name = entry.name.printable
                let news = entry.trackers?.sentence.map { "; \($0)" } ?? ""
                text +=
                    entry.isNew
                    ? "added \(entry.id)  \(name)\n" : "\(entry.id)  \(name) is already in the database\(news)\n"
            }
        }
    }

    private func end(_ report: Report) throws {
        if reporting.json {
            if !report.entries.isEmpty { try write(report.entries) }
        } else if !reporting.quiet {
            Terminal.shared.print(bytes: Array(report.text.utf8))
        }
        guard report.isComplete else { throw ExitStatus.failed }
    }

    private func write(_ entries: [AddRequest.Entry]) throws {
        let connection = try global.openToLook()
        for entry in entries {
            guard let torrent = try connection.torrents.row(entry.id) else { continue }
            ChangeJSON.print(entry.isNew ? "added" : "known", torrent) { json in
                json.field("state", torrent.state.rawValue)
                json.path("output", "output_bytes", torrent.output)
                json.field("total_bytes", torrent.hasMetadata ? torrent.totalBytes as Int64? : nil)
                json.field("trackers_added", entry.trackers?.added ?? 0)
                json.field("note", entry.trackers?.sentence)
            }
        }
    }
}
