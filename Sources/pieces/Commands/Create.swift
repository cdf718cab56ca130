import ArgumentParser
import Engine
import Library
import SystemPackage
import Torrent

/// `pieces create`
struct Create: AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a .torrent of a file or of a folder.",
        discussion: """
            Each --tracker begins a tier of its own; addresses that are separated by commas share one. Links and what is neither file nor folder are \
            left out.

            Examples:
              pieces create ~/books/alice.txt --tracker http://tracker.example.org/announce
              pieces create series -o series.torrent --piece-length 1M --private --source EXAMPLE --tracker https://a.example/x,https://b.example/x

            --json prints {"file", "info_hash", "name", "total_bytes", "piece_length", "piece_count", "files"}. \(Program.pathsInJSON)
            """)

    @Argument(help: "The file or folder.", completion: .file())
    var path: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Where it is written, `-` for standard output; NAME.torrent in the current folder without it.",
            valueName: "file.torrent"),
        completion: .file(extensions: ["torrent"]))
    var output: String?

    @Option(
        parsing: .singleValue, help: ArgumentHelp("The announce address of a tracker; repeatable.", valueName: "url"))
    var tracker: [String] = []

    @Option(
        parsing: .singleValue, help: ArgumentHelp("An HTTP server that has the content; repeatable.", valueName: "url"))
    var webSeed: [String] = []

    @Option(
        help: ArgumentHelp("A power of two, as 256K or 1M; a sensible one without it.", valueName: "n"),
        transform: PieceLength.parse)
    var pieceLength: Int?

    @Flag(help: "Peers may come from the trackers alone.")
    var `private` = false

    @Option(help: ArgumentHelp("A remark for whoever opens it.", valueName: "text"))
    var comment: String?

    @Option(
        help: ArgumentHelp(
            "For which tracker it is made; it sets info hashes of equal content apart.", valueName: "text"))
    var source: String?

    @Flag(help: "Leave out when and by what it was made.")
    var anonymous = false

    @Flag(help: "Replace a file that is there.")
    var force = false

    @OptionGroup(title: "Output options") var reporting: ReportOptions

    func validate() throws {
        let trackers = tracker.flatMap { $0.split(separator: ",").map(String.init) }
        for url in trackers where !Self.has(["http://", "https://", "udp://"], url) {
            throw ValidationError(
                "“\(url.shownURL)” is no address of a tracker: it begins with http://, https:// or udp://")
        }
        for url in webSeed where !Self.has(["http://", "https://"], url) {
            throw ValidationError("“\(url.shownURL)” is no address of a web seed: it begins with http:// or https://")
        }
    }

    func run() async throws {
        let target = try target
        guard answers || force || !NewFile.exists(target) else { throw NewFile.isThere(target) }
        let creation = try Creation(of: path)
        let content = creation.content
        for path in content.leftOut.prefix(10) {
            Terminal.shared.complain("\(path.text) is left out: it is neither a file nor a folder")
        }
        if content.leftOut.count > 10 { Terminal.shared.complain("\(content.leftOut.count - 10) more are left out") }
        let odd = content.filesWithOddNames
        if odd > 0 {
            Terminal.shared.complain(
                "\(Format.count(odd, "path")) with bytes that aren't UTF-8: the .torrent has them as they are, but other clients may change them"
            )
        }
        let bytes = try creation.torrentFile(try await hash(creation), details)
        if answers { return Terminal.shared.print(bytes: bytes) }
        try NewFile.write(bytes, to: target, replacing: force)
        try tell(try Metainfo(torrentFile: bytes), target)
    }

    var answers: Bool { output == "-" }

    private var target: FilePath {
        get throws {
            if let output { return FilePath(text: output) }
            guard let name = try NewFile.absolute(path).lastComponent else {
                throw Failure.usage("the torrent has no name: give a file or folder")
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

    private func tell(_ metainfo: Metainfo, _ target: FilePath) throws {
        let geometry = metainfo.geometry
        let files = metainfo.layout.files.count { !$0.isPad }
        if reporting.json {
            Terminal.shared.print(
                bytes: JSONWriter.line { json in
                    json.path("file", "file_bytes", target.text)
                    json.field("info_hash", "\(metainfo.infoHash)")
                    json.field("name", metainfo.name)
                    json.field("total_bytes", geometry.totalBytes)
                    json.field("piece_length", geometry.pieceLength)
                    json.field("piece_count", geometry.pieceCount)
                    json.field("files", files)
                })
        } else if !reporting.quiet {
            let size = "\(Format.bytes(geometry.totalBytes)) in \(Format.count(files, "file"))"
            let pieces = "\(Format.count(geometry.pieceCount)) pieces of \(Format.bytes(Int64(geometry.pieceLength)))"
            Terminal.shared.print("wrote \(target.text.printable): \(size), \(pieces), info hash \(metainfo.infoHash)")
        }
    }

    private static func has(_ schemes: [String], _ url: String) -> Bool {
        schemes.contains { url.lowercased().hasPrefix($0) && url.utf8.count > $0.utf8.count }
    }
}
