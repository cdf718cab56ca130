package import Store
import System
import SystemPackage
package import Torrent

/// Finds torrents that use the same paths as a new torrent, or as one whose metadata arrives, before anything is
/// written.
///
/// Torrents with the same content for a file may share it (cross-seeding). If the hashes that both torrents have for
/// the file differ, the new torrent is refused. If the hashes can't be compared, the engine compares the bytes once the
/// first torrent has the file.
package struct PathConflicts {
    /// The paths of the new torrent's files, and of the folders above them.
    private struct Names {
        var files: [FileName: FileEntry] = [:]
        var folders: Set<FileName> = []
    }

    private let connection: Connection
    /// The output folder with its symbolic links resolved.
    private let folder: String
    /// The torrents whose root is the output folder or one of its parents. They are the same for every torrent that is
    /// added to this folder.
    private let above: [PathNeighbour]
    /// What the user can do, given the other torrent.
    private let advice: (TorrentID) -> String
    /// The value for ``NewTorrent/resolvedOutput``.
    package let resolvedOutput: String?

    /// `output` is ``PathText``, like all paths here. Its symbolic links are resolved on the disk, which may take long.
    package init(
        _ connection: Connection, output: String, advice: @escaping (TorrentID) -> String = Self.adviceForNew
    ) throws(StoreError) {
        try self.init(connection, output: output, resolved: Self.resolved(output), advice: advice)
    }

    /// `resolved` is the output folder with its symbolic links resolved.
    package init(
        _ connection: Connection, output: String, resolved: String,
        advice: @escaping (TorrentID) -> String = Self.adviceForNew
    ) throws(StoreError) {
        self.connection = connection
        self.advice = advice
        folder = resolved
        resolvedOutput = FileName(folder) == FileName(output) ? nil : folder
        var above: [PathNeighbour] = []
        for root in folder == "/" ? [] : [folder] + Self.folders(above: folder) {
            above += try connection.roots.neighbours(at: root)
        }
        self.above = above
    }

    package static func adviceForNew(_ other: TorrentID) -> String {
        "choose another folder with --output, or remove torrent \(other) first"
    }

    /// Why the torrent can't be added; `nil` if it can. `wanted` has one flag for each file. `moved` is the torrent
    /// itself, if it is already there and moves to the folder.
    package func refusal(of metainfo: Metainfo, wanted: [Bool]?, moved: TorrentID? = nil) throws(StoreError) -> String?
    {
        for (neighbour, names) in try neighbours(of: metainfo, wanted) where neighbour.id != moved {
            if let reason = try refusal(metainfo, names, neighbour) { return reason }
        }
        return nil
    }

    /// What a torrent has in common with another one, although nothing speaks against it.
    package struct Sharing {
        package let other: PathNeighbour
        /// The torrent's files that are files of the other one too.
        package fileprivate(set) var files: Set<Int> = []
        /// The common folders, as paths below the output folder.
        package fileprivate(set) var folders: Set<FileName> = []
    }

    /// The other torrents that use the torrent's files or folders.
    package func sharing(of metainfo: Metainfo, wanted: [Bool]?, besides id: TorrentID) throws(StoreError) -> [Sharing]
    {
        var seen: Set<TorrentID> = [id]
        var found: [Sharing] = []
        for (neighbour, names) in try neighbours(of: metainfo, wanted)
        where neighbour.root.utf8.first == Self.slash && seen.insert(neighbour.id).inserted {
            let theirFolder = Self.folders(above: neighbour.root).first ?? "/"
            var sharing = Sharing(other: neighbour)
            for theirs in try connection.files.named(of: neighbour.id) where !theirs.isPad && theirs.isWanted {
                let path = Self.join(theirFolder, theirs.path)
                if let file = names.files[FileName(path)] { sharing.files.insert(file.index) }
                for parent in Self.folders(above: path) where names.folders.contains(FileName(parent)) {
                    guard let below = pathBelowFolder(parent),
                        sharing.folders.insert(FileName(below)).inserted
                    else { break }
                }
            }
            if !sharing.files.isEmpty || !sharing.folders.isEmpty { found.append(sharing) }
        }
        return found
    }

    /// The path below the output folder; `nil` for that folder itself, and those above it.
    private func pathBelowFolder(_ path: String) -> String? {
        let length = folder == "/" ? 1 : folder.utf8.count + 1
        guard path.utf8.count > length else { return nil }
        return String(path[path.utf8.index(path.startIndex, offsetBy: length)...])
    }

    /// The torrents that may use the torrent's paths, with these paths. They are collected only if there are any.
    private func neighbours(of metainfo: Metainfo, _ wanted: [Bool]?) throws(StoreError) -> [(PathNeighbour, Names)] {
        let root = NewTorrent.root(named: metainfo.name, in: folder)
        var neighbours = try connection.roots.neighbours(at: root) + above
        let inside = Set(try connection.roots.folders(within: root).map { FileName($0) })
        guard !neighbours.isEmpty || !inside.isEmpty else { return [] }
        var names = Names()
        for file in metainfo.layout.files where !file.isPad && wanted?[file.index] ?? true {
            let path = Self.join(folder, file.displayPath)
            names.files[FileName(path)] = file
            for parent in Self.folders(above: path) where !names.folders.insert(FileName(parent)).inserted { break }
        }
        if !inside.isEmpty {
            // A torrent below the new torrent's root matters only if one of the new torrent's paths leads to it.
            for name in Set(names.files.keys).union(names.folders) {
                guard let parent = Self.folders(above: name.text).first, inside.contains(FileName(parent)) else {
                    continue
                }
                neighbours += try connection.roots.neighbours(at: name.text)
            }
        }
        return neighbours.map { ($0, names) }
    }

    private func refusal(_ metainfo: Metainfo, _ names: Names, _ neighbour: PathNeighbour) throws(StoreError) -> String?
    {
        // A root that isn't absolute has no parent folders, so it can't be compared.
        guard neighbour.root.utf8.first == Self.slash else { return nil }
        let theirFolder = Self.folders(above: neighbour.root).first ?? "/"
        let name = metainfo.name.printable
        let other = "torrent \(neighbour.id) (\(neighbour.name.printable))"
        let advice = advice(neighbour.id)
        var hashes: Metainfo?
        for theirs in try connection.files.named(of: neighbour.id) where !theirs.isPad && theirs.isWanted {
            let path = Self.join(theirFolder, theirs.path)
            if names.folders.contains(FileName(path)) {
                return "\(name): \(path.printable) is a file of \(other), and a folder of this torrent; \(advice)"
            }
            for parent in Self.folders(above: path) where names.files[FileName(parent)] != nil {
                return "\(name): \(parent.printable) is a folder of \(other), and a file of this torrent; \(advice)"
            }
            guard let ours = names.files[FileName(path)] else { continue }
            let sentence =
                "\(name): \(path.printable) is also a file of \(other), with different content; \(advice)"
            guard ours.length == theirs.length else { return sentence }
            if hashes == nil { hashes = try stored(neighbour.id) }
            if let hashes, hashes.layout.files.indices.contains(theirs.index),
                Self.differ(metainfo, ours, hashes, hashes.layout.files[theirs.index])
            {
                return sentence
            }
        }
        return nil
    }

    /// The stored metainfo for a comparison; `nil` if it can't be read. An unreadable .torrent is reported when its
    /// torrent becomes active.
    private func stored(_ id: TorrentID) throws(StoreError) -> Metainfo? {
        guard let file = try connection.metainfos.file(of: id) else { return nil }
        let metainfo: Metainfo
        do { metainfo = try Metainfo(torrentFile: file) } catch { return nil }
        return try connection.paths.asStored(metainfo, id)
    }

    /// Whether the hashes of a piece that lies in the file at the same place in both torrents differ.
    private static func differ(_ a: Metainfo, _ fileA: FileEntry, _ b: Metainfo, _ fileB: FileEntry) -> Bool {
        let length = Int64(a.geometry.pieceLength)
        guard a.geometry.pieceLength == b.geometry.pieceLength, fileA.length == fileB.length,
            (fileA.offset - fileB.offset) % length == 0
        else {
            return false
        }
        let shift = Int((fileB.offset - fileA.offset) / length)
        for piece in a.layout.pieces(of: fileA.index, geometry: a.geometry) {
            let other = PieceIndex(piece.value + shift)
            guard isWithin(piece, fileA, a.geometry), b.geometry.pieces.contains(other),
                isWithin(other, fileB, b.geometry),
                a.geometry.length(of: piece) == b.geometry.length(of: other)
            else { continue }
            if a.pieceHashes[piece] != b.pieceHashes[other] { return true }
        }
        return false
    }

    private static func isWithin(_ piece: PieceIndex, _ file: FileEntry, _ geometry: Geometry) -> Bool {
        let start = geometry.offset(of: piece)
        return start >= file.offset && start + Int64(geometry.length(of: piece)) <= file.end
    }

    // Slashes are compared as bytes, because a combining character after a slash would join it to form another
    // character.
    private static let slash = UInt8(ascii: "/")

    private static func join(_ folder: String, _ path: String) -> String {
        folder == "/" ? "/" + path : folder + "/" + path
    }

    /// The folders above the absolute path, deepest first, without the root of the file system.
    private static func folders(above path: String) -> some Collection<String> {
        let bytes = path.utf8
        return bytes.indices.reversed().lazy.compactMap {
            bytes[$0] == slash && $0 != bytes.startIndex ? String(path[..<$0]) : nil
        }
    }

    /// The folder with its symbolic links resolved, as far as it exists.
    package static func resolved(_ output: String) -> String {
        var existing = FilePath(text: output)
        var rest: [FilePath.Component] = []
        while true {
            if var path = PathCalls.resolved(existing) {
                for component in rest.reversed() { path.append(component) }
                return path.text
            }
            guard let last = existing.lastComponent else { return output }
            rest.append(last)
            existing.removeLastComponent()
        }
    }
}
