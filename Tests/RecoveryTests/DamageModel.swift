import DatabaseLab
import Store
import SystemPackage
import Testing
import Torrent

/// A database as an engine leaves it, and what of it is true: the model that the corruption tests damage.
struct DamageModel: Sendable {
    struct Known: Sendable {
        let infoHash: InfoHash
        let name: String
        let file: [UInt8]
        /// Pieces that are on the disk: what may be claimed.
        let have: Bitfield
    }

    /// The bytes of the file, and of its log, which has the newest transactions.
    let file: [UInt8]
    let log: [UInt8]
    /// A backup that was made before the last torrents were added and the last pieces came.
    let backup: [UInt8]
    let backupAt: Timestamp
    let torrents: [TorrentID: Known]
    /// Torrents that were there and have been removed.
    let removed: Set<TorrentID>

    static let count = 30
    static let pageSize = 4096
    static let made = Result { try DamageModel(seed: 7) }

    init(seed: UInt64) throws {
        let folder = try TemporaryFolder()
        var random = SeededGenerator(seed: seed)
        let db = try folder.connection()
        let run = try db.runs.begin(pid: 7, version: "1", bootID: "boot", now: noon)
        try db.settings.set("download.limit", "1000")
        let volume = try db.volumes.save(identity: "uuid", mountPath: "/data", now: noon)
        var torrents: [TorrentID: Known] = [:]
        var removed: Set<TorrentID> = []
        for n in 0..<Self.count + 3 {
            if n == Self.count - 4 {
                try db.checkpoint()
                try db.backup(to: folder.path.appending("backup"))
            }
            let id = try Self.add(n, to: db, volume, &random, &torrents)
            if n % 11 == 5 {
                try db.torrents.remove(id, now: noon)
                torrents[id] = nil
                removed.insert(id)
            }
        }
        // A piece that was claimed is found rotten; from here on the log has what comes.
        for id in torrents.keys.sorted().prefix(4) {
            guard let known = torrents[id], let piece = known.have.pieces.first(where: { _ in true }) else { continue }
            try db.pieces.markDamaged(id, pieces: [piece], files: [0], completedBytes: 0)
            var have = known.have
            have.remove(piece)
            torrents[id] = Known(infoHash: known.infoHash, name: known.name, file: known.file, have: have)
        }
        for id in torrents.keys.sorted().suffix(6) { torrents[id] = try Self.progress(id, db, torrents[id], &random) }
        try db.runs.heartbeat(run, now: noon + .seconds(60))
        file = try read(folder.database)
        log = try read(FilePath(folder.database.string + "-wal"))
        backup = try read(folder.path.appending("backup"))
        backupAt = noon
        self.torrents = torrents
        self.removed = removed
        withExtendedLifetime(db) {}
    }

    private static func add(
        _ n: Int, to db: Connection, _ volume: VolumeID, _ random: inout SeededGenerator,
        _ torrents: inout [TorrentID: Known]
    ) throws -> TorrentID {
        let files = n == 9 ? 1100 : [3, 12, 30, 70][n % 4] + n
        let metainfo = try madeUp(
            seed: UInt64(n), files: files, trackers: [["http://a.example/\(n)"], ["udp://b.example:\(1000 + n)"]])
        var settings = TorrentSettings()
        settings.seedGoal = n % 3 == 0 ? .ratio(2) : .standard
        settings.limits.upload = n % 5 == 0 ? 10_000 : nil
        let wanted = n % 4 == 1 ? (0..<files).map { $0 % 7 != 3 } : nil
        let id = try db.torrents.insert(
            NewTorrent(metainfo: metainfo, output: "/data/\(n)", settings: settings, wanted: wanted), now: noon)
        try db.torrents.setRootSeen(id)
        try db.execute("UPDATE torrent SET volume_id = ? WHERE id = ?", volume, id)
        var known = Known(
            infoHash: metainfo.infoHash, name: metainfo.name, file: metainfo.file, have: Bitfield(count: files))
        for _ in 0..<2 { known = try progress(id, db, known, &random) ?? known }
        let updates = (0..<8).map { n in
            var update = PeerUpdate(
                address: PeerAddress(.v4(UInt32.random(in: 1...UInt32.max - 1, using: &random)), port: 6881),
                source: .tracker)
            update.downloadedDelta = Int64(n) * 1000
            update.client = "client \(n)"
            return update
        }
        try db.peers.save(id, updates, now: noon)
        torrents[id] = known
        return id
    }

