import Glibc
import Store
import SystemPackage
import Torrent

/// A torrent whose bytes are all alike: payload of any size that has one hash, and that a peer needn't keep.
struct UniformTorrent {
    /// What is downloaded: zeros might be stored as holes.
    static let solid: UInt8 = 0xa5
    /// What seeds have: sparse files, which take no room.
    static let sparse: UInt8 = 0
    private static let filesPerFolder = 1000

    let metainfo: Metainfo
    let filler: UInt8
    /// What every block of it looks like.
    let block: [UInt8]

    /// A torrent of one file.
    init(_ name: String, bytes: Int, pieceLength: Int, filler: UInt8) throws {
        try self.init(name, .file(length: Int64(bytes)), bytes, pieceLength, filler)
    }

    /// A torrent of many files of equal size.
    init(_ name: String, files: Int, bytesEach: Int, pieceLength: Int, filler: UInt8) throws {
        let entries = (0..<files).map { n in
            TorrentBuilder.File(path: ["folder-\(n / Self.filesPerFolder)", "file-\(n).bin"], length: Int64(bytesEach))
        }
        try self.init(name, .folder(entries), files * bytesEach, pieceLength, filler)
    }

    private init(_ name: String, _ content: TorrentBuilder.Content, _ bytes: Int, _ pieceLength: Int, _ filler: UInt8)
        throws
    {
        let whole = SHA1.hash([UInt8](repeating: filler, count: min(pieceLength, bytes)))
        var hashes = [SHA1Digest](repeating: whole, count: bytes / pieceLength)
        if bytes % pieceLength > 0 { hashes.append(SHA1.hash([UInt8](repeating: filler, count: bytes % pieceLength))) }
        metainfo = try Metainfo(
            torrentFile: try TorrentBuilder(
                name: name, content: content, pieceLength: pieceLength, pieceHashes: PieceHashes(hashes)
            ).build())
        self.filler = filler
        block = [UInt8](repeating: filler, count: Geometry.blockLength)
    }

    // MARK: Files

    /// Writes the files, and answers how they look then.
    func write(to output: FilePath) throws -> [FingerprintRow] {
        var made: Set<FilePath> = []
        return try metainfo.layout.files.map { entry in
            var path = output
            for name in entry.path {
                if path != output, made.insert(path).inserted { try BenchmarkSetup.makeFolder(path) }
                path.append(name)
            }
            let file = try BenchmarkSetup.create(path)
            try file.closeAfter { try fill(file, Int(entry.length)) }
            let status = try BenchmarkSetup.status(path)
            let changed = status.st_mtim
            return FingerprintRow(
                index: entry.index,
                FileFingerprint(
                    size: Int64(status.st_size),
                    mtimeNs: Int64(changed.tv_sec) * 1_000_000_000 + Int64(changed.tv_nsec),
                    inode: UInt64(status.st_ino), device: UInt64(status.st_dev)))
        }
    }

    private func fill(_ file: FileDescriptor, _ length: Int) throws {
        guard filler != Self.sparse else { return try file.resize(to: Int64(length)) }
        let chunk = [UInt8](repeating: filler, count: min(length, 1 << 20))
        var rest = length
        while rest > 0 {
            _ = try file.writeAll(chunk.prefix(rest))
            rest -= min(rest, chunk.count)
        }
    }

    // MARK: Rows

    /// Inserts the torrent as one that seeds, and answers the record that claims all of it.
    func insertComplete(
        _ connection: Connection, output: FilePath, files: [FingerprintRow], now: Timestamp
    ) throws(StoreError) -> ProgressRecord {
        let id = try connection.torrents.insert(NewTorrent(metainfo: metainfo, output: output.string), now: now)
        try connection.torrents.setRootSeen(id)
        try connection.torrents.setState(id, .seeding)
        var record = ProgressRecord(torrent: id, verifiedAt: now)
        record.newPieces = Array(metainfo.geometry.pieces)
        record.files = files
        record.fileBytes = metainfo.layout.files.map { FileBytes(index: $0.index, completed: $0.length) }
        record.completedBytes = metainfo.layout.totalBytes
        record.completedAt = now
        return record
    }

    /// A database of this torrent alone, complete, with its files in `output`.
    func makeDatabase(_ database: FilePath, output: FilePath) throws {
        let now = Timestamp.now()
        try Archive.fill(database, count: 1, prepare: { _ in try write(to: output) }) {
            files, connection throws(StoreError) in
            try insertComplete(connection, output: output, files: files, now: now)
        }
    }
}
