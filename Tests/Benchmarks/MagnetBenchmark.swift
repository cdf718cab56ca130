import SystemPackage
import Torrent

/// How soon a download that begins with a magnet link receives its first block, beside one that begins with the
/// .torrent. The peer is the program itself, behind a relay that delays what passes through it.
struct MagnetBenchmark: Benchmark {
    private static let roundTrips = [Duration.zero, .milliseconds(50)]
    private static let pieceLength = 64 << 10
    private static let patience = Duration.seconds(60)

    private let runs: Int
    private let pieces: Int

    init?(arguments: [String]) {
        let numbers = arguments.map { Int($0) ?? 0 }
        guard numbers.count <= 2, numbers.allSatisfy({ $0 > 0 }), numbers.dropFirst().first ?? 1 <= 1_000_000 else {
            return nil
        }
        runs = numbers.first ?? 7
        pieces = numbers.dropFirst().first ?? 14_000
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        print("input in \(setup.folder)\n")
        let torrent = try UniformTorrent(
            "payload.img", bytes: pieces * Self.pieceLength, pieceLength: Self.pieceLength,
            filler: UniformTorrent.sparse)
        let seeded = setup.folder.appending("seeder.db")
        try torrent.makeDatabase(seeded, output: try setup.makeFolder("seeded"))
        let port = try Socket.freePort()
        let seeder = try RunningProcess(
            setup.program, ["run", "--database", seeded.string, "--listen-port", "\(port)"] + Self.network)
        _ = try WireHandshake.awaitAnswer(
            port: port, of: torrent.metainfo.infoHash, from: seeder, within: Self.patience)
        let file = setup.folder.appending("payload.torrent")
        try BenchmarkSetup.write(torrent.metainfo.file, to: file)
        let sources = [
            (name: ".torrent", source: file.string),
            (name: "magnet link", source: "\(MagnetLink(infoHash: torrent.metainfo.infoHash))"),
        ]
        let blocks = (torrent.metainfo.infoRange.count + Geometry.blockLength - 1) / Geometry.blockLength
        print("metadata of \(torrent.metainfo.infoRange.count >> 10) KiB in \(blocks) blocks\n")
        let table = Table(
            ["round trip", "begins with", "ms from exec", "best", "ms from the dial", "round trips more"])
        // What the link costs without a delay: the work on this machine, which comes before the dial with a .torrent.
        var local = Duration.zero
        for roundTrip in Self.roundTrips {
            var samples: [[Sample]] = sources.map { _ in [] }
            // In turn, because the speed of a machine changes.
            for _ in 0..<runs {
                for (n, source) in sources.enumerated() {
                    samples[n].append(try measure(source.source, port, roundTrip, setup))
                }
            }
            let medians = samples.map { $0.map(\.fromDial).sorted()[runs / 2] }
            let more = medians[1] - medians[0]
            if roundTrip == .zero { local = more }
            let trips = roundTrip == .zero ? "" : ((more - local) / roundTrip).text(2)
            add(sources[0].name, samples[0], roundTrip, more: "", to: table)
            add(sources[1].name, samples[1], roundTrip, more: trips, to: table)
        }
        _ = try seeder.stop()
        try BenchmarkSetup.remove(setup.folder)
    }

    private static let network = ["--bind", "127.0.0.1", "--no-dht", "--no-lsd", "--quiet"]

    /// When the first block was there.
    private struct Sample {
        let fromExec: Duration
        let fromDial: Duration
    }

    private func measure(_ source: String, _ port: UInt16, _ roundTrip: Duration, _ setup: BenchmarkSetup) throws
        -> Sample
    {
        let folder = try setup.makeFolder("download")
        defer { do { try BenchmarkSetup.remove(folder) } catch { print("\(error)") } }
        let relay = try DelayingRelay(to: port, roundTrip: roundTrip)
        let process = try RunningProcess(
            setup.program,
            [
                "download", source, "--database", folder.appending("pieces.db").string, "--output", folder.string,
                "--listen-port", "0", "--peer", "127.0.0.1:\(relay.port)",
            ] + Self.network, mayFail: true)
        let end = ContinuousClock.now + Self.patience
        while relay.firstBlock == nil {
            guard ContinuousClock.now < end, try process.end() == nil else {
                throw BenchmarkError("no block came within \(Self.patience): see what the program said above")
            }
            try relay.serveOnce()
        }
        guard let dialled = relay.dialled, let block = relay.firstBlock else {
            throw BenchmarkError("a block came without a connection")
        }
        _ = try process.stop()
        return Sample(fromExec: block - process.start, fromDial: block - dialled)
    }

    private func add(_ name: String, _ samples: [Sample], _ roundTrip: Duration, more: String, to table: Table) {
        let (execs, dials) = (samples.map(\.fromExec).sorted(), samples.map(\.fromDial).sorted())
        table.add([
            roundTrip == .zero ? "none" : "\(roundTrip.milliseconds) ms", name, execs[runs / 2].milliseconds,
            execs[0].milliseconds, dials[runs / 2].milliseconds, more,
        ])
    }
}
