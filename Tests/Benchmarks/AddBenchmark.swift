import Store
import SystemPackage
import Torrent

/// How long `pieces add` takes as the database grows: a thousand torrents in one command, and one torrent after them.
///
/// Other programs may be named; each gets a database of its own and the same torrents, and they take turns, so that a machine whose speed changes is the same
/// for all.
struct AddBenchmark: Benchmark {
    private static let batch = 1000
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
    }

    func run() throws {
        let workshop = try Workshop()
        var contenders = ([workshop.program] + others).enumerated().map { n, program in
            Contender(program: program, database: workshop.folder.appending("\(n).db"))
        }
        let output = workshop.folder.appending("archive").string
        for start in stride(from: 0, to: torrents, by: Self.batch) {
            let files = try (start...start + Self.batch).map { n in
                let path = workshop.folder.appending("\(n).torrent")
                try Workshop.write(try Self.torrent(n), to: path)
                return path
            }
            for n in contenders.indices {
                let n = (n + start / Self.batch) % contenders.count
                let options = ["--output", output, "--database", contenders[n].database.string]
                contenders[n].batches.append(try ProcessSample(contenders[n].program, ["add"] + files.dropLast().map(\.string) + options))
                contenders[n].single.append(try ProcessSample(contenders[n].program, ["add", files[Self.batch].string] + options))
            }
            for file in files { try Workshop.remove(file) }
        }
        let last = max(1, contenders[0].batches.count / 4)
        print("the last \(last) of \(contenders[0].batches.count) commands that add \(Self.batch) torrents each, and one torrent after each")
        for contender in contenders {
            print("\(contender.program)")
            print("  1000 torrents: \(ProcessSample.summary(Array(contender.batches.suffix(last))))")
            print("  one torrent:   \(ProcessSample.summary(Array(contender.single.suffix(last))))")
            print("  the database has \(try Workshop.size(contender.database) >> 10) KiB")
        }
        try Workshop.remove(workshop.folder)
    }

    private static func torrent(_ n: Int) throws -> [UInt8] {
        let pieceLength = 1 << 20
        let isFolder = n % folderEvery == 0
        let files = (0..<filesOfFolder).map { TorrentBuilder.File(path: ["part \($0 / 10)", "scan-\($0).tif"], length: Int64(100_000 + $0)) }
        let total = isFolder ? files.reduce(0) { $0 + Int($1.length) } : 8 * pieceLength
        // Names in no order, as archives have them.
        let name = "volume-\(String((n &* 7_919) % 1_000_003, radix: 36))-\(n)"
        let hashes = (0..<(total + pieceLength - 1) / pieceLength * 20).map { UInt8(truncatingIfNeeded: n &* 31 &+ $0) }
        var builder = TorrentBuilder(
            name: name, content: isFolder ? .folder(files) : .file(length: Int64(total)), pieceLength: pieceLength, pieceHashes: hashes)
        builder.trackers = [["http://tracker.example.org:6969/announce"]]
        return try builder.build()
    }
}
