import Glibc
import Store
import SystemPackage
import Torrent

/// How long `pieces status` takes, as a whole process, in a database of many torrents.
struct StatusBenchmark {
    private static let partSize = 1000
    private static let pieceLength = 1 << 20

    let torrents: Int
    let runs: Int

    func run() throws {
        let folder = try Self.makeFolder()
        let database = folder.appending("pieces.db")
        try fill(database)
        print("\(torrents) torrents in \(database)")
        let program = try FilePath(Self.link("/proc/self/exe")).removingLastComponent().appending("pieces")
        let number = "\((torrents + 1) / 2)"
        for arguments in [["--version"], ["status", number], ["status"], ["status", "--json"], ["status", "--json", "--pieces"]] {
            let samples = try (0..<runs).map { _ in
                try ProcessSample(program, arguments + (arguments == ["--version"] ? [] : ["--database", database.string]))
            }
            print("pieces \(arguments.joined(separator: " ")): \(ProcessSample.summary(samples))")
        }
    }

    /// Torrents of an archive: one in ten is not complete, one in a hundred has an error, one in fifty is awake.
    private func fill(_ database: FilePath) throws {
        let connection = try Connection.open(database, mode: .readWriteCreate, now: Timestamp(0))
        let now = Timestamp.now()
        // In parts, so that this process stays small: a process that it starts counts as having been as large as this one.
        for part in stride(from: 1, through: torrents, by: Self.partSize).map({ $0..<min($0 + Self.partSize, torrents + 1) }) {
            // Loss doesn't matter here, and a commit for each would.
            let ids = try connection.transaction(durability: .lazy) { () throws(StoreError) in
                var ids: [TorrentID] = []
                for n in part { ids.append(try add(n, connection, now)) }
                return ids
            }
            try connection.record(zip(part, ids).filter { n, _ in !Self.isIncomplete(n) }.map { n, id in Self.completion(of: id, n, now) })
        }
        try connection.checkpoint()
    }

    private func add(_ n: Int, _ connection: Connection, _ now: Timestamp) throws(StoreError) -> TorrentID {
        let id = try connection.insertTorrent(NewTorrent(metainfo: Self.metainfo(n), output: "/srv/mirror/archive"), now: now)
        for var tracker in try connection.trackers(of: id) {
            (tracker.seeders, tracker.leechers) = (n % 300, n % 17)
            try connection.saveTracker(tracker)
        }
        let error = n % 100 == 7 ? "the folder /srv/mirror/archive cannot be written: Permission denied" : nil
        try connection.setState(id, error != nil ? .error : Self.isIncomplete(n) ? .downloading : .seeding, error: error)
        if n % 50 == 0 {
            try connection.saveLive([
                LiveRow(
                    torrent: id, downloadRate: Int64(n) * 1000, uploadRate: Int64(n) * 300, peersConnected: n % 80, seeders: n % 40, leechers: n % 30,
                    timeLeft: .seconds(n), at: now)
            ])
        }
        return id
    }

    private static func isIncomplete(_ n: Int) -> Bool { n % 10 == 0 }

    private static func pieceCount(_ n: Int) -> Int { 1 + n % 8 }

    private static func completion(of id: TorrentID, _ n: Int, _ now: Timestamp) -> ProgressRecord {
        var record = ProgressRecord(torrent: id, verifiedAt: now)
        record.newPieces = (0..<pieceCount(n)).map { PieceIndex($0) }
        record.completedBytes = Int64(pieceCount(n) * pieceLength)
        record.completedAt = now
        return record
    }

    private static func metainfo(_ n: Int) -> Metainfo {
        let name = n % 50 == 0 ? "Fotos aus München – Teil \(n)" : "debian-12.\(n % 10)-amd64-netinst-volume-\(n).iso"
        let content = TorrentBuilder.Content.file(length: Int64(pieceCount(n) * pieceLength))
        let hashes = (0..<pieceCount(n) * 20).map { UInt8(truncatingIfNeeded: n &* 31 &+ $0) }
        var builder = TorrentBuilder(name: name, content: content, pieceLength: pieceLength, pieceHashes: hashes)
        builder.trackers = [["http://tracker.example.org:6969/announce"]]
        do {
            return try Metainfo(torrentFile: try builder.build())
        } catch {
            preconditionFailure("a torrent of this file is not one: \(error)")
        }
    }

    private static func makeFolder() throws -> FilePath {
        guard let template = strdup("/tmp/pieces-bench-XXXXXX") else { throw Errno.noMemory }
        defer { free(template) }
        guard let made = mkdtemp(template) else { throw Errno(rawValue: errno) }
        return FilePath(platformString: made)
    }

    private static func link(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else { throw Errno(rawValue: errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
