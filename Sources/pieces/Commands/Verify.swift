import ArgumentParser
import Engine
import Library
import Store
import SystemPackage
import Torrent
import Verification

/// `pieces verify`
struct Verify: Command {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check the files on disk against their hashes, or adopt files from elsewhere.",
        discussion: """
            Hashes the pieces that the database records as present, and files that have not been checked yet. Works with or \
            without a running engine. Damaged and missing pieces are recorded, and the next run downloads them again, but \
            for those in a file that another program changed: they are kept until `pieces repair --overwrite-edits`. An \
            interrupted verification can be resumed within a day.

            A torrent whose disk is not mounted is offline: its missing files mean nothing, and its records stay as they are. If \
            you moved the payload to another disk on purpose, use --relocated: pieces that are not found there count as lost. \
            That is refused while none of the torrent's files is there.

            When a bad piece spans several files, the file that is missing or was changed outside is blamed, and the state of the \
            others is “shares”. If none was changed, the state is “unknown”: one of them has rotted, but the hash can't tell which.

            A second verification of the same torrent waits for the first, and skips what it has verified.

            With --output the arguments are .torrent files, and the command checks whether their payload is in that folder. A \
            torrent whose payload is complete is added to the database. Otherwise nothing is added or changed, unless --adopt is \
            given: then the torrent is added with its good pieces, and the next run downloads the rest into that folder.

            Examples:
              pieces verify
              pieces verify debian.iso 3
              pieces verify debian.iso --relocated
              pieces verify series.torrent --output /mnt/old-disk
              pieces verify series.torrent --output /mnt/old-disk --adopt

            Exit codes: 0 everything is good; 1 something could not be read, or is offline; 2 damaged or missing pieces; \
            64 wrong usage; 130 interrupted.
            """)

    @Argument(
        help: ArgumentHelp("Torrents, or .torrent files. Default: all torrents.", valueName: "torrent|file.torrent"),
        completion: TorrentCompletion.torrentsAndFiles)
    var torrents: [String] = []

    @Flag(help: "All torrents in the database, as without arguments.")
    var all = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Folder that contains the payload of the .torrent files.", valueName: "dir"),
        completion: .directory)
    var output: String?

    @OptionGroup var labels: LabelOptions

    @Flag(
        name: .customLong("sha256"),
        help: "Also compute the SHA-256 of whole files in the same pass, for `pieces manifest`.")
    var sha256 = false

    @Flag(help: "Start over instead of resuming an interrupted verification.")
    var restart = false

    @Flag(
        help: "The payload was moved to another disk: check what is there, and count the rest as lost.")
    var relocated = false

    @Flag(help: "With --output: add torrents even if some of their payload is missing or damaged.")
    var adopt = false

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func validate() throws {
        guard !all || (torrents.isEmpty && labels.names.isEmpty && output == nil) else {
            throw ValidationError("give either torrents, or --all")
        }
        guard output == nil || labels.names.isEmpty else { throw ValidationError("give either --output, or --label") }
        guard output == nil || !torrents.isEmpty else {
            throw ValidationError("--output needs at least one .torrent file")
        }
        guard !adopt || output != nil else {
            throw ValidationError("--adopt needs --output, the folder that contains the payload")
        }
        guard !relocated || (output == nil && !torrents.isEmpty) else {
            throw ValidationError("--relocated needs the torrents whose payload was moved, and excludes --output")
        }
    }

    func run() async throws {
        // Errors in the arguments must be found before a database is created.
        let newcomers = output == nil ? [] : try await newcomers()
        if let output, !adopt {
            let known = try global.openToRead()
            let asked = try newcomers.filter { try known?.torrents.row($0.infoHash) == nil }
            if !asked.isEmpty {
                guard asked.count < newcomers.count else { return try await ask(asked, output) }
                // The arguments mix known and new torrents, but one command handles only one kind.
                let names = asked.map(\.name.printable).joined(separator: ", ")
                throw Failure.usage(
                    "\(names): not in the database, as the others are; ask for them in a command of their own")
            }
        }
        let library = Library(output == nil ? try global.openToChange() : try global.openToAdd())
        var plan = try await plan(newcomers, library)
        if sha256 { plan = plan.withDigests }
        let isSpoken = !reporting.quiet && !reporting.json
        let meter = Meter("verified", total: plan.totalBytes, style: isSpoken ? .shown : .silent)
        let stop = VerificationStop()
        try Interruption.catchFirst { stop.request() }
        let drawing = Task { await meter.run() }
        let report = report
        let summary = try await library.verify(plan, stop: stop) { report.take($0, meter) }
        drawing.cancel()
        await drawing.value
        report.ended(summary)
        guard summary.status == .done else { throw summary.status }
    }

    /// Checks whether the payload is in the folder, and adopts each torrent whose payload is complete.
    private func ask(_ metainfos: [Metainfo], _ output: String) async throws {
        let isSpoken = !reporting.quiet && !reporting.json
        let question = try FolderQuestion(metainfos, in: try NewFile.absolute(output).text)
        let meter = Meter("verified", total: question.totalBytes, style: isSpoken ? .shown : .silent)
        let stop = VerificationStop()
        try Interruption.catchFirst { stop.request() }
        let drawing = Task { await meter.run() }
        let (summary, results) = try await question.answer(
            database: try global.path, stop: stop, computesDigests: sha256
        ) {
            meter.take($0)
        }
        drawing.cancel()
        await drawing.value
        var told = summary
        for var result in results {
            let isWhole = result.outcome == .verified && !result.hasDamage && result.checked > 0
            if isWhole,
                let id = try await question.adopt(
                    result, Library(try global.openToAdd()), refused: { Terminal.shared.complain($0) }),
                let torrent = try Library(try global.openToLook()).stored(id)
            {
                result.torrent = torrent
            } else {
                result.adopted = 0
                told.notAdopted += 1
            }
            report.verified(result)
        }
        report.ended(told)
        guard told.status == .done else { throw told.status }
        // The payload was complete but the torrent was not added; the reason was already reported.
        guard told.notAdopted == 0 else { throw ExitStatus.failed }
    }

    private var report: any VerificationReport {
        if reporting.quiet { return SilentVerification() }
        return reporting.json ? JSONVerification() : SpokenVerification()
    }

    private func plan(_ newcomers: [Metainfo], _ library: Library) async throws -> Library.VerificationPlan {
        guard !torrents.isEmpty || !labels.names.isEmpty else {
            return try library.planVerificationOfAll(isAnew: restart)
        }
        if let output {
            return try await library.planAdoption(of: newcomers, in: output, isAnew: restart) {
                Terminal.shared.complain($0)
            }
        }
        return try await library.planVerification(
            of: torrents, labels: labels.names, isAnew: restart, isRelocated: relocated
        ) {
            if !reporting.quiet { Terminal.shared.complain($0) }
        }
    }

    /// Reads the torrents whose payload is to be adopted.
    private func newcomers() async throws -> [Metainfo] {
        let read = try await Library.readNewcomers(torrents, in: output) { Terminal.shared.complain($0) }
        guard read.failed == 0 else { throw ExitStatus.failed }
        return read.torrents
    }
}
