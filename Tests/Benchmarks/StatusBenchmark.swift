import Store
import SystemPackage
import Torrent

/// How long `pieces status` takes, as a whole process, in a database of many torrents.
struct StatusBenchmark: Benchmark {
    private static let pieceLength = 1 << 20

    private let torrents: Int
    private let runs: Int

    init?(arguments: [String]) {
        let numbers = arguments.map { Int($0) ?? 0 }
        guard numbers.count <= 2, numbers.allSatisfy({ $0 > 0 }) else { return nil }
        torrents = numbers.first ?? 10_000
        runs = numbers.dropFirst().first ?? 20
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        let database = setup.folder.appending("pieces.db")
        let now = Timestamp.now()
        try Archive.fill(database, count: torrents, prepare: { $0 }) { n, connection throws(StoreError) in
            try Self.add(n, connection, now)
        }
        print("\(torrents) torrents in \(database)")
        let number = "\((torrents + 1) / 2)"
        for arguments in [
            ["--version"], ["status", number], ["status"], ["status", "--json"], ["status", "--json", "--pieces"],
        ] {
            let samples = try (0..<runs).map { _ in
                try ProcessSample(
                    setup.program, arguments + (arguments == ["--version"] ? [] : ["--database", database.string]))
            }
            print("pieces \(arguments.joined(separator: " ")): \(ProcessSample.summary(samples))")
        }
    }

    /// A torrent of an archive: one in ten is not complete, one in a hundred has an error, one in fifty is awake.
    private static func add(_ n: Int, _ connection: Connection, _ now: Timestamp) throws(StoreError) -> ProgressRecord?
    {
        let id = try connection.torrents.insert(
            NewTorrent(metainfo: metainfo(n), output: "/srv/mirror/archive"), now: now)
        for var tracker in try connection.trackers.rows(of: id) {
            (tracker.seeders, tracker.leechers) = (n % 300, n % 17)
            try connection.trackers.save(tracker)
        }
        let isIncomplete = n % 10 == 0
        let error = n % 100 == 7 ? "the folder /srv/mirror/archive cannot be written: Permission denied" : nil
        try connection.torrents.setState(
            id, error != nil ? .error : isIncomplete ? .downloading : .seeding, error: error)
        if n % 50 == 0 {
            try connection.live.save([
                LiveRow(
                    torrent: id, downloadRate: Int64(n) * 1000, uploadRate: Int64(n) * 300, peersConnected: n % 80,
                    seeders: n % 40, leechers: n % 30,
                    timeLeft: .seconds(n), at: now)
            ])
        }
        return isIncomplete ? nil : completion(of: id, n, now)
    }

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
        var builder = TorrentBuilder(name: name, content: content, pieceLength: pieceLength, pieceHashes: .raw(hashes))
        builder.trackers = [["http://tracker.example.org:6969/announce"]]
        do {
            return try Metainfo(torrentFile: try builder.build())
        } catch {
            preconditionFailure("a torrent of this file is not one: \(error)")
        }
    }
}
