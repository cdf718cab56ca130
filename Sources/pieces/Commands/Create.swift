import ArgumentParser
import Engine
import Library
import System
import SystemPackage
import Torrent

/// `pieces create`
struct Create: AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create a .torrent file from a file or a folder.",
        discussion: """
            Each --tracker starts a new tier; commas separate the trackers of one tier. Symbolic links in the folder are \
            skipped, unless --follow is given; pipes, sockets and devices always are.

            Examples:
              pieces create ~/books/alice.txt --tracker http://tracker.example.org/announce
              pieces create series -o series.torrent --piece-length 1M --private \\
                --source EXAMPLE --tracker https://a.example/x,https://b.example/x
            """)

    @Argument(help: "File or folder to share.", completion: .file())
    var path: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Output file, or `-` for standard output. Default: NAME.torrent in the current folder.",
            valueName: "file.torrent"),
        completion: .file(extensions: ["torrent"]))
    var output: String?

    @Option(
        parsing: .singleValue, help: ArgumentHelp("Announce URL of a tracker (repeatable).", valueName: "url"))
    var tracker: [String] = []

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("URL of an HTTP server that has the content (repeatable).", valueName: "url"))
    var webSeed: [String] = []

    @Option(
        help: ArgumentHelp("Piece length, a power of two (256K, 1M). Default: chosen by total size.", valueName: "n"),
        transform: PieceLength.parse)
    var pieceLength: Int?

    @Flag(help: "Private torrent: clients use only peers from its trackers.")
    var `private` = false

    @Option(help: ArgumentHelp("Comment to store in the .torrent file.", valueName: "text"))
    var comment: String?

    @Option(
        help: ArgumentHelp(
            "Source tag; gives otherwise identical torrents different info hashes.", valueName: "text"))
    var source: String?

    @Flag(help: "Omit the creation date and the name of this program.")
    var anonymous = false

    @Flag(help: "Include what symbolic links point to.")
    var follow = false

    @Flag(help: "Overwrite an existing file.")
    var force = false

    @OptionGroup(title: "Output options") var reporting: ReportOptions

    func validate() throws {
        let trackers = tracker.flatMap { $0.split(separator: ",").map(String.init) }
        for url in trackers where !Self.has(["http://", "https://", "udp://"], url) {
            throw ValidationError(
                "“\(url.shownURL)” is not a tracker URL: it must begin with http://, https:// or udp://")
        }
        for url in webSeed where !Self.has(["http://", "https://"], url) {
            throw ValidationError("“\(url.shownURL)” is not a web seed URL: it must begin with http:// or https://")
        }
    }

    func run() async throws {
        let target = try target
        guard answers || force || !PathCalls.exists(target) else { throw NewFile.isThere(target) }
        let creation = try Creation(of: path, followingLinks: follow)
        let content = creation.content
        if let skipped = skippedLinks(content) { Terminal.shared.complain(skipped) }
        if let first = content.skippedSpecials.first {
            let count = content.skippedSpecials.count
            Terminal.shared.complain(
                count == 1
                    ? "skipped \(first.text): not a regular file"
                    : "skipped \(Format.count(count, "special file")), for example \(first.text)")
        }
        let odd = content.filesWithOddNames
        if odd > 0 {
            Terminal.shared.complain(
                "\(Format.count(odd, "path")) with bytes that aren't UTF-8: the .torrent keeps them as they are, but other clients may change them"
            )
        }
        let bytes = try creation.torrentFile(try await hash(creation), details)
        if answers { return Terminal.shared.print(bytes: bytes) }
        try NewFile.write(bytes, to: target, replacing: force)
        try tell(try Metainfo(torrentFile: bytes), target, content)
    }

    /// One sentence on the symbolic links that are not in the torrent; `nil` if there are none.
    private func skippedLinks(_ content: ContentScan) -> String? {
        guard let first = content.skippedLinks.first else { return nil }
        let count = content.skippedLinks.count
        if follow {
            let verb = count == 1 ? "leads" : "lead"
            return "skipped \(Format.count(count, "symbolic link")) that \(verb) nowhere or in a circle, for example "
                + first.text
        }
        return count == 1
            ? "skipped \(first.text): symbolic link (--follow includes what it points to)"
            : "skipped \(Format.count(count, "symbolic link")), for example \(first.text); --follow includes what they point to"
    }

    var answers: Bool { output == "-" }

    private var target: FilePath {
        get throws {
            if let output { return FilePath(text: output) }
            guard let name = try NewFile.absolute(path).lastComponent else {
                throw Failure.usage("the torrent has no name: give another file or folder")
            }
            return FilePath(text: name.text).extended(by: ".torrent")
        }
    }

    private func hash(_ creation: Creation) async throws -> Creation.Hashed {
        let meter = Meter(
            "hashed", total: creation.content.totalBytes,
            style: reporting.quiet || reporting.json || answers ? .silent : .shown)
        let drawing = Task { await meter.run() }
        defer { drawing.cancel() }
        let hashed = try await creation.hash(pieceLength: pieceLength) { meter.add(Int64($0)) }
        drawing.cancel()
        await drawing.value
        return hashed
    }

    private var details: Creation.Details {
        var details = Creation.Details()
        details.trackers = tracker.map { $0.split(separator: ",").map(String.init) }
        details.webSeeds = webSeed
        details.isPrivate = `private`
        details.comment = comment
        details.source = source
        details.isAnonymous = anonymous
        return details
    }

    private func tell(_ metainfo: Metainfo, _ target: FilePath, _ content: ContentScan) throws {
        let geometry = metainfo.geometry
        let files = metainfo.layout.files.count { !$0.isPad }
        if reporting.json {
            Terminal.shared.print(
                bytes: JSONWriter.line { json in
                    json.path("file", "file_bytes", target.text)
                    json.field("info_hash", metainfo.infoHash)
                    json.field("name", metainfo.name)
                    json.field("total_bytes", geometry.totalBytes)
                    json.field("piece_length", geometry.pieceLength)
                    json.field("piece_count", geometry.pieceCount)
                    json.field("files", files)
                    json.field("links_skipped", content.skippedLinks.count)
                })
        } else if !reporting.quiet {
            let size = "\(Format.bytes(geometry.totalBytes)) in \(Format.count(files, "file"))"
            let pieces = "\(Format.count(geometry.pieceCount, "piece")) of \(Format.bytes(Int64(geometry.pieceLength)))"
            Terminal.shared.print("wrote \(target.text.printable): \(size), \(pieces), info hash \(metainfo.infoHash)")
        }
    }

    private static func has(_ schemes: [String], _ url: String) -> Bool {
        schemes.contains { url.lowercased().hasPrefix($0) && url.utf8.count > $0.utf8.count }
    }
}
