import Glibc
import SystemPackage
import Torrent

/// How fast a torrent of one file comes from an nginx on this machine, beside `curl` with a sync of the same file, a
/// download from one peer, and other clients that are installed. Each is a whole process, until the payload is synced.
struct WebSeedBenchmark: Benchmark {
    private static let payload = "payload.bin"
    private static let pieceLength = 1 << 20
    private static let patience = Duration.seconds(10)

    /// A way to get the file, as a command; `nil` for a download from a peer.
    private struct Way {
        let name: String
        let command: (@Sendable (FilePath) -> (FilePath, [String]))?
    }

    private let bytes: Int
    private let runs: Int

    init?(arguments: [String]) {
        let numbers = arguments.map { Int($0) ?? 0 }
        guard numbers.count <= 2, numbers.allSatisfy({ (1...1024).contains($0) }) else { return nil }
        bytes = (numbers.first ?? 2) << 30
        runs = numbers.dropFirst().first ?? 3
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        print("input in \(setup.folder)\n")
        guard let nginx = BenchmarkSetup.tool("nginx") ?? Self.daemon("nginx") else {
            throw BenchmarkError("nginx isn't installed: sh .ci/setup installs it", exitCode: EX_UNAVAILABLE)
        }
        guard let shell = BenchmarkSetup.tool("sh"), BenchmarkSetup.tool("curl") != nil else {
            throw BenchmarkError("curl isn't installed", exitCode: EX_UNAVAILABLE)
        }
        let root = try setup.makeFolder("root")
        let source = root.appending(Self.payload)
        _ = try ProcessSample(
            shell, ["-c", "head -c \(bytes) /dev/urandom > '\(source)'"])
        let port = try Self.freePort()
        let url = "http://127.0.0.1:\(port)/"
        let server = try serve(root, on: port, nginx, setup)
        let torrent = setup.folder.appending("web.torrent")
        _ = try ProcessSample(
            setup.program,
            ["create", source.string, "-o", torrent.string, "--web-seed", url, "--piece-length", "1M", "--quiet"])
        let table = Table(
            ["\(bytes >> 30) GiB by", "MB/s", "best", "CPU-s/GiB", "least"], firstWidth: 26)
        let ways = try ways(setup, shell: shell, url: url, torrent: torrent)
        var samples: [[ProcessSample]] = ways.map { _ in [] }
        // In turn, because the speed of a machine changes.
        for _ in 0..<runs {
            for (n, way) in ways.enumerated() { samples[n].append(try measure(way, setup)) }
        }
        _ = try server.stop()
        for (way, samples) in zip(ways, samples) { add(way.name, samples, to: table) }
        try BenchmarkSetup.remove(source)
    }

    private func add(_ name: String, _ samples: [ProcessSample], to table: Table) {
        func rate(_ wall: Duration) -> String { (Double(bytes) / 1e6 / wall.seconds).text(0) }
        func share(_ cpu: Duration) -> String { (cpu.seconds * Double(1 << 30) / Double(bytes)).text(2) }
        let (walls, cpus) = (samples.map(\.wall).sorted(), samples.map(\.cpu).sorted())
        table.add([name, rate(walls[runs / 2]), rate(walls[0]), share(cpus[runs / 2]), share(cpus[0])])
    }

    private func ways(_ setup: BenchmarkSetup, shell: FilePath, url: String, torrent: FilePath) throws -> [Way] {
        let program = setup.program
        var ways = [
            Way(name: "curl, and sync") { folder in
                let file = folder.appending(Self.payload).string
                return (shell, ["-c", "curl -sf -o '\(file)' '\(url)\(Self.payload)' && sync '\(file)'"])
            },
            Way(name: "pieces, from the web seed") { folder in
                (
                    program,
                    [
                        "download", torrent.string, "--database", folder.appending("pieces.db").string, "--output",
                        folder.string, "--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd", "--quiet",
                    ]
                )
            },
            Way(name: "pieces, from one peer", command: nil),
        ]
        if let aria2 = BenchmarkSetup.tool("aria2c") {
            ways.append(
                Way(name: "aria2, from the web seed") { folder in
                    (
                        aria2,
                        [
                            "--no-conf=true", "--dir=\(folder)", "--enable-dht=false", "--enable-dht6=false",
                            "--bt-enable-lpd=false", "--seed-time=0", "--file-allocation=none", "--quiet=true",
                            "--interface=127.0.0.1", torrent.string,
                        ]
                    )
                })
        }
        if let python = BenchmarkSetup.tool("python3"), Self.hasLibtorrent(python) {
            ways.append(Way(name: "libtorrent, the same") { (python, ["-c", Self.script, torrent.string, $0.string]) })
        }
        return ways
    }

    private static func hasLibtorrent(_ python: FilePath) -> Bool {
        do {
            _ = try ProcessSample(python, ["-c", "import libtorrent"])
            return true
        } catch {
            return false
        }
    }

    /// Downloads with libtorrent, and syncs the file as the others do.
    private static let script = """
        import libtorrent as lt, os, sys, time
        session = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False,
            'enable_upnp': False, 'enable_natpmp': False, 'ssrf_mitigation': False})
        handle = session.add_torrent({'ti': lt.torrent_info(sys.argv[1]), 'save_path': sys.argv[2]})
        while not handle.status().is_seeding: time.sleep(0.02)
        file = os.open(os.path.join(sys.argv[2], 'payload.bin'), os.O_RDONLY)
        os.fsync(file)
        os._exit(0)
        """

    private func measure(_ way: Way, _ setup: BenchmarkSetup) throws -> ProcessSample {
        let folder = try setup.makeFolder("run")
        defer { do { try BenchmarkSetup.remove(folder) } catch { print("\(error)") } }
        guard let command = way.command else {
            let torrent = try UniformTorrent(
                Self.payload, bytes: bytes, pieceLength: Self.pieceLength, filler: UniformTorrent.solid)
            return try PayloadDownload(torrent, peers: 1, in: folder, setup).sample
        }
        let (program, arguments) = command(folder)
        return try ProcessSample(program, arguments)
    }

    // MARK: The server

    private static func daemon(_ name: String) -> FilePath? {
        let path = FilePath("/usr/sbin").appending(name)
        return access(path.string, X_OK) == 0 ? path : nil
    }

    private func serve(_ root: FilePath, on port: UInt16, _ nginx: FilePath, _ setup: BenchmarkSetup) throws
        -> RunningProcess
    {
        let home = setup.folder
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
            "\($0)_temp_path \(home.appending("temporary"));"
        }
        let text = """
            daemon off; master_process off; pid \(home.appending("nginx.pid")); error_log \(home.appending("error.log"));
            events { worker_connections 64; }
            http { \(temporary.joined(separator: " ")) access_log off; sendfile on;
                server { listen 127.0.0.1:\(port); root \(root); } }
            """
        let file = home.appending("nginx.conf")
        try BenchmarkSetup.write(Array(text.utf8), to: file)
        let server = try RunningProcess(nginx, ["-p", home.string, "-c", file.string], mayFail: true)
        let end = ContinuousClock.now + Self.patience
        while !Self.isListening(port) {
            guard .now < end else { throw BenchmarkError("nginx doesn't listen: see \(home.appending("error.log"))") }
            usleep(10_000)
        }
        return server
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func isListening(_ port: UInt16) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = address(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// A port that was free a moment ago.
    private static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard isBound else { throw BenchmarkError("no port is free: \(Errno(rawValue: errno))") }
        return UInt16(bigEndian: address.sin_port)
    }
}
