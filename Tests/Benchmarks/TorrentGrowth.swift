import Glibc
import Store
import SystemPackage
import Torrent

/// The cost of a database of many complete torrents: `pieces status`, and an engine that seeds them.
struct TorrentGrowth {
    private static let pieceLength = 256 << 10
    private static let pieces = 4
    /// What each of the most torrents has in a row of its own.
    private static let manyPieces = 2000
    private static let runs = 5
    private static let idleTime = 10
    private static let patience = Duration.seconds(60)

    let most: Int
    let setup: BenchmarkSetup

    func measure() throws -> Plot {
        var status = Plot.Series("pieces status")
        var json = Plot.Series("status --json")
        var first = Plot.Series("first handshake")
        var all = Plot.Series("three handshakes")
        var memory = Plot.Series("pieces run, idle")
        let table = Table([
            "torrents", "pieces each", "status ms", "--json ms", "1st handshake ms", "all three ms", "MiB resident",
            "idle CPU ms of \(Self.idleTime) s", "threads",
            "descriptors",
        ])
        let counts = GrowthBenchmark.decades(from: 100, to: most)
        for (count, pieces) in counts.map({ ($0, Self.pieces) }) + counts.suffix(1).map({ ($0, Self.manyPieces) }) {
            let name = "torrents-\(count)-\(pieces)"
            let folder = try setup.makeFolder(name)
            let database = folder.appending("pieces.db")
            let hashes = try fill(database, count, pieces, payload: try setup.makeFolder("\(name)/payload"))
            let told = try median(["status"], database)
            let toldInJSON = try median(["status", "--json"], database)
            let seeds = try (0..<Self.runs).map { n in try seed(database, hashes, isIdle: n == 0) }
            let handshakes = (seeds.median(\.first), seeds.median(\.all))
            let idle = seeds[0]
            table.add([
                "\(count)", "\(pieces)", told.milliseconds, toldInJSON.milliseconds, handshakes.0.milliseconds,
                handshakes.1.milliseconds,
                (Double(idle.residentKiB) / 1024).text(1), idle.idleCPU.milliseconds, "\(idle.threads)",
                "\(idle.descriptors)",
            ])
            try BenchmarkSetup.remove(folder)
            guard pieces == Self.pieces else { continue }
            let x = Double(count)
            status.points.append((x, told / .milliseconds(1)))
            json.points.append((x, toldInJSON / .milliseconds(1)))
            first.points.append((x, handshakes.0 / .milliseconds(1)))
            all.points.append((x, handshakes.1 / .milliseconds(1)))
            memory.points.append((x, Double(idle.residentKiB) / 1024))
        }
        return Plot(
            title: "Torrents in the database", axis: "torrents",
            panels: [
                .init(axis: "milliseconds from exec", series: [status, json, first, all]),
                .init(axis: "MiB resident", series: [memory]),
            ])
    }

    // MARK: Input

    /// Makes the database; the info hashes of its first, middle and last torrent.
    private func fill(_ database: FilePath, _ count: Int, _ pieces: Int, payload: FilePath) throws -> [InfoHash] {
        let now = Timestamp.now()
        var chosen: [InfoHash] = []
        try Archive.fill(
            database, count: count,
            prepare: { n in
                let torrent = try UniformTorrent(
                    "volume-\(n).img", bytes: pieces * Self.pieceLength, pieceLength: Self.pieceLength,
                    filler: UniformTorrent.sparse)
                if [1, (count + 1) / 2, count].contains(n) { chosen.append(torrent.metainfo.infoHash) }
                let output = payload.appending("shelf-\(n / 1000)")
                try BenchmarkSetup.makeFolder(output)
                return (torrent, output, try torrent.write(to: output))
            },
            insert: { item, connection throws(StoreError) in
                try item.0.insertComplete(connection, output: item.1, files: item.2, now: now)
            })
        return chosen
    }

    // MARK: Measures

    private func median(_ arguments: [String], _ database: FilePath) throws -> Duration {
        try (0..<Self.runs).map { _ in try ProcessSample(setup.program, arguments + ["--database", database.string])
        }.median(\.wall)
    }

    private struct Seed {
        /// From exec until the first torrent answered.
        let first: Duration
        /// The same until the middle and the last one had answered too.
        let all: Duration
        let residentKiB: Int
        let idleCPU: Duration
        let threads: Int
        let descriptors: Int
    }

    private func seed(_ database: FilePath, _ hashes: [InfoHash], isIdle: Bool) throws -> Seed {
        let port = try Socket.freePort()
        let process = try RunningProcess(
            setup.program,
            ["run", "--database", database.string, "--bind", "127.0.0.1", "--listen-port", "\(port)", "--quiet"])
        let answers = try hashes.map {
            process.start.duration(
                to: try WireHandshake.awaitAnswer(port: port, of: $0, from: process, within: Self.patience))
        }
        let before = try process.cpu
        if isIdle { sleep(UInt32(Self.idleTime)) }
        let seed = Seed(
            first: answers[0], all: answers[answers.count - 1], residentKiB: process.residentKiB,
            idleCPU: try process.cpu - before,
            threads: process.threads, descriptors: try process.descriptors)
        _ = try process.stop()
        return seed
    }
}
