import SystemPackage
import Torrent

/// How fast `pieces verify` reads and hashes payload that it has never seen, from the page cache, as a whole process:
/// added, hashed, synced, recorded.
struct VerifyBenchmark: Benchmark {
    /// A way to cut the same number of bytes.
    private struct Shape {
        let name: String
        let pieceLength: Int
        var files = 1
        /// Whether the floor is measured beside it.
        var isCompared = false
    }

    /// What any verification does, and nothing around it.
    private static let floor = "the same, reads and lanes alone"
    private static let payload = "payload.bin"
    private static let shapes = [
        Shape(name: "pieces of 256 KiB", pieceLength: 256 << 10),
        Shape(name: "pieces of 1 MiB", pieceLength: 1 << 20, isCompared: true),
        Shape(name: "pieces of 16 MiB", pieceLength: 16 << 20),
        Shape(name: "10,000 files, pieces of 1 MiB", pieceLength: 1 << 20, files: 10_000),
    ]

    private let bytes: Int
    private let runs: Int

    init?(arguments: [String]) {
        let numbers = arguments.map { Int($0) ?? 0 }
        guard numbers.count <= 2, numbers.allSatisfy({ (1...1024).contains($0) }) else { return nil }
        bytes = (numbers.first ?? 4) << 30
        runs = numbers.dropFirst().first ?? 5
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        print("input in \(setup.folder)\n")
        let table = Table(
            ["\(bytes >> 30) GiB as", "GB/s", "best", "CPU-s/GiB", "least", "MiB resident"],
            firstWidth: max(Self.floor.count, Self.shapes.map(\.name.count).max() ?? 0))
        func add(_ name: String, _ samples: [ProcessSample]) {
            func rate(_ wall: Duration) -> String { (Double(bytes) / 1e9 / wall.seconds).text(1) }
            func share(_ cpu: Duration) -> String { (cpu.seconds * Double(1 << 30) / Double(bytes)).text(3) }
            let (walls, cpus) = (samples.map(\.wall).sorted(), samples.map(\.cpu).sorted())
            let resident = samples.map(\.residentKiB).max() ?? 0
            table.add([
                name, rate(walls[runs / 2]), rate(walls[0]), share(cpus[runs / 2]), share(cpus[0]),
                (Double(resident) / 1024).text(1),
            ])
        }
        for (number, shape) in Self.shapes.enumerated() {
            let (samples, floors) = try measure(shape, try setup.makeFolder("\(number)"), setup)
            add(shape.name, samples)
            if !floors.isEmpty { add(Self.floor, floors) }
        }
    }

    /// The runs of the program, and where the shape is compared those of the floor: one after the other, over the same
    /// file.
    private func measure(
        _ shape: Shape, _ folder: FilePath, _ setup: BenchmarkSetup
    ) throws -> (verifications: [ProcessSample], floors: [ProcessSample]) {
        let torrent =
            shape.files == 1
            ? try UniformTorrent(
                Self.payload, bytes: bytes, pieceLength: shape.pieceLength, filler: UniformTorrent.solid)
            : try UniformTorrent(
                "payload", files: shape.files, bytesEach: bytes / shape.files, pieceLength: shape.pieceLength,
                filler: UniformTorrent.solid)
        let file = folder.appending("payload.torrent")
        try BenchmarkSetup.write(torrent.metainfo.file, to: file)
        let output = folder.appending("output")
        try BenchmarkSetup.makeFolder(output)
        _ = try torrent.write(to: output)
        // The first one writes the payload back, which was only just made, and isn't counted.
        _ = try verify(file, output, folder.appending("first.db"), setup)
        var (samples, floors): ([ProcessSample], [ProcessSample]) = ([], [])
        for run in 0..<runs {
            samples.append(try verify(file, output, folder.appending("\(run).db"), setup))
            guard shape.isCompared else { continue }
            floors.append(
                try ProcessSample(FilePath("/proc/self/exe"), ["floor", output.appending(Self.payload).string]))
        }
        try BenchmarkSetup.remove(output)
        return (samples, floors)
    }

    private func verify(_ file: FilePath, _ output: FilePath, _ database: FilePath, _ setup: BenchmarkSetup) throws
        -> ProcessSample
    {
        try ProcessSample(
            setup.program,
            ["verify", file.string, "--output", output.string, "--database", database.string, "--quiet"])
    }
}
