import Glibc
import Store
import SystemPackage
import Torrent

/// What can be counted of the program's work, beside the most that it may be.
struct CountsBenchmark: Benchmark {
    private static let bytes = 1 << 30
    private static let pieceLength = 1 << 20
    private static let seeds = 1000
    private static let patience = Duration.seconds(60)

    init?(arguments: [String]) { if !arguments.isEmpty { return nil } }

    func run() throws {
        let setup = try BenchmarkSetup()
        let tracer = try SystemCallTracer()
        print("input in \(setup.folder)\n")
        let torrent = try UniformTorrent(
            "payload.bin", bytes: Self.bytes, pieceLength: Self.pieceLength, filler: UniformTorrent.solid)
        let table = Table(
            ["counted", "value", "at most", "unit"], firstWidth: Threshold.all.map(\.what.count).max() ?? 0)
        var exceeded: [String] = []
        func compare(_ threshold: Threshold, _ value: Double) {
            let text = value.text(value < 100 ? 2 : 0)
            table.add([threshold.what, text, "\(threshold.most)", threshold.unit])
            if value > Double(threshold.most) {
                exceeded.append(
                    "\(threshold.what): \(text) \(threshold.unit) are more than \(threshold.most), though \(threshold.why)"
                )
            }
        }
        compare(.residentOfDownload, try residentOfDownload(torrent, setup))
        compare(.databaseBytes, try databaseBytes(torrent, tracer, setup))
        let (downloading, verifying) = try systemCalls(torrent, tracer, setup)
        compare(.callsOfDownload, downloading)
        compare(.callsOfVerification, verifying)
        let (descriptors, threads, resident) = try seed(setup)
        compare(.descriptorsOfSeed, Double(descriptors))
        compare(.threadsOfSeed, Double(threads))
        compare(.residentOfSeed, resident)
        guard exceeded.isEmpty else { throw BenchmarkError(exceeded.joined(separator: "\n")) }
    }

    // MARK: A GiB

    private func download(
        _ name: String, _ torrent: UniformTorrent, _ setup: BenchmarkSetup, wrapper: [String] = []
    ) throws -> (PayloadDownload, FilePath) {
        let folder = try setup.makeFolder(name)
        return (try PayloadDownload(torrent, peers: 1, in: folder, setup, wrapper: wrapper), folder)
    }

    private func residentOfDownload(_ torrent: UniformTorrent, _ setup: BenchmarkSetup) throws -> Double {
        let (download, folder) = try download("plain", torrent, setup)
        try BenchmarkSetup.remove(folder.appending("output"))
        return Double(download.peakKiB) / 1024
    }

    private func databaseBytes(_ torrent: UniformTorrent, _ tracer: SystemCallTracer, _ setup: BenchmarkSetup) throws
        -> Double
    {
        let trace = setup.folder.appending("writes.strace")
        let (_, folder) = try download("traced", torrent, setup, wrapper: tracer.tracingWrites(to: trace))
        try BenchmarkSetup.remove(folder.appending("output"))
        return Double(try tracer.bytesWritten(below: folder.appending("pieces.db"), in: trace)) / 1_048_576
    }

    private func systemCalls(_ torrent: UniformTorrent, _ tracer: SystemCallTracer, _ setup: BenchmarkSetup) throws -> (
        Double, Double
    ) {
        let counts = (setup.folder.appending("download.perf"), setup.folder.appending("verify.perf"))
        let (_, folder) = try download("counted", torrent, setup, wrapper: tracer.counting(to: counts.0))
        let database = folder.appending("pieces.db").string
        let verify =
            tracer.counting(to: counts.1) + [
                setup.program.string, "verify", "--restart", "--quiet", "--database", database,
            ]
        _ = try ProcessSample(FilePath(verify[0]), Array(verify.dropFirst()))
        try BenchmarkSetup.remove(folder.appending("output"))
        return (Double(try tracer.count(in: counts.0)), Double(try tracer.count(in: counts.1)))
    }

    // MARK: Seeds

    private func seed(_ setup: BenchmarkSetup) throws -> (descriptors: Int, threads: Int, resident: Double) {
        let database = setup.folder.appending("seeds.db")
        let payload = try setup.makeFolder("seeds")
        let now = Timestamp.now()
        var last: InfoHash?
        try Archive.fill(
            database, count: Self.seeds,
            prepare: { n in
                let torrent = try UniformTorrent(
                    "volume-\(n).img", bytes: 1 << 20, pieceLength: 256 << 10, filler: UniformTorrent.sparse)
                last = torrent.metainfo.infoHash
                return (torrent, try torrent.write(to: payload))
            },
            insert: { item, connection throws(StoreError) in
                try item.0.insertComplete(connection, output: payload, files: item.1, now: now)
            })
        guard let last else { throw BenchmarkError("no torrent was made") }
        let port = try Socket.freePort()
        let process = try RunningProcess(
            setup.program,
            ["run", "--database", database.string, "--bind", "127.0.0.1", "--listen-port", "\(port)", "--quiet"])
        _ = try WireHandshake.awaitAnswer(port: port, of: last, from: process, within: Self.patience)
        sleep(2)
        let held = (try process.descriptors, process.threads, Double(process.residentKiB) / 1024)
        _ = try process.stop()
        return held
    }
}
