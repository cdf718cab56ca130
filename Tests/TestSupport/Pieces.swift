import Foundation
import NIOCore
import NIOPosix
package import Store
import Synchronization
package import SystemPackage
import Testing
package import Torrent

/// The built program with a database of its own, run as users run it.
package struct Pieces: Sendable {
    package let folder: FilePath
    package let database: FilePath
    package let output: FilePath

    /// All on loopback, on a port of the kernel's choice.
    package static let network = ["--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd"]

    /// The program, which is built beside the tests.
    package static var program: RealProgram {
        get throws {
            let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            let path = FilePath(bundle).removingLastComponent().appending("pieces").string
            try #require(
                FileManager.default.isExecutableFile(atPath: path),
                "build the product `pieces` first: \(path) is not there")
            return RealProgram(path: path)
        }
    }

    /// Whether commands use the DHT.
    package var usesDHT = false

    /// Database and output folder are in the folder, where no others are given.
    package init(in folder: FilePath, _ name: String = "pieces", database: FilePath? = nil, output: FilePath? = nil)
        throws
    {
        self.folder = folder.appending(name)
        self.database = database ?? self.folder.appending("pieces.db")
        self.output = output ?? self.folder.appending("output")
        try Files.makeFolders(self.folder)
        try Files.makeFolders(self.output)
    }

    private var environment: [String: String] {
        // Tests that run at the same time must not find each other, and none asks public nodes of the DHT.
        [
            "PIECES_DATABASE": database.string, "HOME": folder.string, "PIECES_LSD": "off",
            "PIECES_DHT": usesDHT ? "on" : "off",
        ]
    }

    /// Starts a command; `more` goes into its environment.
    package func start(_ arguments: [String], environment more: [String: String] = [:]) throws -> RunningProgram {
        try Self.program.start(arguments, in: folder, environment: environment.merging(more) { _, new in new })
    }

    /// Starts a command on a terminal; with `reading`, the terminal is its input, too.
    package func start(
        _ arguments: [String], on terminal: PseudoTerminal, reading: Bool = false,
        environment more: [String: String] = [:]
    ) throws -> RunningProgram {
        let environment = environment.merging(["TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": ""]) { _, new in new }
            .merging(more) {
                _, new in new
            }
        return try Self.program.start(
            arguments, in: folder, environment: environment, terminal: terminal, isReading: reading)
    }

    /// Starts a command without the powers of root: who has them may write where the permissions say that nobody may
    /// (capabilities(7)).
    package func startPlain(_ arguments: [String]) throws -> RunningProgram {
        guard geteuid() == 0 else { return try start(arguments) }
        let program = try RealProgram.require("setpriv", package: "util-linux")
        return try program.start(
            ["--bounding-set=-all", try Self.program.path] + arguments, in: folder, environment: environment)
    }

    /// Runs a command to its end.
    @discardableResult
    package func run(_ arguments: [String], within limit: Duration = .seconds(150)) async throws -> RunningProgram.End {
        try await Self.program.run(arguments, in: folder, environment: environment, within: limit)
    }

    /// Runs a command whose arguments, environment and current folder are ``PathText`` of any bytes, in the shell:
    /// Foundation's `Process` takes UTF-8 alone. What it prints goes to `output`, where one is given.
    package func runBytes(
        _ arguments: [String], at place: FilePath? = nil, environment more: [String: String] = [:],
        output: FilePath? = nil
    ) async throws -> RunningProgram.End {
        func quoted(_ text: String) -> String {
            "'" + text.replacingOccurrences(of: "'", with: #"'\''"#, options: .literal) + "'"
        }
        var script = "cd \(quoted((place ?? folder).text)) || exit 99\n"
        for (name, value) in more { script += "export \(name)=\(quoted(value))\n" }
        script += "exec " + ([try Self.program.path] + arguments).map(quoted).joined(separator: " ")
        if let output { script += " >" + quoted(output.text) }
        let file = folder.appending("command-\(UUID().uuidString)")
        try Files.write(PathText.bytes(script + "\n"), to: file)
        return try await RealProgram(path: "/bin/sh").run([file.string], in: folder, environment: environment)
    }

    /// Runs a command beside `body`, and ends it by SIGKILL with it; `more` goes into its environment.
    package func beside<Value>(
        _ arguments: [String], environment more: [String: String] = [:],
        isolation: isolated (any Actor)? = #isolation, _ body: (RunningProgram) async throws -> Value
    ) async throws -> Value {
        try await withProgram(
            try Self.program, arguments, in: folder, environment: environment.merging(more) { _, new in new }, body)
    }

    /// The arguments of a download into the output folder.
    package func download(_ torrent: SampleTorrent, from peers: [PeerAddress] = [], _ more: [String] = []) throws
        -> [String]
    {
        let file = try self.file(of: torrent)
        return ["download", file.string, "--output", output.string, "--json"] + Self.network
            + peers.flatMap { ["--peer", "\($0)"] } + more
    }

    /// The .torrent, in the folder.
    package func file(of torrent: SampleTorrent) throws -> FilePath {
        let path = folder.appending("\(torrent.metainfo.name).torrent")
        try Files.write(torrent.file, to: path)
        return path
    }

    /// Puts the content into the output folder and has it adopted.
    package func adopt(_ torrent: SampleTorrent) async throws {
        try torrent.write(to: output)
        let end = try await run(["verify", try file(of: torrent).string, "--output", output.string, "--quiet"])
        try #require(end.exitCode == 0, "\(end)")
    }

    /// The object of the one torrent that `pieces status --json --pieces` shows; `nil` before there is one.
    package func status() async throws -> [String: any Sendable]? {
        let end = try await run(["status", "--json", "--pieces"])
        try #require(end.exitCode == 0, "\(end)")
        let object = try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: any Sendable]
        return try #require(object?["torrents"] as? [[String: any Sendable]]).first
    }

    /// The pieces that status says are there.
    package func claimed(_ torrent: SampleTorrent) async throws -> Bitfield {
        guard let status = try await status() else { return Bitfield(count: torrent.geometry.pieceCount) }
        let text = try #require(status["bitfield"] as? String)
        return try #require(Hex.decode(text).flatMap { Bitfield(wire: $0, count: torrent.geometry.pieceCount) })
    }

    /// The blocks of incomplete pieces that the database remembers.
    package func partialBlocks() throws -> Set<BlockRef> {
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        guard let id = try connection.torrents.rows().first?.id else { return [] }
        return try connection.pieces.partials(of: id).reduce(into: []) { set, row in
            for block in 0..<row.blocks.count * 8 where row.blocks[block / 8] & (0x80 >> UInt8(block % 8)) != 0 {
                set.insert(BlockRef(piece: row.piece, block: block))
            }
        }
    }

    /// What the log says of the kind, oldest first.
    package func events(_ kind: EventKind) throws -> [String] {
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        return try connection.events.rows(limit: 1000).reversed().filter { $0.kind == kind }.map(\.detail)
    }
}

