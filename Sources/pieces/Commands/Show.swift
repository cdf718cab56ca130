import ArgumentParser
import Engine
import Library
import Store
import Torrent

/// `pieces show`
struct Show: AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the contents of a .torrent file or a magnet link.",
        discussion: """
            A magnet link doesn't say which files a torrent has; `pieces add --paused` fetches that from peers.

            Examples:
              pieces show alice.torrent
              pieces show https://example.org/debian.torrent --json
            """)

    @Argument(
        help: ArgumentHelp("A .torrent file, its http(s) URL, or a magnet link.", valueName: "file.torrent"),
        completion: .file(extensions: ["torrent"]))
    var source: String

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    func run() async throws {
        let source = try TorrentSource(source)
        if let link = source.magnet {
            return Terminal.shared.print(bytes: json ? MagnetJSON.object(link) : Array(text(link).utf8))
        }
        let metainfo = try await source.read()
        Terminal.shared.print(bytes: json ? MetainfoJSON.object(metainfo) : Array(text(metainfo).utf8))
    }

    private func text(_ link: MagnetLink) -> String {
        var lines = [("name", (link.name ?? "").printable), ("info hash", "\(link.infoHash)")]
        if let hash = link.v2 { lines.append(("v2 hash", Hex.encode(hash))) }
        for url in link.trackers { lines.append(("tracker", url.shownURL)) }
        for url in link.webSeeds { lines.append(("web seed", url.shownURL)) }
        for peer in link.peers { lines.append(("peer", "\(peer)".printable)) }
        if !link.files.isEmpty {
            // Users count files from 1.
            let ranges = link.files.map {
                $0.count == 1 ? "\($0.lowerBound + 1)" : "\($0.lowerBound + 1)-\($0.upperBound + 1)"
            }
            lines.append(("files", ranges.joined(separator: ", ")))
        }
        return lines.filter { !$0.1.isEmpty }.map { "\($0.0.padded(10))  \($0.1)\n" }.joined()
    }

    private func text(_ metainfo: Metainfo) -> String {
        let geometry = metainfo.geometry
        let files = metainfo.layout.files
        let size = "\(Format.bytes(geometry.totalBytes)) (\(Format.count(geometry.totalBytes)) bytes)"
        var lines = [
            ("name", metainfo.name.printable), ("info hash", "\(metainfo.infoHash)"),
            ("size", "\(size) in \(Format.count(files.count { !$0.isPad }, "file"))"),
            ("pieces", "\(Format.count(geometry.pieceCount)) of \(Format.bytes(Int64(geometry.pieceLength)))"),
            ("private", metainfo.isPrivate ? "yes" : "no"),
        ]
        if let hash = metainfo.identity.v2 { lines.insert(("v2 hash", Hex.encode(hash)), at: 2) }
        for (tier, urls) in metainfo.trackers.enumerated() {
            lines.append(("tier \(tier + 1)", urls.map(\.shownURL).joined(separator: "  ")))
        }
        for url in metainfo.webSeeds { lines.append(("web seed", url.shownURL)) }
        if let comment = metainfo.comment { lines.append(("comment", comment.printable)) }
        if let source = metainfo.source { lines.append(("source", source.printable)) }
        if let creator = metainfo.createdBy { lines.append(("created by", creator.printable)) }
        if let date = metainfo.creationDate { lines.append(("created at", Format.moment(Timestamp(date)))) }
        for value in metainfo.unused {
            let text = value.text.isEmpty ? "" : " “\(value.text.printable)”"
            lines.append(("not used", "\(value.key)\(text): \(value.reason)"))
        }
        var table = Table([.right("NO"), .right("SIZE"), .left("PATH")], flexible: 2)
        for file in files where !file.isPad {
            table.add(["\(file.index + 1)", Format.bytes(file.length), file.displayPath.printable])
        }
        let width = Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil
        return lines.map { "\($0.0.padded(10))  \($0.1)\n" }.joined() + "\n" + table.text(width: width)
    }
}
