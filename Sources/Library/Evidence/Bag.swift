import Engine
import Store
import System
import SystemPackage
package import Torrent

/// Makes a folder a BagIt bag (RFC 8493) whose payload is where torrents seed it from, without a copy.
package struct Bag {
    private let manifest: Manifest
    private let folder: FilePath

    /// `folder` is the bag's; its folder `data` must be the output folder of the torrents.
    package init(_ manifest: Manifest, in folder: String) throws {
        self.manifest = manifest
        self.folder = try NewFile.absolute(folder)
        let data = self.folder.appending("data")
        guard let output = manifest.folder else {
            throw Failure.usage(
                manifest.parts.isEmpty
                    ? "there are no torrents for the bag"
                    : "the torrents are in several folders: move them to \(data.text.printable) with `pieces move`")
        }
        guard let payload = PathCalls.resolved(FilePath(text: output)), payload == PathCalls.resolved(data) else {
            throw Failure(
                "the payload of a bag is in its folder data, and these torrents are in \(output.printable): "
                    + "`pieces move` them to \(data.text.printable) first")
        }
        if let part = manifest.parts.first(where: { !$0.isWhole }) {
            let count = part.withoutDigest.count + part.incomplete.count
            throw Failure(
                "\(part.torrent.name.printable) can't be in a bag: "
                    + (part.problem
                        ?? "\(Format.count(count, "file")) of it \(count == 1 ? "has" : "have") no SHA-256 yet: "
                        + "`pieces verify --sha256 \(part.torrent.id)` computes it when everything is there"))
        }
    }

    /// Writes the tag files, and returns their names. The manifest of the tag files comes last, so that a bag is valid
    /// once it is there.
    package func write(replacing: Bool, now: Timestamp) throws -> [String] {
        let declaration = Array("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".utf8)
        let files = [
            ("bagit.txt", declaration), ("bag-info.txt", info(now)),
            ("manifest-sha256.txt", try manifest.text(.bagit)),
        ]
        let tags = files.map { "\(Hex.encode(SHA256.hash($0.1)))  \($0.0)\n" }.joined()
        let all = files + [("tagmanifest-sha256.txt", Array(tags.utf8))]
        if !replacing, let there = all.map({ folder.appending($0.0) }).first(where: { PathCalls.exists($0) }) {
            throw NewFile.isThere(there)
        }
        for (name, bytes) in all { try NewFile.write(bytes, to: folder.appending(name), replacing: replacing) }
        return all.map(\.0)
    }

    private func info(_ now: Timestamp) -> [UInt8] {
        var lines = ["Bag-Software-Agent: pieces \(Program.version)"]
        if let date = CalendarTime(utc: now.rawValue) {
            func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
            lines.append("Bagging-Date: \(date.year)-\(two(date.month))-\(two(date.day))")
        }
        lines.append("Payload-Oxum: \(manifest.bytes).\(manifest.entryCount)")
        for part in manifest.parts { lines.append("External-Identifier: urn:btih:\(part.torrent.infoHash)") }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }
}
