import Store
import SystemPackage
import Torrent

/// The cost of one torrent of many pieces: to tell of it, to seed it, to begin with it.
struct PieceGrowth {
    private static let pieceLength = 16 << 10
    private static let runs = 5
    private static let patience = Duration.seconds(60)

    let most: Int
    let setup: BenchmarkSetup

    func measure() throws -> Plot {
        var show = Plot.Series("pieces show")
        var handshake = Plot.Series("seed: handshake")
        var request = Plot.Series("download: request")
        var size = Plot.Series("database")
        var memory = Plot.Series("seed, resident")
        let table = Table([
            "pieces", ".torrent KiB", "database KiB", "show ms", "seed: handshake ms", "download: request ms",
            "seed, MiB resident",
        ])
        for count in GrowthBenchmark.decades(from: 100, to: most) {
            let folder = try setup.makeFolder("pieces-\(count)")
            let torrent = try UniformTorrent(
                "image.img", bytes: count * Self.pieceLength, pieceLength: Self.pieceLength,
                filler: UniformTorrent.sparse)
            let file = folder.appending("image.torrent")
            try BenchmarkSetup.write(torrent.metainfo.file, to: file)
            let shown = try (0..<Self.runs).map { _ in try ProcessSample(setup.program, ["show", file.string]) }
                .median(\.wall)

            let database = folder.appending("seed.db")
            try torrent.makeDatabase(database, output: try setup.makeFolder("pieces-\(count)/payload"))
            let bytes = try BenchmarkSetup.size(database)
            let seeds = try (0..<Self.runs).map { _ in try seed(database, torrent) }
            let requests = try (0..<Self.runs).map { n in try download(file, torrent, folder, n) }

            let (answered, asked) = (seeds.median(\.0), requests.median(\.self))
            let resident = seeds.median(\.1)
            table.add([
                "\(count)", "\(torrent.metainfo.file.count >> 10)", "\(bytes >> 10)", shown.milliseconds,
                answered.milliseconds, asked.milliseconds,
                (Double(resident) / 1024).text(1),
            ])
            let x = Double(count)
            show.points.append((x, shown / .milliseconds(1)))
            handshake.points.append((x, answered / .milliseconds(1)))
            request.points.append((x, asked / .milliseconds(1)))
            size.points.append((x, Double(bytes) / 1_048_576))
            memory.points.append((x, Double(resident) / 1024))
        }
        return Plot(
            title: "Pieces of one torrent", axis: "pieces of 16 KiB",
            panels: [
                .init(axis: "milliseconds from exec", series: [show, handshake, request]),
                .init(axis: "MiB", series: [size, memory]),
            ])
    }

    /// From exec until a handshake was answered, and the KiB that are resident then.
    private func seed(_ database: FilePath, _ torrent: UniformTorrent) throws -> (Duration, Int) {
        let port = try Socket.freePort()
        let process = try RunningProcess(
            setup.program,
            ["run", "--database", database.string, "--bind", "127.0.0.1", "--listen-port", "\(port)", "--quiet"])
        let answer = try WireHandshake.awaitAnswer(
            port: port, of: torrent.metainfo.infoHash, from: process, within: Self.patience)
        let resident = process.residentKiB
        _ = try process.stop()
        return (process.start.duration(to: answer), resident)
    }

    /// From exec until the first block was asked for, of a torrent that is in the database and has nothing yet.
    private func download(_ file: FilePath, _ torrent: UniformTorrent, _ folder: FilePath, _ n: Int) throws -> Duration
    {
        let database = folder.appending("download-\(n).db")
        let output = try setup.makeFolder("\(folder.lastComponent?.string ?? "pieces")/download-\(n)")
        _ = try ProcessSample(
            setup.program, ["add", file.string, "--database", database.string, "--output", output.string])
        let peers = try WirePeers(torrent, answersRequests: false)
        let process = try RunningProcess(
            setup.program,
            ["run", "--database", database.string, "--bind", "127.0.0.1", "--listen-port", "0", "--quiet"]
                + peers.arguments)
        let request = try peers.awaitRequest(of: process, within: Self.patience)
        _ = try process.stop()
        return process.start.duration(to: request)
    }
}
