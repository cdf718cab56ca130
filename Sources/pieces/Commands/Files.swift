import ArgumentParser
import Engine
import Library
import Store
import Torrent
import Verification

/// `pieces files`
struct Files: ListCommand {
    static let configuration = CommandConfiguration(
        commandName: "files", abstract: "List the files of a torrent with their numbers.",
        discussion: """
            Examples:
              pieces files series
              pieces files 3 --json
            """)

    @OptionGroup var options: ListOptions

    func runDirectly() throws {
        let list = try Library(try global.openToLook()).files(of: argument.torrent)
        let (torrent, completed) = (list.torrent, list.completed)
        Terminal.shared.print(bytes: json ? object(list) : Array(table(torrent, completed).utf8))
        // The recorded values say nothing about the current state of files that can't be reached.
        if !json, torrent.row.isFaulty {
            Terminal.shared.hint("\(torrent.row.state): \((torrent.row.error ?? "").printable)")
        }
    }

    private func table(_ torrent: StoredTorrent, _ completed: [Int64]) -> String {
        var table = Table([.right("NO"), .left("WANTED"), .right("DONE"), .right("SIZE"), .left("PATH")], flexible: 4)
        for file in torrent.metainfo.layout.files where !file.isPad {
            table.add([
                "\(file.index + 1)", torrent.selection.wanted[file.index] ? "yes" : "no",
                Format.percent(completed[file.index], of: file.length), Format.bytes(file.length),
                file.displayPath.printable,
            ])
        }
        return table.text(width: Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil)
    }

    private func object(_ list: Library.FileList) -> [UInt8] {
        let (torrent, completed) = (list.torrent, list.completed)
        return JSONWriter.line { json in
            json.field("id", torrent.row.id.rawValue)
            json.field("info_hash", torrent.row.infoHash)
            json.field("name", torrent.row.name)
            json.path("output", "output_bytes", torrent.row.output)
            json.field("state", torrent.row.state.rawValue)
            json.field("error", torrent.row.error)
            json.array("files", torrent.metainfo.layout.files) { json, file in
                json.object { json in
                    json.field("index", file.index + 1)
                    json.path("path", "path_bytes", file.displayPath)
                    json.field("length", file.length)
                    json.field("wanted", torrent.selection.wanted[file.index])
                    json.field("pad", file.isPad)
                    json.field("completed_bytes", completed[file.index])
                    json.field("progress", file.length > 0 ? Double(completed[file.index]) / Double(file.length) : 1)
                    json.path(
                        "metainfo_path", "metainfo_path_bytes", list.metainfoPaths[file.index] ?? file.displayPath)
                    json.field("sha256", list.digests[file.index].map { Hex.encode($0.sha256) })
                }
            }
        }
    }
}
