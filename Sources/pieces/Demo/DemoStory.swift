import Library
import Store
import Synchronization
import SystemPackage
import Torrent
import Verification

/// Shows a download, kill and resume cycle on a machine without a network, step by step, and a download by a magnet
/// link, and the repair of a byte that rots. Each step is checked, and a failed check ends the demo.
struct DemoStory: Sendable {
    /// A rate that leaves time to kill the downloader without making the demo slow.
    private static let rate = "12M"
    private static let commandLimit = Duration.seconds(40)
    /// The number of bytes that may be downloaded again after the kill: blocks that two connections delivered in the
    /// end game.
    private static let slack: Int64 = 1 << 20

    let folder: DemoFolder
    private let children = Children()
    private var torrent: FilePath { folder.path.appending("demo.torrent") }
    private var seederDatabase: FilePath { folder.path.appending("seeder.db") }
    private var database: FilePath { folder.path.appending("downloader.db") }
    private var target: FilePath { folder.path.appending("downloaded") }

    init(folder: DemoFolder) { self.folder = folder }

    /// Kills all processes that were started.
    func abandon() { children.killAll() }

    func tell() async throws {
        say("Creating a payload of \(Format.bytes(Int64(DemoFolder.payloadBytes))) and a torrent for it")
        try folder.makePayload()
        try await run(["create", folder.payload.text, "-o", torrent.text, "--piece-length", "256K", "--anonymous"])
        say("One process adopts the payload and seeds it on loopback")
        try await run([
            "verify", torrent.text, "--output", folder.payload.removingLastComponent().text, "--database",
            seederDatabase.text,
        ])
        let peer = try await startSeeder()
        say("Another process downloads it and is killed with SIGKILL half-way")
        let killed = try await downloadHalf(peer)
        try await run(["status", "--database", database.text])
        try await checkClaims()
        say("Started again without the rate limit, it resumes from there")
        let resumed = ContinuousClock.now
        try await run(download(peer, limit: "none"))
        let time = .now - resumed
        let total = try checkTransfer(killed)
        say("The downloaded files are hashed again and compared with the payload")
        try await run(["verify", "--database", database.text])
        guard try folder.payloadEquals(target.appending("demo")) else {
            throw Failure("the demo failed: the downloaded files differ from the payload")
        }
        try await run(["status", "--database", database.text])
        try await downloadByLink(peer)
        try await repairRot(peer)
        say(
            """
            Shown: when the process was killed, \(Format.bytes(killed.completedBytes)) were recorded, and every recorded piece was correct on disk. \
            After the restart only \(Format.bytes(total - killed.downloadedBytes)) more were downloaded, in \(Format.measured(time)). \
            The files are identical to the payload, and so are those that a magnet link alone led to. The byte that rotted was found by \
            reading everything back, fetched from the seeder, and read back once more
            """)
    }

    // MARK: Steps

