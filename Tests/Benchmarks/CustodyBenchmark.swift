import Glibc
import System
import SystemPackage
import Torrent

/// How fast a scrub reads, beside a plain reader past the page cache, how long peers wait meanwhile, and what the
/// import of many torrents costs.
struct CustodyBenchmark: Benchmark {
    private enum Part: String, CaseIterable { case scrub, peer, `import` }

    private static let pieceLength = 1 << 20
    /// Bytes after which the rate of a scrub is taken: it begins up to a second after it was asked for.
    private static let start = 16 << 20
    private static let rounds = 7
    /// Bytes of a torrent that is imported, in two pieces.
    private static let smallTorrent = 32 << 10

    private let parts: [Part]
    private let count: Int?

    init?(arguments: [String]) {
        var rest = arguments[...]
        if let part = rest.first.flatMap(Part.init) {
            parts = [part]
            rest = rest.dropFirst()
        } else {
            parts = Part.allCases
        }
        count = rest.popFirst().map { Int($0) ?? 0 }
        guard rest.isEmpty, count.map({ (1...1_000_000).contains($0) }) ?? true, count == nil || parts.count == 1 else {
            return nil
        }
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        print("input in \(setup.folder)")
        for part in parts {
            print()
            switch part {
            case .scrub: try scrub(setup, bytes: (count ?? 3) << 30)
            case .peer: try PeerWaits(setup: setup, bytes: (count ?? 2) << 30).run()
            case .import: try importTorrents(setup, count: count ?? 10_000)
            }
        }
    }

    // MARK: A scrub

    private func scrub(_ setup: BenchmarkSetup, bytes: Int) throws {
        let folder = try setup.makeFolder("scrub")
        let torrent = try UniformTorrent(
            "payload.bin", bytes: bytes, pieceLength: Self.pieceLength, filler: UniformTorrent.solid)
        let (file, database) = (folder.appending("payload.torrent"), folder.appending("scrub.db"))
        try BenchmarkSetup.write(torrent.metainfo.file, to: file)
        _ = try torrent.write(to: folder)
        _ = try ProcessSample(
            setup.program,
            ["verify", file.string, "--output", folder.string, "--adopt", "--database", database.string, "--quiet"])
        let engine = try RunningProcess(
            setup.program,
            ["run", "--database", database.string, "--listen-port", "0", "--no-dht", "--no-lsd", "--quiet"])
        print("\(bytes >> 30) GiB in pieces of 1 MiB, read past the page cache, in turn")
        let table = Table(["plain reader, MB/s", "scrub, MB/s", "ratio", "CPU-s/GiB"])
        var ratios: [Double] = []
        for _ in 0..<Self.rounds {
            // What was verified within the second in which a scrub is asked for isn't due.
            sleep(2)
            let plain = Double(bytes) / 1e6 / (try readDirectly(folder.appending("payload.bin"))).seconds
            let cpu = try engine.cpu
            let rate = try scrubRate(engine, bytes, database, setup)
            ratios.append(rate / plain)
            table.add([
                plain.text(0), rate.text(0), (rate / plain).text(3),
                ((try engine.cpu - cpu).seconds * Double(1 << 30) / Double(bytes)).text(2),
            ])
        }
        print("median of the ratios: \(ratios.median { $0 }.text(3))")
        _ = try engine.stop()
        try BenchmarkSetup.remove(folder.appending("payload.bin"))
    }

    /// Reads the file as a scrub does, 8 MiB at a time, and does nothing else.
    private func readDirectly(_ path: FilePath) throws -> Duration {
        let length = 8 << 20
        let file = open(path.string, O_RDONLY | Linux.direct | O_CLOEXEC)
        guard file >= 0 else { throw BenchmarkError("\(path) can't be read directly: \(Errno(rawValue: errno))") }
        defer { close(file) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 4096)
        defer { memory.deallocate() }
        let start = ContinuousClock.now
        while true {
            let count = read(file, memory, length)
            guard count >= 0 else { throw BenchmarkError("\(path) can't be read: \(Errno(rawValue: errno))") }
            if count == 0 { return start.duration(to: .now) }
        }
    }

    /// MB a second from the first bytes to the last.
    private func scrubRate(_ engine: RunningProcess, _ bytes: Int, _ database: FilePath, _ setup: BenchmarkSetup) throws
        -> Double
    {
        let before = try engine.readBytes
        _ = try ProcessSample(setup.program, ["scrub", "now", "--database", database.string, "--quiet"])
        var first: (bytes: Int, at: ContinuousClock.Instant)?
        let latest = ContinuousClock.now + .seconds(300)
        while .now < latest {
            let (read, now) = (try engine.readBytes - before, ContinuousClock.now)
            if first == nil, read >= Self.start { first = (read, now) }
            if let first, read >= bytes { return Double(read - first.bytes) / 1e6 / first.at.duration(to: now).seconds }
            usleep(5000)
        }
        throw BenchmarkError("the scrub has not read everything in five minutes")
    }

    // MARK: An import

    private func importTorrents(_ setup: BenchmarkSetup, count: Int) throws {
        let folder = try setup.makeFolder("import")
        for name in ["payload", "state", "state/torrents", "state/resume"] {
            _ = try setup.makeFolder("import/" + name)
        }
        let payload = folder.appending("payload")
        for n in 0..<count {
            let torrent = try UniformTorrent(
                "file-\(n).bin", bytes: Self.smallTorrent, pieceLength: Self.smallTorrent / 2,
                filler: UniformTorrent.sparse)
            _ = try torrent.write(to: payload)
            let (hash, path) = (torrent.metainfo.infoHash, payload.string)
            let resume =
                "d11:destination\(path.utf8.count):\(path)6:labelsl7:label-\(n % 7)e6:pausedi0e8:progressd6:blocks3:allee"
            try BenchmarkSetup.write(torrent.metainfo.file, to: folder.appending("state/torrents/\(hash).torrent"))
            try BenchmarkSetup.write(Array(resume.utf8), to: folder.appending("state/resume/\(hash).resume"))
        }
        let sample = try ProcessSample(
            setup.program,
            [
                "import", "--from", "transmission", folder.appending("state").string, "--no-hash", "--quiet",
                "--database", folder.appending("import.db").string,
            ])
        print("\(count) torrents of Transmission, as rows")
        let table = Table(["s", "CPU s", "MiB resident"])
        table.add([
            sample.wall.seconds.text(1), sample.cpu.seconds.text(1), (Double(sample.residentKiB) / 1024).text(1),
        ])
        try BenchmarkSetup.remove(payload)
    }
}
