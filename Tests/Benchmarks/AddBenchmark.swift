import Store
import SystemPackage
import Torrent

/// How long `pieces add` takes as the database grows: a thousand torrents in one command, and one torrent after them.
///
/// Other programs may be named; each gets a database of its own and the same torrents, and they take turns, so that a
/// machine whose speed changes is the same for all.
struct AddBenchmark: Benchmark {
    private static let batch = 1000
    /// Torrents that are added alone after each batch: a command of some milliseconds needs more samples.
    private static let singles = 8
    /// One torrent in so many has a folder of files.
    private static let folderEvery = 10
    private static let filesOfFolder = 30

    private let torrents: Int
    private let others: [FilePath]

    init?(arguments: [String]) {
        let count = arguments.first.map { Int($0) ?? 0 } ?? 100_000
        guard count >= Self.batch else { return nil }
        torrents = count
        others = arguments.dropFirst().map { FilePath($0) }
    }

    private struct Contender {
        let program: FilePath
        let database: FilePath
        var batches: [ProcessSample] = []
        var single: [ProcessSample] = []

        func add(_ torrents: [String], to output: String) throws -> ProcessSample {
            try ProcessSample(program, ["add"] + torrents + ["--output", output, "--database", database.string])
        }
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        var contenders = ([setup.program] + others).enumerated().map { n, program in
            Contender(program: program, database: setup.folder.appending("\(n).db"))
        }
        let output = setup.folder.appending("archive").string
        for start in stride(from: 0, to: torrents, by: Self.batch) {
            let files = try (start..<start + Self.batch + Self.singles).map { n in
                let path = setup.folder.appending("\(n).torrent")
                try BenchmarkSetup.write(try Self.torrent(n), to: path)
                return path
            }
            for n in contenders.indices {
                let n = (n + start / Self.batch) % contenders.count
                let batch = files.prefix(Self.batch).map(\.string)
                contenders[n].batches.append(try contenders[n].add(batch, to: output))
            }
            for file in files.dropFirst(Self.batch) {
                for n in contenders.indices {
                    contenders[n].single.append(try contenders[n].add([file.string], to: output))
                }
            }
            for file in files { try BenchmarkSetup.remove(file) }
        }
        let last = max(1, contenders[0].batches.count / 4)
        let first = contenders[0]
        print(
            "the last \(last) of \(first.batches.count) commands that add \(Self.batch) torrents each, and \(Self.singles) of one after each"
        )
        for contender in contenders {
            print("\(contender.program)")
            print("  1000 torrents: \(ProcessSample.summary(Array(contender.batches.suffix(last))))")
            print("  one torrent:   \(ProcessSample.summary(Array(contender.single.suffix(last * Self.singles))))")
            print("  the database has \(try BenchmarkSetup.size(contender.database) >> 10) KiB")
            guard contender.database != first.database else { continue }
            let batches = ProcessSample.shares(first.batches.suffix(last), of: contender.batches.suffix(last))
            let singles = ProcessSample.shares(
                first.single.suffix(last * Self.singles), of: contender.single.suffix(last * Self.singles))
            print("  the first program's share of its time, turn by turn: \(batches); with one torrent: \(singles)")
        }
        try BenchmarkSetup.remove(setup.folder)
    }

    private static func torrent(_ n: Int) throws -> [UInt8] {
        let pieceLength = 1 << 20
        let isFolder = n % folderEvery == 0
        let files = (0..<filesOfFolder).map {
            TorrentBuilder.File(path: ["part \($0 / 10)", "scan-\($0).tif"], length: Int64(100_000 + $0))
        }
        let total = isFolder ? files.reduce(0) { $0 + Int($1.length) } : 8 * pieceLength
        // Names in no order, as archives have them.
        let name = "volume-\(String((n &* 7_919) % 1_000_003, radix: 36))-\(n)"
        let hashes = (0..<(total + pieceLength - 1) / pieceLength * 20).map { UInt8(truncatingIfNeeded: n &* 31 &+ $0) }
        var builder = TorrentBuilder(
            name: name, content: isFolder ? .folder(files) : .file(length: Int64(total)), pieceLength: pieceLength,
            pieceHashes: .raw(hashes))
        builder.trackers = [["http://tracker.example.org:6969/announce"]]
        return try builder.build()
    }
}
