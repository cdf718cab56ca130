import ArgumentParser
import Library
import Store
import SystemPackage
import Torrent
import Verification

/// `pieces manifest`
struct ManifestCommand: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest",
        abstract: "Print the SHA-256 of verified files, or compare files with a list of checksums.",
        discussion: """
            The SHA-256 of a file is computed while its pieces are verified (by a scrub, `pieces verify --sha256`, or --compute \
            here) and kept in the database. A file is in the manifest only while all of its pieces are recorded as present. Paths are \
            relative to the output folder, or absolute if the torrents are in several.

            --bag makes DIR a BagIt bag (RFC 8493) without copying anything: its folder DIR/data must be the output \
            folder, and the torrents continue to seed from there.

            --check compares with a list of MD5, SHA-1 or SHA-256 checksums: of coreutils, of BSD, of BagIt or of hashdeep. A \
            recorded SHA-256 is compared as it is; for other hashes the files are read.

            Examples:
              pieces manifest 3 > SHA256SUMS
              pieces manifest --label archive --format json
              pieces manifest 3 --compute --bag /srv/bags/series
              pieces manifest debian.iso --check SHA256SUMS
              xzcat known.xz | pieces manifest 3 --check /dev/stdin

            Exit codes: 0 everything is in the manifest, or equals the list; 1 something could not be read, or nothing of the \
            list was found; 2 files are missing from the manifest, or differ from the list; 64 wrong usage; 130 interrupted.
            """)

    @Argument(
        help: ArgumentHelp("Numbers, hash prefixes, names or globs; see `pieces help torrents`.", valueName: "torrent"),
        completion: TorrentCompletion.torrents)
    var torrents: [String] = []

    @OptionGroup var labels: LabelOptions

    @Option(help: "Format of the manifest.") var format: ManifestFormat?
    @Flag(help: "First verify the torrents that have files without a SHA-256.") var compute = false

    @Option(
        help: ArgumentHelp("Make this folder a bag; its folder data has the torrents.", valueName: "dir"),
        completion: .directory)
    var bag: String?

    @Option(
        help: ArgumentHelp("Compare the files with this list of checksums, a file or a pipe.", valueName: "file"),
        completion: .file())
    var check: String?

    @Flag(help: "With --bag: overwrite the files of an earlier bag.") var force = false

    @Flag(help: "With --check: print JSON, one object per line; see `pieces help json`.") var json = false
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    var answers: Bool { bag == nil }

    private var choice: TorrentChoice { TorrentChoice(torrents, labels: labels.names) }

    func validate() throws {
        guard !torrents.isEmpty || !labels.names.isEmpty else {
            throw ValidationError("name at least one torrent or label")
        }
        guard check == nil || (format == nil && bag == nil && !compute) else {
            throw ValidationError("--check excludes --format, --bag and --compute")
        }
        guard bag == nil || format == nil || format == .bagit else {
            throw ValidationError("--bag makes a manifest of the format bagit")
        }
        guard !force || bag != nil else { throw ValidationError("--force needs --bag") }
        guard !json || check != nil else { throw ValidationError("--json needs --check; a manifest has --format json") }
    }

    func run() async throws {
        if let check { return try await compare(with: check) }
        if compute { try await computeMissing() }
        let manifest = try Library(try global.openToLook()).manifest(of: choice)
        if let bag {
            let files = try Bag(manifest, in: bag).write(replacing: force, now: .now())
            return Terminal.shared.print("wrote \(files.joined(separator: ", ")) in \(bag.printable)")
        }
        let format = format ?? .sha256sum
        Terminal.shared.print(bytes: format == .json ? ManifestJSON.bytes(manifest) : try manifest.text(format))
        try complain(about: manifest)
    }

    private func complain(about manifest: Manifest) throws {
        for part in manifest.parts where !part.isWhole {
            let name = "\(part.torrent.id) \(part.torrent.name.printable)"
            if let problem = part.problem { Terminal.shared.complain("\(name): \(problem)") }
            if !part.withoutDigest.isEmpty {
                Terminal.shared.complain(
                    "\(name): \(Self.words(part.withoutDigest)) no SHA-256: `pieces verify --sha256 \(part.torrent.id)` computes it"
                )
            }
            if !part.incomplete.isEmpty {
                Terminal.shared.complain("\(name): \(Self.words(part.incomplete)) missing pieces")
            }
        }
        guard manifest.parts.allSatisfy(\.isWhole) else { throw ExitStatus.incomplete }
    }

    private static func words(_ files: [String]) -> String {
        files.count == 1 ? "\(files[0].printable) has" : "\(Format.count(files.count, "file")) have"
    }

    // MARK: Computing

    private func computeMissing() async throws {
        let library = Library(try global.openToChange())
        let missing = try library.manifest(of: choice).parts.filter { !$0.withoutDigest.isEmpty }.map(\.torrent)
        guard !missing.isEmpty else { return }
        let plan = try library.planDigests(of: missing)
        let stop = VerificationStop()
        try Interruption.catchFirst { stop.request() }
        let report = SilentVerification()
        let summary = try await library.verify(plan, stop: stop) { event in
            if case .unusable(let torrent) = event { Terminal.shared.complain("\(torrent)") }
            if case .verified(let result) = event { report.verified(result) }
        }
        guard summary.status == .done else { throw summary.status }
    }

    // MARK: Comparing

    private func compare(with file: String) async throws {
        let list = try ChecksumList(readFrom: file)
        let library = Library(try global.openToLook())
        let stop = VerificationStop()
        try Interruption.catchFirst { stop.request() }
        let result: ListComparison
        do {
            result = try await library.compare(choice, with: list, stop: stop) { tell($0) }
        } catch {
            guard stop.isRequested else { throw error }
            Terminal.shared.complain("\(error)")
            throw ExitStatus.interrupted
        }
        conclude(result, list)
        guard !result.files.isEmpty else {
            throw Failure("no file of the torrents is in \(file.printable): compare the names with `pieces files`")
        }
        if result.files.contains(where: { $0.verdict == .differs }) { throw ExitStatus.incomplete }
        guard result.files.allSatisfy({ $0.verdict == .same }) else { throw ExitStatus.failed }
    }

    private func tell(_ file: ListComparison.File) {
        guard !json else {
            return Terminal.shared.print(
                bytes: JSONWriter.line { json in
                    json.field("event", "compared")
                    json.field("id", file.torrent.id.rawValue)
                    json.field("info_hash", file.torrent.infoHash)
                    json.path("path", "path_bytes", file.path)
                    json.field("hash", file.hash.rawValue)
                    json.field("verdict", file.verdict.word)
                    json.field("recorded", file.isOfRecord)
                    json.field("error", file.verdict.reason)
                })
        }
        let words =
            switch file.verdict {
            case .same: "OK"
            case .differs: "DIFFERS"
            case .incomplete: "not complete"
            case .unreadable(let reason): reason.printable
            }
        Terminal.shared.print("\(file.path.printable): \(words)")
    }

    private func conclude(_ result: ListComparison, _ list: ChecksumList) {
        guard !json else {
            return Terminal.shared.print(
                bytes: JSONWriter.line { json in
                    json.field("event", "summary")
                    json.field("files_same", result.files.count { $0.verdict == .same })
                    json.field("files_different", result.files.count { $0.verdict == .differs })
                    json.field(
                        "files_not_compared", result.files.count { $0.verdict != .same && $0.verdict != .differs })
                    json.field("files_not_in_list", result.unlisted)
                    json.field("list_entries_not_found", result.unknown.count)
                    json.field("list_lines_not_read", list.unreadLines)
                })
        }
        var sentences: [String] = []
        if result.unlisted > 0 { sentences.append("\(Format.count(result.unlisted, "file")) not in the list") }
        if !result.unknown.isEmpty {
            sentences.append("\(Format.count(result.unknown.count, "name")) of the list not in the torrents")
        }
        if list.unreadLines > 0 {
            sentences.append("\(Format.count(list.unreadLines, "line")) of the list not understood")
        }
        if let other = list.otherHash { sentences.append("\(other) checksums of the list not compared") }
        if !sentences.isEmpty { Terminal.shared.complain(sentences.joined(separator: "; ")) }
    }
}

extension ManifestFormat: ExpressibleByArgument {}

extension ListComparison.Verdict {
    fileprivate var word: String {
        switch self {
        case .same: "same"
        case .differs: "different"
        case .incomplete: "incomplete"
        case .unreadable: "unreadable"
        }
    }

    fileprivate var reason: String? { if case .unreadable(let reason) = self { reason } else { nil } }
}
