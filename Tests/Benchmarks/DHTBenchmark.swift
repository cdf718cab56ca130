import Store
import SystemPackage
import Torrent

/// What the DHT costs: how soon after a restart the first search is answered, and many dormant torrents that are
/// announced.
struct DHTBenchmark: Benchmark {
    private static let nodes = 12
    private static let roundTrip = Duration.milliseconds(50)
    private static let restarts = 7
    /// Long enough for the nodes to be stored.
    private static let firstRun = Duration.seconds(10)
    private static let idleTime = Duration.seconds(20)
    private static let pieceLength = 16 << 10

    private let torrents: Int

    init?(arguments: [String]) {
        guard arguments.count <= 1, arguments.allSatisfy({ Int($0).map { $0 > 0 } ?? false }) else { return nil }
        torrents = arguments.first.flatMap { Int($0) } ?? 100_000
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        let nodes = try DelayedNodes(count: Self.nodes, roundTrip: Self.roundTrip)
        try restarts(setup, nodes)
        try dormant(setup, nodes)
    }

    private func engine(_ setup: BenchmarkSetup, _ database: FilePath, _ more: [String]) throws -> RunningProcess {
        let network = ["--bind", "127.0.0.1", "--listen-port", "0", "--quiet"]
        return try RunningProcess(setup.program, ["run", "--database", database.string] + network + more)
    }

    /// The time from the opening of the socket to the first answer to `get_peers`, in round trips. The first packet
    /// leaves when the socket is opened.
    private func restarts(_ setup: BenchmarkSetup, _ nodes: DelayedNodes) throws {
        let database = setup.folder.appending("restart.db")
        let output = try setup.makeFolder("restart")
        let torrent = try torrent(0)
        let connection = try Connection.open(database, mode: .readWriteCreate, now: .now())
        _ = try connection.torrents.insert(
            NewTorrent(metainfo: torrent.metainfo, output: output.string), now: .now())
        let first = try engine(setup, database, ["--dht-bootstrap", nodes.entry])
        nodes.serve(for: Self.firstRun)
        _ = try first.stop()
        var trips: [Double] = []
        for _ in 0..<Self.restarts {
            // What the last run sent has arrived.
            nodes.serve(for: .milliseconds(300))
            nodes.forget()
            let process = try engine(setup, database, [])
            nodes.serve(for: .seconds(10)) { $0.firstGetPeers != nil }
            if let packet = nodes.firstPacket, let search = nodes.firstGetPeers {
                trips.append(1 + (search - packet) / Self.roundTrip)
            }
            _ = try process.stop()
        }
        let all = trips.sorted().map { $0.text(2) }.joined(separator: ", ")
        print("warm restarts, round trips of \(Self.roundTrip) to the first answer to get_peers: \(all)")
    }

    /// An engine of many complete torrents without trackers: without the DHT, and with it at its usual packet rate.
    private func dormant(_ setup: BenchmarkSetup, _ nodes: DelayedNodes) throws {
        let database = setup.folder.appending("dormant.db")
        let output = try setup.makeFolder("dormant")
        let now = Timestamp.now()
        try Archive.fill(database, count: torrents, prepare: { try torrent($0) }) {
            item, connection throws(StoreError) in
            try item.insertComplete(connection, output: output, files: [], now: now)
        }
        let table = Table(["torrents at rest", "MiB resident", "CPU ms of \(Self.idleTime)", "packets a second"])
        for (name, options) in [("without the DHT", ["--no-dht"]), ("with it", ["--dht-bootstrap", nodes.entry])] {
            let process = try engine(setup, database, options)
            nodes.serve(for: .seconds(10))
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

    private func torrent(_ n: Int) throws -> UniformTorrent {
        try UniformTorrent(
            "volume-\(n).img", bytes: Self.pieceLength, pieceLength: Self.pieceLength, filler: UniformTorrent.sparse)
    }
}
