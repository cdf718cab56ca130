import Glibc
import Store
import SystemPackage
import Torrent

/// How soon after a restart a search in the DHT is answered.
struct DHTRestarts {
    private static let nodes = 12
    private static let roundTrip = Duration.milliseconds(50)
    private static let restarts = 15
    /// Long enough for the nodes to be stored.
    private static let firstRun = Duration.seconds(10)

    /// In round trips, from the opening of the UDP socket to the answer to the first `get_peers`.
    func printTable(_ setup: BenchmarkSetup) throws {
        let nodes = try DelayedNodes(count: Self.nodes, roundTrip: Self.roundTrip)
        let database = setup.folder.appending("restart.db")
        let output = try setup.makeFolder("restart")
        let torrent = try DHTBenchmark.torrent(0)
        let connection = try Connection.open(database, mode: .readWriteCreate, now: .now())
        _ = try connection.torrents.insert(NewTorrent(metainfo: torrent.metainfo, output: output.string), now: .now())
        let first = try DHTBenchmark.engine(setup, database, port: 0, ["--dht-bootstrap", nodes.entry])
        nodes.serve(for: Self.firstRun)
        _ = try first.stop()
        var (fromOpening, fromPacket): ([Double], [Double]) = ([], [])
        for _ in 0..<Self.restarts {
            // What the last run sent has arrived.
            nodes.serve(for: .milliseconds(300))
            nodes.forget()
            let port = try Socket.freePort()
            let process = try DHTBenchmark.engine(setup, database, port: port, [])
            var openedAt: ContinuousClock.Instant?
            let end = ContinuousClock.now + .seconds(20)
            while nodes.firstGetPeersAnswered == nil, ContinuousClock.now < end {
                if openedAt == nil, try Self.isOpen(port) { openedAt = .now }
                nodes.serve(for: .microseconds(1500))
            }
            if let opened = openedAt, let packet = nodes.firstPacket, let answered = nodes.firstGetPeersAnswered {
                // A socket is looked for every millisecond, and a packet may be seen before it.
                fromOpening.append((answered - min(opened, packet)) / Self.roundTrip)
                fromPacket.append((answered - packet) / Self.roundTrip)
            }
            _ = try process.stop()
        }
        print("\(Self.restarts) warm restarts: round trips of \(Self.roundTrip) to the first answer to get_peers")
        let table = Table(["since", "least", "median", "most"], firstWidth: 26)
        for (name, trips) in [("the opening of the socket", fromOpening), ("the first packet", fromPacket)] {
            let sorted = trips.sorted()
            guard let least = sorted.first, let most = sorted.last else { continue }
            table.add([name, least.text(2), sorted[sorted.count / 2].text(2), most.text(2)])
        }
        print("")
    }

    /// Whether a UDP socket has the port, as the system says.
    private static func isOpen(_ port: UInt16) throws -> Bool {
        let file = open("/proc/net/udp", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Socket.fault("/proc/net/udp") }
        defer { close(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { break }
            text += buffer.prefix(count)
        }
        let digits = String(port, radix: 16, uppercase: true)
        let name = ":" + String(repeating: "0", count: 4 - digits.count) + digits + " 00000000:0000"
        return String(decoding: text, as: UTF8.self).contains(name)
    }
}
