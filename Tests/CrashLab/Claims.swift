import Glibc
import Recovery
package import Store
import SystemPackage
import TestSupport
package import Torrent

/// What one database claims of the torrents of a scenario.
package struct Claims: Sendable {
    package struct OfTorrent: Sendable {
        package let row: TorrentRow
        package let have: Bitfield
        package let opened: Bitfield
        /// Blocks of incomplete pieces.
        package let blocks: Set<BlockRef>
        package let wanted: [Bool]
        /// Files with a fingerprint: their bytes are in them. Those of others may still be in the part file.
        package let placed: Set<Int>
        /// Damaged pieces that are recorded as written anew.
        package let mended: Set<PieceIndex>
        /// Blocks of metadata that hasn't arrived as a whole.
        package let metadataBlocks: Set<Int>
        /// Whether an engine was told to remove it and didn't come to it: the next one does.
        package let isLeaving: Bool
        /// Where its files are: a renamed file isn't where the .torrent has it.
        package let layout: FileLayout
        /// The names of its output folder below the disk's root.
        package let folder: [String]
    }

    package let torrents: [InfoHash: OfTorrent]

    package static let none = Claims(torrents: [:])

    private init(torrents: [InfoHash: OfTorrent]) { self.torrents = torrents }

    /// Reads the database; throws when it doesn't open or isn't sound.
    package init(_ connection: Connection, _ parts: [CrashPart]) throws {
        let faults = try connection.integrityFaults(.indexes)
        guard faults.isEmpty else { throw CrashFault("the database is not sound: \(faults.joined(separator: "; "))") }
        let leaving = try connection.values(
            "SELECT torrent_id FROM intent WHERE verb IN (?, ?)", IntentVerb.remove, IntentVerb.removeData,
            as: TorrentID.self)
        var torrents: [InfoHash: OfTorrent] = [:]
        for row in try connection.torrents.rows() {
            guard let part = parts.first(where: { $0.torrent.infoHash == row.infoHash }) else {
                throw CrashFault("the database has torrent \(row.infoHash), which nobody added")
            }
            let geometry = part.torrent.geometry
            var blocks: Set<BlockRef> = []
            for partial in try connection.pieces.partials(of: row.id) {
                for block in 0..<geometry.blockCount(of: partial.piece)
                where block / 8 < partial.blocks.count && partial.blocks[block / 8] & (0x80 >> UInt8(block % 8)) != 0 {
                    blocks.insert(BlockRef(piece: partial.piece, block: block))
                }
            }
            let have = try connection.pieces.have(of: row.id, count: geometry.pieceCount)
            guard have.population == row.piecesHave else {
                throw CrashFault("torrent \(row.id) has \(have.population) pieces, and its row says \(row.piecesHave)")
            }
            let wanted = try connection.files.wanted(of: row.id, count: part.torrent.metainfo.layout.files.count)
            let completed = part.torrent.bytes(of: have, inFiles: wanted)
            guard completed == row.completedBytes else {
                throw CrashFault(
                    "torrent \(row.id) has \(completed) bytes of wanted files, and its row says \(row.completedBytes)")
            }
            torrents[row.infoHash] = OfTorrent(
                row: row, have: have,
                opened: try connection.pieces.writeIntents(of: row.id, count: geometry.pieceCount),
                blocks: blocks, wanted: wanted,
                placed: Set(try connection.files.fingerprints(of: row.id).map(\.index)),
                mended: Set(
                    try connection.damage.rows(of: row.id, limit: 100)
                        .filter { [.written, .repaired].contains($0.state) }.map(\.piece)),
                metadataBlocks: try Self.metadataBlocks(row, part, connection),
                isLeaving: leaving.contains(row.id),
                layout: try connection.paths.asStored(part.torrent.metainfo, row.id).layout,
                folder: Self.folder(of: row))
        }
        self.torrents = torrents
    }

    private static func folder(of row: TorrentRow) -> [String] {
        let components = row.output.split(separator: "/").map(String.init)
        return Array(components.dropFirst(components.first == RecordedDisk.rootName ? 1 : 0))
    }

    /// The blocks of metadata of a torrent that waits for it. Throws when one isn't right, or when the torrent neither
    /// has its metadata nor waits for it.
    private static func metadataBlocks(_ row: TorrentRow, _ part: CrashPart, _ connection: Connection) throws -> Set<
        Int
    > {
        guard row.hasMetadata != (try connection.magnets.isListed(row.id)) else {
            throw CrashFault("torrent \(row.id) has its metadata and waits for it, or neither")
        }
        let blocks = try connection.magnets.blocks(of: row.id)
        guard !row.hasMetadata else {
            guard blocks.isEmpty, try connection.metainfos.file(of: row.id) != nil else {
                throw CrashFault("torrent \(row.id) has its metadata, but not its .torrent, or still blocks")
            }
            return []
        }
        let info = part.torrent.file[part.torrent.metainfo.infoRange]
        for block in blocks {
            let stored: [UInt8]? = try connection.value(
                "SELECT data FROM metadata_block WHERE torrent_id = ? AND size = ? AND idx = ?", row.id, block.size,
                block.index)
            guard block.size == info.count, let stored,
                stored.elementsEqual(info.dropFirst(block.index * 16384).prefix(16384))
            else { throw CrashFault("block \(block.index) of the metadata of torrent \(row.id) is wrong") }
        }
        return Set(blocks.map(\.index))
    }

    /// What the database of a disk's state claims; nothing where there is no database yet.
    ///
    /// With `mends` it may be damaged, or between two names: then what counts is what the program's own start makes of
    /// it.
    package init(_ state: DiskState, _ parts: [CrashPart], mends: Bool = false) async throws {
        guard mends || state.file([CrashSite.databaseName]) != nil else {
            self = .none
            return
        }
        self = try await withScratchFolder { folder in
            try state.materialise(in: folder, only: .database)
            let database = folder.appending(CrashSite.databaseName)
            guard mends else {
                return try Claims(try Connection.open(database, mode: .readWriteCreate, now: .now()), parts)
            }
            for backup in try BackupFile.list(database) { try Claims.requireWhole(backup.path) }
            try DatabaseRecovery.finishInterrupted(database)
            do {
                return try Claims(try Connection.open(database, mode: .readWriteCreate, now: .now()), parts)
            } catch let error as StoreError where DatabaseRecovery.answers(error) {
                _ = try DatabaseRecovery.recover(database, because: error.message, now: .now())
            } catch let fault as CrashFault {
                _ = try DatabaseRecovery.recover(database, because: fault.description, now: .now())
            }
            return try Claims(try Connection.open(database, mode: .readWriteCreate, now: .now()), parts)
        }
    }

    /// Throws where a backup has its name and isn't sound.
    private static func requireWhole(_ backup: FilePath) throws {
        let connection = try Connection.open(backup, mode: .readOnly, now: .now())
        let faults = try connection.integrityFaults(.indexes)
        guard faults.isEmpty, try !connection.torrents.rows().isEmpty else {
            throw CrashFault("the backup \(backup) is not whole: \(faults.joined(separator: "; "))")
        }
    }

    // MARK: Judgement

    /// The claims that the disk doesn't keep, a line each.
    package func unfounded(on state: DiskState, _ parts: [CrashPart]) -> [String] {
        parts.flatMap { part -> [String] in
            guard let claims = torrents[part.torrent.infoHash] else { return [] }
            let geometry = part.torrent.geometry
            let pieces = claims.have.pieces.filter { piece in
                !claims.mayBeRotten(piece, part)
                    && !claims.areRight(geometry.offset(of: piece), geometry.length(of: piece), part.torrent, state)
            }
            let blocks = claims.blocks.filter { block in
                let start = block.block * Geometry.blockLength
                let length = min(Geometry.blockLength, geometry.length(of: block.piece) - start)
                return !claims.areRight(geometry.offset(of: block.piece) + Int64(start), length, part.torrent, state)
            }
            var lines: [String] = []
            if !pieces.isEmpty {
                lines.append("\(part.torrent.metainfo.name): pieces \(pieces) are claimed and not right on the disk")
            }
            if !blocks.isEmpty {
                lines.append(
                    "\(part.torrent.metainfo.name): blocks \(blocks.map { "\($0.piece).\($0.block)" }.sorted()) are claimed and not right on the disk"
                )
            }
            return lines
        }
    }

    /// What `earlier` claims, whose commit the disk confirmed, and this doesn't.
    package func lost(since earlier: Claims, _ parts: [CrashPart], mayBeRemoved: Bool) -> [String] {
        parts.compactMap { part in
            let name = part.torrent.metainfo.name
            guard let before = earlier.torrents[part.torrent.infoHash] else { return nil }
            guard let now = torrents[part.torrent.infoHash] else {
                return mayBeRemoved ? nil : "\(name): its row was committed and is gone"
            }
            if before.row.hasMetadata, !now.row.hasMetadata { return "\(name): its metadata was committed and is gone" }
            // What is looked at again isn't claimed meanwhile.
            let lost = before.have.subtracting(now.have).subtracting(now.opened).pieces.filter { $0 != part.rotten }
            return lost.isEmpty ? nil : "\(name): pieces \(lost) were recorded and are not claimed any more"
        }
    }
}