    private func startSeeder() async throws -> String {
        let arguments = [
            "run", "--database", seederDatabase.text, "--bind", "127.0.0.1", "--listen-port", "0", "--no-dht",
            "--no-lsd", "--json",
        ]
        let seeder = try start(arguments, "seeder.log")
        let port = try await waiting("the seeder to listen") {
            let line = try seeder.printed.split(separator: "\n").first { $0.contains(text: #""event":"listening""#) }
            return line?.components(after: #""port":"#).flatMap { UInt16($0.prefix { $0.isASCIIDigit }) }
        }
        return "127.0.0.1:\(port)"
    }

    /// Downloads half of the torrent, kills the downloader, and returns the torrent's row as recorded after the kill.
    private func downloadHalf(_ peer: String) async throws -> TorrentRow {
        let downloader = try start(download(peer, limit: Self.rate), "downloader.log")
        let database = database
        _ = try await waiting("half of the download") { () -> Bool? in
            guard let row = try Self.row(in: database) else { return nil }
            guard !row.isComplete else {
                throw Failure("the demo failed: the download was complete before it could be killed")
            }
            return row.completedBytes * 2 >= row.wantedBytes ? true : nil
        }
        downloader.kill()
        let code = try await downloader.end(within: Self.commandLimit)
        guard code == ChildProcess.killed else {
            throw Failure("the demo failed: the downloader ended with \(code): \(try downloader.printed.printable)")
        }
        children.forget(downloader)
        guard let row = try Self.row(in: database) else {
            throw Failure("the demo failed: the downloader's database is gone")
        }
        Terminal.shared.print("  killed process \(downloader.pid)")
        return row
    }

    /// Downloads the torrent once more, by its magnet link alone.
    private func downloadByLink(_ peer: String) async throws {
        say("A third process has only a magnet link: it fetches the metadata from the seeder, and then the files")
        let printed = try await run(["magnet", "demo", "--database", seederDatabase.text])
        guard let link = printed.split(whereSeparator: \.isNewline).first else {
            throw Failure("the demo failed: `pieces magnet` printed no link")
        }
        let linked = folder.path.appending("linked")
        try await run([
            "download", String(link), "--output", linked.text, "--database", folder.path.appending("linked.db").text,
            "--peer", peer, "--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd",
        ])
        guard try folder.payloadEquals(linked.appending("demo")) else {
            throw Failure("the demo failed: the files that were downloaded by the magnet link differ from the payload")
        }
    }

    /// Lets a byte of the downloaded files rot, and an engine find and repair it.
    private func repairRot(_ peer: String) async throws {
        say("A byte of the downloaded files rots: the file's size and times stay as they are, as with a failing disk")
        let place = try folder.rot(in: target.appending("demo"))
        Terminal.shared.print("  changed one bit of \(place.path.printable) at offset \(place.offset)")
        say("An engine reads everything back, and finds and repairs it while it seeds")
        try await run(["scrub", "now", "--database", database.text])
        let engine = try start(
            [
                "run", "--database", database.text, "--peer", peer, "--bind", "127.0.0.1", "--listen-port", "0",
                "--no-dht", "--no-lsd",
            ], "scrub.log")
        let database = database
        _ = try await waiting("the repair") { () -> Bool? in
            let damage = try Connection.open(database, mode: .readOnly, now: .now()).damage.rows(limit: 10)
            return damage.contains { $0.state == .repaired && $0.fileOffset == place.offset } ? true : nil
        }
        try await run(["scrub", "--database", database.text])
        try await run(["log", "--limit", "2", "--database", database.text])
        engine.interrupt()
        guard [0, ChildProcess.interrupted].contains(try await engine.end(within: Self.commandLimit)) else {
            throw Failure("the demo failed: the engine did not stop cleanly")
        }
        children.forget(engine)
        guard try folder.payloadEquals(target.appending("demo")) else {
            throw Failure("the demo failed: the repaired files differ from the payload")
        }
    }

    /// Hashes every piece that the database records as present, before any process repairs anything.
    private func checkClaims() async throws {
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        guard let row = try connection.torrents.rows().first else {
            throw Failure("the demo failed: the torrent is gone from the database")
        }
        let torrent = try StoredTorrent(row, connection)
        let good = try await torrent.countRightClaims()
        guard good == torrent.have.population, good > 0 else {
            throw Failure(
                "the demo failed: the database records \(torrent.have.population) pieces, of which only \(good) are correct on disk"
            )
        }
        Terminal.shared.print("  all \(Format.count(good)) pieces recorded in the database are correct on disk")
    }

    /// The recorded number of bytes that both runs downloaded together.
    private func checkTransfer(_ killed: TorrentRow) throws -> Int64 {
        guard let row = try Self.row(in: database), row.isComplete else {
            throw Failure("the demo failed: the resumed download is not complete")
        }
        let again = row.downloadedBytes - killed.downloadedBytes - (row.wantedBytes - killed.completedBytes)
        guard again <= Self.slack else {
            throw Failure("the demo failed: \(Format.bytes(again)) of recorded data were downloaded again")
        }
        return row.downloadedBytes
    }

    private func download(_ peer: String, limit: String) -> [String] {
        [
            "download", torrent.text, "--output", target.text, "--database", database.text, "--peer", peer, "--bind",
            "127.0.0.1",
            "--listen-port", "0", "--no-dht", "--no-lsd", "--download-limit", limit,
        ]
    }

    // MARK: Processes

    /// Runs a command until it ends, shows its output and returns it, and throws if it failed.
    @discardableResult
    private func run(_ arguments: [String]) async throws -> String {
        let child = try start(arguments, "command.log")
        let code = try await child.end(within: Self.commandLimit)
        children.forget(child)
        for line in try child.printed.split(separator: "\n") { Terminal.shared.print("  \(String(line).printable)") }
        guard code == 0 else { throw Failure("the demo failed: `pieces \(arguments[0])` ended with \(code)") }
        return try child.printed
    }

    private func start(_ arguments: [String], _ log: String) throws -> ChildProcess {
        let short = arguments.map {
            if $0.contains("&") { return "'\($0)'" }
            return $0.hasPrefix(folder.path.text + "/")
                ? String($0.utf8.dropFirst(folder.path.text.utf8.count + 1)) ?? $0 : $0
        }
        Terminal.shared.print("  $ pieces \(short.joined(separator: " ").printable)")
        let child = try ChildProcess.start(arguments, output: folder.path.appending(log))
        children.add(child)
        return child
    }

    private func waiting<Value>(_ what: String, _ look: () throws -> Value?) async throws -> Value {
        let deadline = ContinuousClock.now + Self.commandLimit
        while .now < deadline {
            if Interruption.hasCome { throw ExitStatus.interrupted }
            if let value = try look() { return value }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Failure("the demo failed: timed out waiting for \(what)")
    }

    private static func row(in database: FilePath) throws -> TorrentRow? {
        do throws(StoreError) {
            return try Connection.open(database, mode: .readOnly, now: .now()).torrents.rows().first
        } catch  where [.notFound, .cantOpen, .olderSchema].contains(error.code) {
            // The database is being created.
            return nil
        }
    }

    private func say(_ text: String) { Terminal.shared.print("\n\(text).") }
}

/// The processes of the demo that are still running.
private final class Children: Sendable {
    private let running = Mutex<[Int32: ChildProcess]>([:])

    func add(_ child: ChildProcess) { running.withLock { $0[child.pid] = child } }
    func forget(_ child: ChildProcess) { running.withLock { $0[child.pid] = nil } }

    func killAll() {
        running.withLock { running in
            for child in running.values { child.kill() }
            running = [:]
        }
    }
}

extension Substring {
    /// The text after the first `marker`; `nil` if there is none.
    fileprivate func components(after marker: String) -> Substring? {
        var rest = self
        while !rest.isEmpty {
            if rest.hasPrefix(marker) { return rest.dropFirst(marker.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
