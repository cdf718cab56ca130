import Glibc
import Store
import SystemPackage
import TestSupport
import Torrent

/// What stands of a torrent in a database that nobody runs on and on the disk beside it, as the test itself finds it.
struct RecordedState {
    /// Whether the database has the torrent.
    private(set) var isThere = false
    private(set) var claimed: Bitfield
    /// Noted as perhaps written, and not claimed.
    private(set) var opened: Bitfield
    /// Blocks of incomplete pieces that are said to be on the disk.
    private(set) var blocks: Set<BlockRef> = []
    /// How many pieces each check of the log was about, oldest first, and what it said.
    private(set) var checks: [(count: Int, text: String)] = []
    /// Which files are wanted, and which have a fingerprint: what claims of others may still be in the part file.
    private(set) var wanted: [Bool]
    private(set) var placed: Set<Int> = []
    /// The blocks of metadata that hasn't arrived as a whole.
    private(set) var metadataBlocks: [Int: [UInt8]] = [:]
    private(set) var hasMetadata = false
    private(set) var state: TorrentState?
    private(set) var error: String?
    /// What is wrong with the database: nothing.
    private(set) var damage: [String] = []

    /// Looks at a copy, so that nothing is recovered before the program itself does it.
    init(_ pieces: Pieces, _ torrent: SampleTorrent) throws {
        claimed = Bitfield(count: torrent.geometry.pieceCount)
        opened = claimed
        wanted = torrent.metainfo.layout.files.map { !$0.isPad }
        guard Files.exists(pieces.database) else { return }
        let copy = pieces.folder.appending("copy.db")
        for end in ["", "-wal", "-shm"] where Files.exists(FilePath(copy.string + end)) {
            try Files.remove(FilePath(copy.string + end))
        }
        for end in ["", "-wal"] where Files.exists(FilePath(pieces.database.string + end)) {
            try Files.write(try Files.read(FilePath(pieces.database.string + end)), to: FilePath(copy.string + end))
        }
        do throws(StoreError) {
            try read(try Connection.open(copy, mode: .readOnly, now: .now()), torrent)
        } catch {
            switch error.code {
            // Killed before the first migration was committed.
            case .notFound: return
            case .corrupt, .notADatabase: damage = [error.message]
            default: throw error
            }
        }
    }

    private mutating func read(_ connection: Connection, _ torrent: SampleTorrent) throws(StoreError) {
        damage = try connection.integrityFaults(.indexes)
        guard let row = try connection.torrents.row(torrent.infoHash) else { return }
        isThere = true
        hasMetadata = row.hasMetadata
        for block in try connection.magnets.blocks(of: row.id) {
            metadataBlocks[block.index] = try connection.value(
                "SELECT data FROM metadata_block WHERE torrent_id = ? AND size = ? AND idx = ?", row.id, block.size,
                block.index)
        }
        claimed = try connection.pieces.have(of: row.id, count: claimed.count)
        opened = try connection.pieces.writeIntents(of: row.id, count: claimed.count).subtracting(claimed)
        blocks = try connection.pieces.partials(of: row.id).reduce(into: []) { set, row in
            for block in 0..<row.blocks.count * 8 where row.blocks[block / 8] & (0x80 >> UInt8(block % 8)) != 0 {
                set.insert(BlockRef(piece: row.piece, block: block))
            }
        }
        checks = try connection.events.rows(of: row.id, limit: 10_000).reversed().filter { $0.kind == .verified }.map {
            event in
            (
                event.detail.firstMatch(of: /(?:checked|verified) ([\d,]+) (?:of|recently)/).flatMap {
                    Int($0.output.1.filter { $0 != "," })
                } ?? 1 << 32,
                event.detail
            )
        }
        wanted = try connection.files.wanted(of: row.id, count: wanted.count)
        placed = Set(try connection.files.fingerprints(of: row.id).map(\.index))
        state = row.state
        error = row.error
    }

    /// The claimed pieces that the disk doesn't have, each byte where a session looks for it.
    func unfounded(_ torrent: SampleTorrent, in output: FilePath) throws -> [PieceIndex] {
        let (layout, geometry) = (torrent.metainfo.layout, torrent.geometry)
        let parts = output.appending(".\(torrent.infoHash).parts")
        var paths: [Int: FilePath] = [:]
        func path(_ file: Int) -> FilePath {
            if let path = paths[file] { return path }
            let path = torrent.path(file, in: output)
            paths[file] = path
            return path
        }
        return try claimed.pieces.filter { piece in
            var at = Int(geometry.offset(of: piece))
            for segment in layout.segments(offset: geometry.offset(of: piece), length: geometry.length(of: piece)) {
                defer { at += segment.length }
                let file = layout.files[segment.file]
                if file.isPad { continue }
                let isPlaced = placed.contains(segment.file)
                var places: [(FilePath, Int64)] = []
                if wanted[segment.file] || isPlaced {
                    places.append((path(segment.file), segment.fileOffset))
                }
                if !isPlaced { places.append((parts, file.offset + segment.fileOffset)) }
                let expected = torrent.bytes(at..<at + segment.length)
                let isRight = try places.contains { path, offset in
                    try Files.exists(path)
                        && Files.read(path, at: offset, count: segment.length).elementsEqual(expected)
                }
                if !isRight { return true }
            }
            return false
        }
    }

    /// Those of the noted pieces that have data on the disk, all of which a start may hash, and those of them with
    /// bytes that aren't zeros, which somebody has written: a file system may fill what it reserved with zeros beside a
    /// write.
    func doubtful(_ torrent: SampleTorrent, in output: FilePath) throws -> (data: Bitfield, bytes: Bitfield) {
        var data = Bitfield(count: opened.count)
        var bytes = data
        for piece in opened.pieces {
            for segment in torrent.metainfo.layout.segments(
                offset: torrent.geometry.offset(of: piece), length: torrent.geometry.length(of: piece))
            {
                let places = [
                    (torrent.path(segment.file, in: output), segment.fileOffset),
                    (
                        output.appending(".\(torrent.infoHash).parts"),
                        torrent.metainfo.layout.files[segment.file].offset + segment.fileOffset
                    ),
                ]
                for (path, offset) in places where Files.exists(path) {
                    let pages = try Self.pages(of: path, at: offset, length: segment.length)
                    guard try Self.hasData(path, in: pages) else { continue }
                    data.insert(piece)
                    if try Files.read(path, at: pages.lowerBound, count: pages.count).contains(where: { $0 != 0 }) {
                        bytes.insert(piece)
                    }
                }
            }
        }
        return (data, bytes)
    }

    /// The pages that are all the segment's; all of it where there is none.
    private static func pages(of path: FilePath, at offset: Int64, length: Int) throws -> Range<Int64> {
        let end = offset + Int64(length)
        let first = (offset + 4095) / 4096 * 4096
        let last = end == Int64(try Files.status(path).st_size) ? end : end / 4096 * 4096
        return first < last ? first..<last : offset..<end
    }

    private static func hasData(_ path: FilePath, in range: Range<Int64>) throws -> Bool {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            let found = lseek(file.rawValue, off_t(range.lowerBound), 3)  // SEEK_DATA
            if found < 0, errno != ENXIO { throw Errno(rawValue: errno) }
            return found >= 0 && Int64(found) < range.upperBound
        }
    }
}