    /// Some pieces more, with the fingerprints of their files; one file is a piece.
    private static func progress(_ id: TorrentID, _ db: Connection, _ known: Known?, _ random: inout SeededGenerator)
        throws
        -> Known?
    {
        guard let known else { return nil }
        var have = known.have
        let new =
            have.isEmpty
            ? Array(0..<have.count / 2)
            : (0..<have.count).filter { !have[PieceIndex($0)] && Bool.random(using: &random) }
        try db.pieces.addWriteIntents(id, pieces(new), now: noon)
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.newPieces = pieces(new)
        record.files = new.prefix(20).map {
            FingerprintRow(
                index: $0,
                FileFingerprint(size: 16384, mtimeNs: 1_700_000_000_000_000_000, inode: UInt64($0) + 7, device: 1))
        }
        record.fileBytes = new.prefix(20).map { FileBytes(index: $0, completed: 16384) }
        record.downloadedDelta = Int64(new.count) * 16384
        for piece in new { have.insert(PieceIndex(piece)) }
        record.completedBytes = Int64(have.population) * 16384
        if let last = (0..<have.count).last(where: { !have[PieceIndex($0)] }) {
            record.partials = [PartialPieceRow(piece: PieceIndex(last), blocks: [0x80])]
        }
        try db.pieces.record([record])
        return Known(infoHash: known.infoHash, name: known.name, file: known.file, have: have)
    }
}

/// What a seed does to the file, its log, or both.
struct Damage: CustomStringConvertible {
    private(set) var description = ""
    private(set) var file: [UInt8]
    private(set) var log: [UInt8]
    /// Whether a backup lies beside the database.
    let hasBackup: Bool
    /// Whether the log was copied into the file before, as after a clean stop.
    let isCheckpointed: Bool

    init(seed: UInt64, _ model: DamageModel, checkpointed: [UInt8]) {
        var random = SeededGenerator(seed: seed)
        hasBackup = Bool.random(using: &random)
        isCheckpointed = Bool.random(using: &random)
        file = isCheckpointed ? checkpointed : model.file
        log = isCheckpointed ? [] : model.log
        for _ in 0...Int.random(in: 0...2, using: &random) {
            if !log.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
                description += " log:" + Self.harm(&log, &random)
            } else {
                description += " file:" + Self.harm(&file, &random)
            }
        }
    }

    private static func harm(_ bytes: inout [UInt8], _ random: inout SeededGenerator) -> String {
        guard !bytes.isEmpty else { return "nothing" }
        let pages = max(1, bytes.count / DamageModel.pageSize)
        // The first pages have the schema and the roots: they get their share.
        let page =
            Bool.random(using: &random)
            ? Int.random(in: 0..<min(pages, 40), using: &random) : Int.random(in: 0..<pages, using: &random)
        let start = min(page * DamageModel.pageSize, bytes.count - 1)
        let end = min(start + DamageModel.pageSize, bytes.count)
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1, 2:
            let count = Int.random(in: 1...8, using: &random)
            for _ in 0..<count {
                bytes[Int.random(in: start..<end, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            return "\(count) bits of page \(page)"
        case 3:
            // The head of the page, where it matters most.
            bytes[Int.random(in: start..<min(start + 100, end), using: &random)] ^=
                1 << UInt8.random(in: 0..<8, using: &random)
            return "a bit of the head of page \(page)"
        case 4:
            for n in start..<end { bytes[n] = 0 }
            return "zeros in page \(page)"
        case 5:
            let sector = start + Int.random(in: 0..<8, using: &random) * 512
            for n in min(sector, end)..<min(sector + 512, end) { bytes[n] = 0 }
            return "zeros in a sector of page \(page)"
        case 6:
            for n in start..<end { bytes[n] = UInt8.random(in: 0...255, using: &random) }
            return "noise in page \(page)"
        default:
            let length = Bool.random(using: &random) ? start : Int.random(in: 0..<bytes.count, using: &random)
            bytes.removeLast(bytes.count - length)
            return "cut at \(length)"
        }
    }
}
