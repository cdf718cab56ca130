import ArgumentParser
import Import
import Library
import Store
import Torrent
import Verification

/// `pieces import`
struct ImportCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take over the torrents of another client, and hash what they have.",
        discussion: """
            Reads the state of qBittorrent, Transmission, rTorrent, Deluge, aria2 or libtorrent, and changes nothing \
            there. Without a folder, it looks in the clients' usual ones. Torrents, folders, other file names, \
            selection, paused state, labels, trackers, web seeds, limits, seeding goals, counters, dates and peers are \
            carried over; each torrent's line says what is not. A torrent that the database already has stays as it \
            is. Stop the other client first.

            What the other client says it has only decides the order: every piece is hashed before it counts. A \
            running engine does that itself, and uploads each piece as soon as it is verified. Otherwise this command \
            hashes the payload, all disks side by side, and says when it will be done; if it is interrupted, the same \
            command or `pieces run` continues. A wrong piece that the other client counted as complete is reported as \
            damage, and downloaded again.

            If the other client has some of a torrent but none of its files is found, the torrent is imported paused, \
            because its disk may not be mounted. Give the new place of moved folders with --map, or after the import with \
            `pieces move TORRENT DIR --found`.

            Examples:
              pieces import --dry-run
              pieces import --from qbittorrent
              pieces import ~/old-disk/.config/transmission --map /downloads=/mnt/big
              pieces import --report

            Exit codes: 0 imported, and everything hashed is good; 1 something could not be imported or read; 2 damage was \
            found; 64 wrong usage; 130 interrupted.
            """)

    @Argument(
        help: ArgumentHelp(
            "Folder in which the client keeps its state, or aria2's session file. Default: the usual folders.",
            valueName: "folder"), completion: .directory)
    var folder: String?

    @Option(
        help: "Client: qbittorrent, transmission, rtorrent, deluge, aria2 or libtorrent. Default: as the files show.")
    var from: ForeignClient?

    @Option(
        name: .customLong("map"), parsing: .singleValue,
        help: ArgumentHelp("A folder of the other client, and its path here; may be repeated.", valueName: "old=new"))
    var maps: [String] = []

    @Option(
        help: ArgumentHelp("Folder with .torrent files, for clients that don't keep them (aria2).", valueName: "dir"),
        completion: .directory)
    var torrents: String?

    @Flag(help: "Only show what would be imported.")
    var dryRun = false

    @Flag(help: "Only show what became of earlier imports: hashed, wrong, missing, and when the rest is done.")
    var report = false

    @Flag(help: "Only add the torrents. `pieces run`, or the same command without this flag, hashes them.")
    var noHash = false

    @Flag(help: "Import although the other client seems to run. Its last changes may be missing.")
    var whileRunning = false

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func validate() throws {
        guard !report || (folder == nil && from == nil && maps.isEmpty && torrents == nil && !dryRun && !noHash) else {
            throw ValidationError("--report shows earlier imports, and takes no folder, client or other option")
        }
    }

    func run() async throws {
        if report { return try showReport() }
        var options = ImportOptions(map: try PathMap(maps))
        (options.client, options.folder, options.torrents, options.mayRun) = (from, folder, torrents, whileRunning)
        if dryRun {
            let survey = try ImportSurvey(options, try global.openToRead().map { Library($0) })
            return try tell(survey)
        }
        // Errors in the arguments must be found before a database is created.
        var survey = try ImportSurvey(options, try global.openToRead().map { Library($0) })
        let library = Library(try global.openToAdd())
        let stop = VerificationStop()
        try Interruption.catchFirst { stop.request() }
        try library.importTorrents(of: &survey, stop: stop)
        var status = try result { try tell(survey) }
        guard !stop.isRequested else { throw ExitStatus.interrupted }
        if !noHash, let found = try await hash(library, stop) { status = found }
        guard status == .done else { throw status }
    }

    private func result(_ body: () throws -> Void) throws -> ExitStatus {
        do { try body() } catch let status as ExitStatus { return status }
        return .done
    }

    // MARK: What is imported

    /// Prints the survey, and throws if something can't be imported.
    private func tell(_ survey: ImportSurvey) throws {
        for note in survey.notes { Terminal.shared.complain(note) }
        var refused = 0
        for item in survey.items {
            if case .refused(let reason) = item.verdict {
                refused += 1
                Terminal.shared.complain("\(item.name.printable): \(reason)")
            } else if reporting.json {
                print(json: item)
            } else if !reporting.quiet {
                Terminal.shared.print(line(item))
            }
        }
        if !reporting.json, !reporting.quiet { Terminal.shared.print(summary(survey, refused)) }
        guard refused == 0 else { throw ExitStatus.failed }
    }

    private func line(_ item: ImportItem) -> String {
        var text =
            switch item.verdict {
            case .known(let id): "\(id)  \(item.name.printable) is already in the database"
            case .new, .magnet, .refused:
                (item.id.map { "imported \($0)  " } ?? (dryRun ? "would import  " : "not imported  "))
                    + "\(item.name.printable) in \(item.output.printable)"
            }
        if case .known = item.verdict { return text }
        if item.isPaused { text += ", paused" }
        if let omission = item.omission { text += "; not carried over: \(omission.printable)" }
        if let note = item.note { text += "\n  \(note)" }
        return text
    }

    private func summary(_ survey: ImportSurvey, _ refused: Int) -> String {
        let from = survey.places.map { "\($0.client.title) (\($0.path.text.printable))" }.joined(separator: ", ")
        let new = survey.items.count { item in
            dryRun ? [.new, .magnet].contains(item.verdict) : item.id != nil
        }
        let known = survey.count { if case .known = $0 { true } else { false } }
        var parts = ["\(Format.count(new, "torrent")) \(dryRun ? "would be imported" : "imported") from \(from)"]
        if known > 0 { parts.append("\(Format.count(known)) already known") }
        if refused > 0 { parts.append("\(Format.count(refused)) refused") }
        if survey.bytes > 0 { parts.append("\(Format.bytes(survey.bytes)) to hash") }
        return parts.joined(separator: ", ")
    }

    private func print(json item: ImportItem) {
        let event =
            switch item.verdict {
            case .known: "known"
            case .new, .magnet, .refused: item.id == nil ? "found" : "imported"
            }
        var id = item.id
        if case .known(let known) = item.verdict { id = known }
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.field("event", event)
                json.field("id", id?.rawValue)
                json.field("info_hash", item.infoHash)
                json.field("name", item.name)
                json.field("client", item.client.rawValue)
                json.path("output", "output_bytes", item.output)
                json.field("paused", item.isPaused)
                json.field("bytes", item.bytes)
                json.field("not_carried_over", item.omission)
                json.field("note", item.note)
            })
    }

    // MARK: Hashing

    /// Hashes what was imported, and returns the exit status; `nil` if nothing is to be done here.
    private func hash(_ library: Library, _ stop: VerificationStop) async throws -> ExitStatus? {
        let plan = try library.planImportHashing()
        let isTold = !reporting.quiet && !reporting.json
        if plan.leftToEngine > 0, isTold {
            Terminal.shared.print(
                "the engine hashes \(Format.count(plan.leftToEngine, "torrent")), and uploads what is verified: `pieces import --report` shows how far it is"
            )
        }
        if plan.absent > 0, isTold {
            Terminal.shared.print("\(Format.count(plan.absent, "torrent")) not hashed: none of the files was found")
        }
        guard plan.torrents > 0 else { return nil }
        let before = try library.importReport()?.sum
        let meter = Meter("hashed", total: plan.totalBytes, style: isTold ? .shown : .silent)
        let pace = VerificationPace()
        let clock = ImportClock(pace: pace, isTold: isTold)
        let (isJSON, isQuiet) = (reporting.json, reporting.quiet)
        let summary = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(operation: { await meter.run() })
            group.addTask(operation: { await clock.run() })
            defer { group.cancelAll() }
            return try await library.hash(plan, stop: stop, pace: pace) { event in
                if case .verified(let result) = event { Self.tell(result, isJSON, isQuiet) }
                meter.take(event)
            }
        }
        guard let report = try library.importReport() else { return nil }
        let isDamaged = report.sum.wrongPieces > before?.wrongPieces ?? 0
        if isTold {
            let time = Format.measured(summary.time)
            Terminal.shared.print("hashed \(Format.bytes(summary.bytes)) in \(time)\n\(Self.text(of: report))")
        } else if reporting.json {
            Self.print(json: report)
        }
        if summary.isInterrupted { return .interrupted }
        return isDamaged ? .incomplete : summary.failed > 0 ? .failed : nil
    }

    /// Prints a torrent that was hashed, if something is to be said of it.
    private static func tell(_ result: VerificationResult, _ isJSON: Bool, _ isQuiet: Bool) {
        let name = result.torrent.row.name.printable
        switch result.outcome {
        case .offline(let reason): return Terminal.shared.complain("\(name) is offline: \(reason)")
        case .failed(let reason): return Terminal.shared.complain("\(name): \(reason)")
        case .verified, .nothingThere, .interrupted: break
        }
        if isJSON {
            return ChangeJSON.print("hashed", result.torrent.row) { json in
                json.field("good", result.good)
                json.field("bad", result.bad)
                json.field("missing", result.missing)
            }
        }
        guard !isQuiet, result.bad > 0 else { return }
        Terminal.shared.print(
            "\(name): \(Format.count(result.good)) of \(Format.count(result.checked, "piece")) good, \(Format.count(result.bad)) bad, \(Format.count(result.missing)) missing"
        )
    }

    // MARK: The report

    private func showReport() throws {
        guard let report = try Library(try global.openToLook()).importReport() else {
            if !reporting.quiet, !reporting.json { Terminal.shared.print("nothing was imported yet") }
            return
        }
        if reporting.json {
            Self.print(json: report)
        } else if !reporting.quiet {
            Terminal.shared.print(Self.text(of: report))
        }
        // Damage stands until its pieces were downloaded again.
        guard !report.damaged.contains(where: { $0.result.wrongPieces > 0 && !$0.torrent.isComplete }) else {
            throw ExitStatus.incomplete
        }
    }

    private static func text(of report: Library.ImportReport) -> String {
        let sum = report.sum
        let waiting = sum.unhashed - report.absent - report.awaitedCount
        var parts = ["\(Format.count(sum.torrents - sum.unhashed)) hashed"]
        if waiting > 0 {
            parts.append(
                "\(Format.count(waiting)) to be hashed (\(Format.bytes(sum.unhashedBytes)))"
                    + (report.end.map { ", which ends about \(Format.moment($0))" } ?? ""))
        }
        if report.absent > 0 {
            parts.append("\(Format.count(report.absent)) \(report.absent == 1 ? "has" : "have") no files here")
        }
        if report.awaitedCount > 0 {
            parts.append("\(Format.count(report.awaitedCount)) without metadata")
        }
        var lines = ["\(Format.count(sum.torrents, "torrent")) imported: \(parts.joined(separator: ", "))"]
        lines.append(
            sum.wrongPieces == 0
                ? "no damage was found in what the other client counted as complete"
                : "\(Format.count(sum.wrongPieces, "piece")) in \(Format.count(sum.damagedTorrents, "torrent")) \(sum.wrongPieces == 1 ? "is" : "are") damaged, although the other client counted \(sum.wrongPieces == 1 ? "it" : "them") as complete; `pieces run` downloads \(sum.wrongPieces == 1 ? "it" : "them") again"
        )
        if sum.missingPieces > 0 {
            lines.append(
                "\(Format.count(sum.missingPieces, "piece")) that the other client counted as complete \(sum.missingPieces == 1 ? "isn't" : "aren't") there"
            )
        }
        for torrent in report.awaited {
            lines.append(
                "  \(torrent.id)  \(torrent.name.printable): its .torrent is missing, and its metadata is fetched from peers"
            )
        }
        for (torrent, result) in report.damaged {
            lines.append(
                "  \(torrent.id)  \(torrent.name.printable): \(Format.count(result.wrongPieces)) wrong, \(Format.count(result.missingPieces)) missing"
                    + (torrent.isComplete ? ", complete again" : ""))
        }
        return lines.joined(separator: "\n")
    }

    private static func print(json report: Library.ImportReport) {
        Terminal.shared.print(
            bytes: JSONWriter.line { json in
                json.field("event", "import_report")
                json.field("torrents", report.sum.torrents)
                json.field("unhashed", report.sum.unhashed)
                json.field("absent", report.absent)
                json.field("awaiting_metadata", report.awaitedCount)
                json.field("hashed_bytes", report.sum.hashedBytes)
                json.field("unhashed_bytes", report.sum.unhashedBytes)
                json.field("wrong_pieces", report.sum.wrongPieces)
                json.field("missing_pieces", report.sum.missingPieces)
                json.field("ends_at", report.end?.rawValue)
                json.array("damaged", report.damaged) { json, entry in
                    json.object { json in
                        json.field("id", entry.torrent.id.rawValue)
                        json.field("info_hash", entry.torrent.infoHash)
                        json.field("name", entry.torrent.name)
                        json.field("client", entry.result.client)
                        json.field("claimed_pieces", entry.result.claimedPieces)
                        json.field("wrong_pieces", entry.result.wrongPieces)
                        json.field("missing_pieces", entry.result.missingPieces)
                        json.field("complete", entry.torrent.isComplete)
                    }
                }
            })
    }
}

extension ForeignClient: ExpressibleByArgument {}

/// Prints when a long hashing ends: soon after its start, and again when that time has changed.
private struct ImportClock {
    private static let first = Duration.seconds(10)
    private static let interval = Duration.seconds(60)
    /// The change of that time from which it is printed again.
    private static let news = Duration.seconds(900)

    let pace: VerificationPace
    let isTold: Bool

    /// Prints until the task is cancelled.
    func run() async {
        guard isTold else { return }
        var told: Timestamp?
        var pause = Self.first
        while true {
            do { try await Task.sleep(for: pause) } catch { return }
            pause = Self.interval
            guard let left = pace.left(), left > Self.interval else { continue }
            let end = Timestamp.now() + left
            if let told, end - told < Self.news, told - end < Self.news { continue }
            told = end
            Terminal.shared.print("hashing will be done about \(Format.moment(end)), in \(Format.time(left))")
        }
    }
}
