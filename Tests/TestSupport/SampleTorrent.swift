import Bencode
import Glibc
package import SystemPackage
package import Torrent

/// A torrent with synthetic content, held in memory: what peers serve, and what a download is compared with.
package struct SampleTorrent: Sendable, CustomStringConvertible {
    package struct File: Hashable, Sendable {
        package let path: [String]
        package let length: Int
        package let isPad: Bool
        /// Whether the .torrent says so (BEP 47), and not the name alone.
        fileprivate let isMarked: Bool

        package init(_ path: String, _ length: Int, isPad: Bool = false, isMarked: Bool = true) {
            self.path = path.split(separator: "/").map(String.init)
            self.length = length
            self.isPad = isPad
            self.isMarked = isMarked
        }

        /// Padding as the Internet Archive has it.
        package static func archivePad(_ number: Int, _ length: Int) -> File {
            File(".____padding_file/\(number)", length, isPad: true, isMarked: false)
        }

        /// Zeros that align what follows (BEP 47).
        package static func pad(_ length: Int) -> File { File(".pad/\(length)", length, isPad: true) }
    }

    package let metainfo: Metainfo
    /// All bytes of the torrent, pad files included; of a torrent of zeros those that aren't.
    package let content: [UInt8]
    /// Where ``content`` begins in the torrent's bytes.
    package let contentOffset: Int

    package var geometry: Geometry { metainfo.geometry }
    package var infoHash: InfoHash { metainfo.infoHash }
    /// The bytes of the .torrent.
    package var file: [UInt8] { metainfo.file }
    package var description: String {
        "\(metainfo.name): \(geometry.pieceCount) × \(geometry.pieceLength), \(geometry.totalBytes) bytes"
    }

    /// A single file.
    package init(
        _ name: String = "sample.bin", length: Int, pieceLength: Int = 65536, seed: UInt64 = 1,
        trackers: [[String]] = [], isPrivate: Bool = false
    ) throws {
        try self.init(
            name, [File("", length)], isFolder: false, pieceLength: pieceLength, seed: seed, trackers: trackers,
            isPrivate: isPrivate)
    }

    /// A folder of files.
    package init(
        folder name: String = "sample", _ files: [File], pieceLength: Int = 65536, seed: UInt64 = 1,
        trackers: [[String]] = []
    ) throws {
        try self.init(name, files, isFolder: true, pieceLength: pieceLength, seed: seed, trackers: trackers)
    }

    /// A torrent of zeros but for `window` bytes, as large as nobody wants to store; both ends of the window are piece
    /// boundaries.
    package init(zeros name: String, _ files: [File], window: Range<Int>, pieceLength: Int, seed: UInt64 = 1) throws {
        precondition(
            window.lowerBound % pieceLength == 0 && window.upperBound % pieceLength == 0, "the window is whole pieces")
        let total = files.reduce(0) { $0 + $1.length }
        let content = SamplePayload(seed: seed).bytes(at: window.lowerBound, count: window.count)
        let whole = SHA1.hash(zeros: pieceLength)
        var hashes: [UInt8] = []
        hashes.reserveCapacity((total / pieceLength + 1) * SHA1Digest.byteCount)
        for start in stride(from: 0, to: total, by: pieceLength) {
            if window.contains(start) {
                hashes += content[start - window.lowerBound..<start - window.lowerBound + pieceLength].withUnsafeBytes {
                    SHA1.hash($0)
                }
            } else {
                hashes += start + pieceLength <= total ? whole : SHA1.hash(zeros: total - start)
            }
        }
        try self.init(
            name, files, isFolder: files.count > 1, content, at: window.lowerBound, hashes: hashes,
            pieceLength: pieceLength, trackers: [])
    }

    /// A single file of other content than the usual, which is a function of the seed.
    package init(_ name: String, content: [UInt8], pieceLength: Int) throws {
        try self.init(
            name, [File("", content.count)], isFolder: false, content, at: 0,
            hashes: Self.hashes(of: content, pieceLength: pieceLength),
            pieceLength: pieceLength, trackers: [])
    }

    private init(
        _ name: String, _ files: [File], isFolder: Bool, pieceLength: Int, seed: UInt64, trackers: [[String]],
        isPrivate: Bool = false
    ) throws {
        var content: [UInt8] = []
        content.reserveCapacity(files.reduce(0) { $0 + $1.length })
        for file in files where file.length > 0 {
            content +=
                file.isPad
                ? Array(repeating: 0, count: file.length)
                : SamplePayload(seed: seed).bytes(at: content.count, count: file.length)
        }
        try self.init(
            name, files, isFolder: isFolder, content, at: 0, hashes: Self.hashes(of: content, pieceLength: pieceLength),
            pieceLength: pieceLength,
            trackers: trackers, isPrivate: isPrivate)
    }

    private init(
        _ name: String, _ files: [File], isFolder: Bool, _ content: [UInt8], at offset: Int, hashes: [UInt8],
        pieceLength: Int, trackers: [[String]], isPrivate: Bool = false
    ) throws {
        var info = BencodeDictionary()
        if isFolder {
            info["files"] = .list(files.map(Self.entry))
        } else {
            info["length"] = .integer(Int64(files.reduce(0) { $0 + $1.length }))
        }
        info["name"] = .string(PathText.bytes(name))
        info["piece length"] = .integer(Int64(pieceLength))
        info["pieces"] = .string(hashes)
        if isPrivate { info["private"] = .integer(1) }
        var root = BencodeDictionary()
        root["announce"] = trackers.first?.first.map { .text($0) }
        if !trackers.isEmpty { root["announce-list"] = .list(trackers.map { .list($0.map { .text($0) }) }) }
        root["info"] = .dictionary(info)
        metainfo = try Metainfo(torrentFile: Bencode.encode(.dictionary(root)))
        self.content = content
        contentOffset = offset
    }

    private init(_ metainfo: Metainfo, of torrent: SampleTorrent) {
        self.metainfo = metainfo
        content = torrent.content
        contentOffset = torrent.contentOffset
    }

    /// The same torrent, whose files have other names on the disk.
    package func renamed(_ renames: Renames) throws -> SampleTorrent {
        SampleTorrent(try metainfo.renamed(renames), of: self)
    }

    /// The same torrent, whose .torrent names web seeds (BEP 19).
    package func naming(webSeeds urls: [String]) throws -> SampleTorrent {
        guard var root = try Bencode.decode(file).dictionary else {
            preconditionFailure("a .torrent is a dictionary")
        }
        root["url-list"] = .list(urls.map { .text($0) })
        return SampleTorrent(try Metainfo(torrentFile: Bencode.encode(.dictionary(root))), of: self)
    }

    private static func entry(_ file: File) -> BencodeValue {
        var entry = BencodeDictionary()
        if file.isPad, file.isMarked { entry["attr"] = "p" }
        entry["length"] = .integer(Int64(file.length))
        entry["path"] = .list(file.path.map { .string(PathText.bytes($0)) })
        return .dictionary(entry)
    }

    private static func hashes(of content: [UInt8], pieceLength: Int) -> [UInt8] {
        stride(from: 0, to: content.count, by: pieceLength).flatMap { start in
            content[start..<min(start + pieceLength, content.count)].withUnsafeBytes { SHA1.hash($0) }
        }
    }

    // MARK: Files

    /// The path of a file below the output folder.
    package func path(_ file: Int, in output: FilePath) -> FilePath {
        // Put together as one text: a debug build is slow at taking paths apart.
        FilePath(text: ([output.text] + metainfo.layout.files[file].path).joined(separator: "/"))
    }

    /// The bytes of a file.
    package func bytes(of file: Int) -> ArraySlice<UInt8> {
        let entry = metainfo.layout.files[file]
        return bytes(Int(entry.offset)..<Int(entry.end))
    }

    /// The bytes of a piece.
    package func bytes(of piece: PieceIndex) -> ArraySlice<UInt8> {
        let start = Int(geometry.offset(of: piece))
        return bytes(start..<start + geometry.length(of: piece))
    }

    /// The bytes at these offsets in the torrent: of a torrent of zeros all inside the window, or all outside.
    package func bytes(_ range: Range<Int>) -> ArraySlice<UInt8> {
        let window = contentOffset..<contentOffset + content.count
        guard range.overlaps(window) else { return Array(repeating: 0, count: range.count)[...] }
        precondition(
            range.lowerBound >= window.lowerBound && range.upperBound <= window.upperBound,
            "across the edge of the window")
        return content[range.lowerBound - contentOffset..<range.upperBound - contentOffset]
    }

    /// Writes the files, as a seeder has them.
    package func write(to output: FilePath) throws {
        for file in metainfo.layout.files where !file.isPad {
            let path = path(file.index, in: output)
            try Files.makeFolders(path.removingLastComponent())
            try Files.write(Array(bytes(of: file.index)), to: path)
        }
    }

    /// What is wrong with the files on disk, a line each; empty when they are whole. `wanted` are the files that are to
    /// be there, `nil` for all.
    package func faults(in output: FilePath, wanted: Set<Int>? = nil) -> [String] {
        metainfo.layout.files.compactMap { (file) -> String? in
            let isThere = Files.exists(path(file.index, in: output))
            guard !file.isPad, wanted?.contains(file.index) ?? true else {
                return isThere ? "\(file.displayPath) was not to be made" : nil
            }
            guard isThere else { return "\(file.displayPath) is missing" }
            do {
                let found = try Files.read(path(file.index, in: output))
                guard found.count == file.length else {
                    return "\(file.displayPath) has \(found.count) bytes of \(file.length)"
                }
                let expected = bytes(of: file.index)
                guard !Self.areSame(found, expected) else { return nil }
                let first = zip(found, expected).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
                return "\(file.displayPath) is wrong from byte \(first)"
            } catch {
                return "\(file.displayPath): \(error)"
            }
        }
    }

    /// Whether the bytes are the same; a debug build compares the elements of arrays one by one.
    private static func areSame(_ some: [UInt8], _ others: ArraySlice<UInt8>) -> Bool {
        some.withUnsafeBytes { some in
            others.withUnsafeBytes { others in
                guard let a = some.baseAddress, let b = others.baseAddress, !some.isEmpty else { return others.isEmpty }
                return some.count == others.count && memcmp(a, b, some.count) == 0
            }
        }
    }

    /// The pieces of the set whose bytes on disk don't hash right: what a database must never claim. Where not all
    /// files are `wanted`, the bytes of the others are in the part file.
    package func unfounded(_ claimed: Bitfield, in output: FilePath, wanted: Set<Int>? = nil) throws -> [PieceIndex] {
        try claimed.pieces.filter { piece in
            var bytes: [UInt8] = []
            for segment in metainfo.layout.segments(
                offset: geometry.offset(of: piece), length: geometry.length(of: piece))
            {
                let file = metainfo.layout.files[segment.file]
                if file.isPad {
                    bytes += Array(repeating: 0, count: segment.length)
                } else if wanted?.contains(segment.file) ?? true {
                    bytes += try Files.read(
                        path(segment.file, in: output), at: segment.fileOffset, count: segment.length)
                } else {
                    bytes += try Files.read(
                        output.appending(".\(infoHash).parts"), at: file.offset + segment.fileOffset,
                        count: segment.length)
                }
            }
            return !SHA1.hash(bytes).elementsEqual(metainfo.pieceHashes[piece])
        }
    }
}
