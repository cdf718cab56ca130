import Glibc
import Store
import SystemPackage
import Torrent

/// Looks for torrents that name the same files as one that is to be added, before anything is written.
///
/// Torrents that agree about a file (cross-seeding) may share it. Where the hashes that both have of it differ, the second torrent is refused. Where they can't be
/// compared, the engine compares the bytes once the first torrent has the file.
struct PathConflicts {
    private let connection: Connection
    /// The output folder with its links resolved.
    private let folder: String
    /// The paths that lead to the folder and may be another torrent's root: the folder itself and those above it.
    private let ancestors: [String]

    init(_ connection: Connection, output: String) {
        self.connection = connection
        folder = Self.resolved(output)
        var ancestors: [String] = []
        var at = folder
        while at != "/", let slash = at.utf8.lastIndex(of: UInt8(ascii: "/")) {
            ancestors.append(at)
            at = String(at[..<slash])
            if at.isEmpty { break }
        }
        self.ancestors = ancestors
    }

    /// What is recorded as the torrent's ``NewTorrent/root``.
    func root(of metainfo: Metainfo) -> String { NewTorrent.root(of: metainfo, in: folder) }

    /// Why the torrent can't be added; `nil` when it can. `wanted` has a flag for each of its files.
    func refusal(of metainfo: Metainfo, wanted: [Bool]?) throws(StoreError) -> String? {
        let neighbours = try connection.neighbours(ofRoot: root(of: metainfo), ancestors: ancestors)
        guard !neighbours.isEmpty else { return nil }
        var files: [String: FileEntry] = [:]
        var folders: Set<String> = []
        for file in metainfo.layout.files where !file.isPad && wanted?[file.index] ?? true {
            let path = Self.join(folder, file.displayPath)
            files[path] = file
            var parent = path[...]
            while let slash = parent.lastIndex(of: "/"), slash != parent.startIndex {
                parent = parent[..<slash]
                guard folders.insert(String(parent)).inserted else { break }
            }
        }
        for neighbour in neighbours {
            // Below the new torrent's root it matters only where one of the new torrent's own paths leads.
            guard files[neighbour.root] != nil || folders.contains(neighbour.root) || neighbour.root.utf8.count <= root(of: metainfo).utf8.count
            else { continue }
            if let reason = try refusal(metainfo, files, folders, neighbour) { return reason }
        }
        return nil
    }

    private func refusal(
        _ metainfo: Metainfo, _ files: [String: FileEntry], _ folders: Set<String>, _ neighbour: PathNeighbour
    ) throws(StoreError) -> String? {
        let theirFolder = String(neighbour.root.dropLast(neighbour.name.count + 1))
        let name = metainfo.name.printable
        let other = "torrent \(neighbour.id) (\(neighbour.name.printable))"
        let advice = "choose another folder with --output, or remove torrent \(neighbour.id) first"
        var hashes: Metainfo?
        for theirs in try connection.namedFiles(of: neighbour.id) where !theirs.isPad && theirs.isWanted {
            let path = Self.join(theirFolder, theirs.path)
            if folders.contains(path) { return "\(name): \(path.printable) is a file of \(other), and a folder of this torrent; \(advice)" }
            var parent = path[...]
            while let slash = parent.lastIndex(of: "/"), slash != parent.startIndex {
                parent = parent[..<slash]
                if files[String(parent)] != nil {
                    return "\(name): \(String(parent).printable) is a folder of \(other), and a file of this torrent; \(advice)"
                }
            }
            guard let ours = files[path] else { continue }
            let sentence = "\(name): \(path.printable) is also a file of \(other), which has other content for it; \(advice)"
            guard ours.length == theirs.length else { return sentence }
            if hashes == nil, let file = try connection.metainfo(of: neighbour.id) { hashes = Self.decoded(file) }
            if let hashes, hashes.layout.files.indices.contains(theirs.index),
                Self.differ(metainfo, ours, hashes, hashes.layout.files[theirs.index])
            {
                return sentence
            }
        }
        return nil
    }

    /// A .torrent in the database that can't be read says so when its torrent becomes active; nothing can be compared with it.
    private static func decoded(_ file: [UInt8]) -> Metainfo? {
        do { return try Metainfo(torrentFile: file) } catch { return nil }
    }

    /// Whether a piece that lies in the file in both torrents, at the same place, has different hashes.
    private static func differ(_ a: Metainfo, _ fileA: FileEntry, _ b: Metainfo, _ fileB: FileEntry) -> Bool {
        let length = Int64(a.geometry.pieceLength)
        guard a.geometry.pieceLength == b.geometry.pieceLength, fileA.length == fileB.length, (fileA.offset - fileB.offset) % length == 0 else {
            return false
        }
        let shift = Int((fileB.offset - fileA.offset) / length)
        for piece in a.layout.pieces(of: fileA.index, geometry: a.geometry) {
            let other = PieceIndex(piece.value + shift)
            guard isWithin(piece, fileA, a.geometry), b.geometry.pieces.contains(other), isWithin(other, fileB, b.geometry),
                a.geometry.length(of: piece) == b.geometry.length(of: other)
            else { continue }
            if a.pieceHash(piece) != b.pieceHash(other) { return true }
        }
        return false
    }

    private static func isWithin(_ piece: PieceIndex, _ file: FileEntry, _ geometry: Geometry) -> Bool {
        let start = geometry.offset(of: piece)
        return start >= file.offset && start + Int64(geometry.length(of: piece)) <= file.end
    }

    private static func join(_ folder: String, _ path: String) -> String { folder == "/" ? "/" + path : folder + "/" + path }

    /// The folder with the links in it resolved, as far as it exists.
    private static func resolved(_ output: String) -> String {
        var existing = FilePath(output)
        var rest: [FilePath.Component] = []
        while true {
            if let real = existing.withPlatformString({ realpath($0, nil) }) {
                defer { free(real) }
                var path = FilePath(platformString: real)
                for component in rest.reversed() { path.append(component) }
                return path.string
            }
            guard let last = existing.lastComponent else { return output }
            rest.append(last)
            existing.removeLastComponent()
        }
    }
}