extension RunningProgram {
    /// Waits until it listens, and says where.
    package func address() async throws -> PeerAddress {
        let port = try await eventually("\(name) to listen: \(errors)") {
            output.firstMatch(of: /"event":"listening".*?"port":(\d+)/).flatMap { UInt16($0.output.1) }
        }
        return PeerAddress(.v4(0x7f00_0001), port: port)
    }

    /// Waits until a download with `--json` says that it has received so many bytes in all of its lives.
    package func untilDownloaded(_ bytes: Int) async throws {
        try await eventually("\(bytes) bytes to be downloaded: \(output) \(errors)") {
            output.contains("\"downloaded_bytes\":\(bytes),")
        }
    }
}

/// Ports and folders for other programs.
package enum Machine {
    /// A port that is free on loopback for TCP and UDP alike, and that this process gives out once. It lies below the
    /// range from which Linux takes the ports of outgoing connections and of sockets that ask for any port (32768 to
    /// 60999): none of them can take it before its user does.
    package static func freePort() throws -> UInt16 {
        for _ in 0..<1000 {
            let port = UInt16.random(in: 10_000..<32_768)
            guard given.withLock({ $0.insert(port).inserted }), try isFree(port) else { continue }
            return port
        }
        throw Errno.addressInUse
    }

    private static let given = Mutex<Set<UInt16>>([])

    private static func isFree(_ port: UInt16) throws -> Bool {
        let group = MultiThreadedEventLoopGroup.singleton
        do {
            try ServerBootstrap(group: group).bind(host: "127.0.0.1", port: Int(port)).wait().close().wait()
            try DatagramBootstrap(group: group).bind(host: "127.0.0.1", port: Int(port)).wait().close().wait()
            return true
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            return false
        }
    }

    /// Waits until somebody listens there.
    package static func untilListening(_ address: PeerAddress) async throws {
        try await eventually("somebody to listen at \(address)") {
            do {
                await (try await RawPeer.dial(address)).hangUp()
                return true
            } catch {
                return false
            }
        }
    }
}

extension Pieces {
    /// The word of another process to the engine.
    package func tellToStop() throws {
        try Connection.open(database, mode: .readWrite, now: .now()).intents.append(.stop, now: .now())
    }
}