extension Claims.OfTorrent {
    /// Whether the piece rotted, and isn't recorded as written anew since: nobody could know of it.
    func mayBeRotten(_ piece: PieceIndex, _ part: CrashPart) -> Bool { piece == part.rotten && !mended.contains(piece) }

    /// Whether the bytes of the torrent are on the disk, each where a session looks for it.
    fileprivate func areRight(_ offset: Int64, _ length: Int, _ torrent: SampleTorrent, _ state: DiskState) -> Bool {
        var at = Int(offset)
        for segment in layout.segments(offset: offset, length: length) {
            defer { at += segment.length }
            let file = layout.files[segment.file]
            if file.isPad { continue }
            let expected = at..<at + segment.length
            let isPlaced = placed.contains(segment.file)
            var places: [Bool] = []
            if wanted[segment.file] || isPlaced {
                places.append(torrent.stands(expected, in: state.file(payload(file.path)), at: Int(segment.fileOffset)))
            }
            if !isPlaced {
                places.append(torrent.stands(expected, in: state.file(payload([".\(torrent.infoHash).parts"])), at: at))
            }
            if !places.contains(true) { return false }
        }
        return true
    }

    private func payload(_ path: [String]) -> [String] { folder + path }
}

extension SampleTorrent {
    /// The bytes of the pieces that are in wanted files.
    func bytes(of have: Bitfield, inFiles wanted: [Bool]) -> Int64 {
        have.pieces.reduce(0) { sum, piece in
            metainfo.layout.segments(offset: geometry.offset(of: piece), length: geometry.length(of: piece)).reduce(sum)
            { sum, segment in
                wanted[segment.file] && !metainfo.layout.files[segment.file].isPad ? sum + Int64(segment.length) : sum
            }
        }
    }

    /// What is wrong with the wanted files, a line each.
    func faults(on state: DiskState, _ claims: Claims.OfTorrent) -> [String] {
        claims.layout.files.compactMap { file in
            guard claims.wanted[file.index], !file.isPad else { return nil }
            let found = state.file(claims.folder + file.path)
            guard let found, found.bytes.count == file.length else {
                return "\(file.displayPath) has \(found.map { "\($0.bytes.count)" } ?? "no") bytes of \(file.length)"
            }
            return stands(Int(file.offset)..<Int(file.end), in: found, at: 0) ? nil : "\(file.displayPath) is wrong"
        }
    }

    /// Whether the file has these bytes of the torrent at the offset.
    fileprivate func stands(_ range: Range<Int>, in file: DiskState.File?, at offset: Int) -> Bool {
        guard let file, offset + range.count <= file.bytes.count else { return false }
        return content.withUnsafeBytes { content in
            file.bytes.withUnsafeBytes {
                memcmp(content.baseAddress! + range.lowerBound, $0.baseAddress! + offset, range.count) == 0
            }
        }
    }
}
