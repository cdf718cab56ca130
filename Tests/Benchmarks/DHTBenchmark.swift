import Store
import SystemPackage
import Torrent

/// What the DHT costs and how fast it is: lookups, the first search after a restart, and many dormant torrents that are
/// announced.
struct DHTBenchmark: Benchmark {
    private enum Part: String, CaseIterable {
        case lookups, libtorrent, restarts, dormant
    }

    private static let idleTime = Duration.seconds(20)
    private static let pieceLength = 16 << 10

    private let parts: [Part]
    private let torrents: Int

    init?(arguments: [String]) {
        var arguments = arguments[...]
        let part = arguments.first.flatMap { Part(rawValue: $0) }
        if part != nil { arguments.removeFirst() }
        guard arguments.count <= 1, arguments.allSatisfy({ Int($0).map { $0 > 0 } ?? false }) else { return nil }
        parts = part.map { [$0] } ?? Part.allCases
        torrents = arguments.first.flatMap { Int($0) } ?? 100_000
    }

    func run() throws {
        for part in parts {
            switch part {
            case .lookups: try DHTLookups().printVirtual()
            case .libtorrent: try DHTLookups().printReal()
            case .restarts: try DHTRestarts().printTable(try BenchmarkSetup())
            case .dormant: try printDormant(try BenchmarkSetup())
            }
        }
    }

    static func engine(_ setup: BenchmarkSetup, _ database: FilePath, port: UInt16, _ more: [String]) throws
        -> RunningProcess
    {
        let network = ["--bind", "127.0.0.1", "--listen-port", "\(port)", "--no-lsd", "--quiet"]
        return try RunningProcess(setup.program, ["run", "--database", database.string] + network + more)
    }

    static func torrent(_ n: Int) throws -> UniformTorrent {
        try UniformTorrent(
            "volume-\(n).img", bytes: pieceLength, pieceLength: pieceLength, filler: UniformTorrent.sparse)
    }

    /// An engine of many complete torrents without trackers: without the DHT, and with it at its usual packet rate.
    private func printDormant(_ setup: BenchmarkSetup) throws {
        let nodes = try DelayedNodes(count: 12, roundTrip: .milliseconds(50))
        let database = setup.folder.appending("dormant.db")
        let output = try setup.makeFolder("dormant")
        let now = Timestamp.now()
        try Archive.fill(database, count: torrents, prepare: { try Self.torrent($0) }) {
            item, connection throws(StoreError) in
            try item.insertComplete(connection, output: output, files: [], now: now)
        }
        let table = Table(
            ["torrents at rest", "MiB resident", "CPU ms of \(Self.idleTime)", "packets a second"], firstWidth: 24)
        for (name, options) in [("without the DHT", ["--no-dht"]), ("with it", ["--dht-bootstrap", nodes.entry])] {
            let process = try Self.engine(setup, database, port: 0, options)
            nodes.serve(for: .seconds(15))
            nodes.forget()
            let before = try process.cpu
            nodes.serve(for: Self.idleTime)
            let cpu = try process.cpu - before
            table.add([
                "\(torrents) \(name)", (Double(process.residentKiB) / 1024).text(1), cpu.milliseconds,
                (Double(nodes.packets) / (Self.idleTime / .seconds(1))).text(1),
            ])
            _ = try process.stop()
        }
    }
}
