import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Something that users do beside a plain download, and the process of it that is killed.
struct UserCommand: Sendable, CustomTestStringConvertible {
    /// Says that the calls of the process count from now on.
    typealias Mark = @Sendable () throws -> Void

    let name: String
    /// Torrents with a peer each; the database numbers them from 1.
    var torrents = 2
    /// Whether an engine runs beside the process that is killed, until after its death.
    var hasEngine = false
    /// Makes what is there before.
    let prepare: @Sendable (Ground) async throws -> Void
    /// The words of the process that is killed.
    let arguments: @Sendable (Ground) throws -> [String]
    /// What is done while that process runs, from its start to its end; where there is none its calls count from the
    /// start.
    var beside: (@Sendable (Ground, RunningProgram, Mark) async throws -> Void)?
    /// How the process may end when nobody kills it.
    var exitCodes: Set<Int32> = [0]
    /// Pieces that are claimed and wrong before: the number of a torrent and the piece.
    var rotten: [Int: PieceIndex] = [:]
    /// Torrents whose rows may go, and their files.
    var leaving: Set<Int> = []
    /// Whether the database may be damaged, or not be there under its name, until an engine starts.
    var mayBeMended = false
    /// What else is to hold after a death; what doesn't, a line each.
    var faults: @Sendable (Ground, [RecordedState]) throws -> [String] = { _, _ in [] }
    /// What users do after a death to get what they wanted.
    var conclude: @Sendable (Ground) async throws -> Void = { _ in }

    var testDescription: String { name }
}

/// Where a command is run: a database, an output folder, torrents and their peers.
struct Ground: Sendable {
    /// Blocks a second of a peer while something may be killed.
    static let pace = 160

    let pieces: Pieces
    let torrents: [SampleTorrent]
    let peers: [FakePeer]

    /// All of one folder, so that what is one torrent's is told from what is another's.
    static let samples = Result {
        try (0..<3).map { n in
            try SampleTorrent(
                folder: "shared",
                [
                    .init("a\(n)", 90_001), .init("b/empty\(n)", 0), .init("b/c\(n)", 150_000),
                    .init("b/d\(n)", 120_000),
                ],
                pieceLength: 32768, seed: 300 + UInt64(n))
        }
    }

    /// An engine for all torrents.
    func engine(_ more: String...) -> [String] {
        ["run", "--quiet"] + Pieces.network + KillScenario.commitInterval
            + peers.flatMap { ["--peer", "\($0.address)"] } + more
    }

    /// The .torrent: their names are the same.
    func file(_ torrent: Int) throws -> String {
        let path = pieces.folder.appending("\(torrent + 1).torrent")
        try Files.write(torrents[torrent].file, to: path)
        return path.string
    }

    /// Runs a command that nobody kills.
    @discardableResult
    func run(_ arguments: [String], exitCodes: Set<Int32> = [0]) async throws -> RunningProgram.End {
        let end = try await pieces.run(arguments)
        guard let code = end.exitCode, exitCodes.contains(code) else {
            throw CommandFault("`\(arguments.joined(separator: " "))`: \(end)")
        }
        return end
    }

    /// Puts the torrents into the database without payload.
    func addAll() async throws {
        try await run(["add"] + torrents.indices.map(file) + ["--output", pieces.output.string])
    }

    /// Puts the torrents into the database with payload that is there: all of it, or of the first one without its last
    /// file.
    func adoptAll(partly: Bool = false) async throws {
        for torrent in torrents { try torrent.write(to: pieces.output) }
        if partly { try Files.remove(torrents[0].path(3, in: pieces.output)) }
        let files = try torrents.indices.map(file)
        try await run(
            ["verify", "--quiet"] + files + ["--output", pieces.output.string, "--adopt"], exitCodes: [partly ? 2 : 0])
    }

    func recordedStates() throws -> [RecordedState] { try torrents.map { try RecordedState(pieces, $0) } }

    /// A connection that changes nothing, not even by being closed.
    func look() throws -> Connection { try Connection.open(pieces.database, mode: .readOnly, now: .now()) }

    /// Tells a running engine something.
    func tell(_ verb: IntentVerb, _ torrent: Int) throws {
        try Connection.open(pieces.database, mode: .readWrite, now: .now()).intents.append(
            verb, torrent: TorrentID(Int64(torrent + 1)), now: .now())
    }

    func row(_ torrent: Int) throws -> TorrentRow? { try look().torrents.row(torrents[torrent].infoHash) }

    /// Waits until it is so, or the process has died: then it throws.
    func until(_ running: RunningProgram, _ what: String, _ condition: () throws -> Bool) async throws {
        try await eventually("\(what): \(running.errors)", within: .seconds(20)) {
            guard running.isRunning else { throw CommandFault("\(running.name) has ended") }
            return try condition()
        }
    }

    /// Waits until the process is an engine at work.
    func untilAtWork(_ running: RunningProgram) async throws {
        try await until(running, "the engine to be at work") {
            guard Files.exists(pieces.database), let run = try look().runs.last() else { return false }
            return run.pid == running.pid && run.stoppedAt == nil
        }
    }

    /// Waits until so much of a torrent is there, from 0 to 1.
    func untilShare(_ share: Double, of torrent: Int, _ running: RunningProgram) async throws {
        try await until(running, "torrent \(torrent + 1) to have a share of \(share)") {
            try row(torrent).map { Double($0.piecesHave) >= share * Double($0.pieceCount) } ?? false
        }
    }
}

/// What a command can't go on with.
struct CommandFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
