import Glibc
import Store
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A command whose process dies at one call that changes something, and what must be true after that and when it is
/// brought to its end.
struct CommandScenario {
    struct Death: Sendable, CustomStringConvertible {
        /// Which of the calls that change something, from 1.
        let nth: Int
        /// Before the call, or in the middle of what it writes; a call that writes nothing is made.
        let action: Fault.Action

        var description: String { "\(action) \(nth)" }
    }

    struct Toll: Sendable {
        var kills = 0
        var lives = 0
        var checked = 0
    }

    /// Calls of a second run in which it may die again.
    static let soon = 30

    let command: UserCommand
    let ground: Ground
    /// The line that replays it.
    let replay: String
    private var toll = Toll()
    /// What was recorded by whichever run, of each torrent.
    private var recorded: [Bitfield]

    private init(_ command: UserCommand, _ ground: Ground, replay: String) {
        self.command = command
        self.ground = ground
        self.replay = replay
        recorded = ground.torrents.map { Bitfield(count: $0.geometry.pieceCount) }
    }

    // MARK: From the outside

    /// How many calls change something in a process that nobody disturbs, from the moment that they count.
    static func count(_ command: UserCommand) async throws -> Int {
        try await withGround(command) { ground in
            let counts = ground.pieces.folder.appending("counts")
            let before = Mutex(0)
            try await command.prepare(ground)
            let end = try await live(command, ground, try Shim.environment(for: ground.pieces, counts: counts)) {
                let count = try changes(counts)
                before.withLock { $0 = count }
            }
            guard let code = end.exitCode, command.exitCodes.contains(code) else {
                throw CommandFault("\(command.name), undisturbed: \(end)")
            }
            return try changes(counts) - before.withLock(\.self)
        }
    }

    private static func changes(_ counts: FilePath) throws -> Int {
        guard Files.exists(counts) else { return 0 }
        return try Shim.counts(counts).filter { $0.key.changes }.values.reduce(0, +)
    }

    /// Dies there, and again soon after where `again` says so.
    static func run(_ command: UserCommand, _ death: Death, again: Death?, replay: String) async throws -> Toll {
        try await withGround(command) { ground in
            var scenario = CommandScenario(
                command, ground, replay: "\(replay): \(death)\(again.map { ", then \($0)" } ?? "")")
            do {
                try await command.prepare(ground)
                try scenario.note(try ground.recordedStates())
                for death in [death, again].compactMap(\.self) { try await scenario.die(death) }
                try await scenario.conclude()
            } catch {
                Issue.record("\(scenario.replay): \(error)")
            }
            return scenario.toll
        }
    }

    private static func withGround<Value: Sendable>(_ command: UserCommand, _ body: (Ground) async throws -> Value)
        async throws -> Value
    {
        // A kill loses nothing of what was written, and so nobody has to wait for a disk.
        try await withTemporaryFolder(inMemory: true) { folder in
            let torrents = Array(try Ground.samples.get().prefix(command.torrents))
            var peers: [FakePeer] = []
            let result = await Result { () async throws -> Value in
                for torrent in torrents { peers.append(try await FakePeer.start(torrent, .slow(Ground.pace))) }
                return try await body(Ground(pieces: try Pieces(in: folder), torrents: torrents, peers: peers))
            }
            for peer in peers { await peer.stop() }
            return try result.get()
        }
    }

    /// One process of the command, beside an engine where it has one.
    private static func live(
        _ command: UserCommand, _ ground: Ground, _ environment: [String: String], mark: @escaping UserCommand.Mark
    ) async throws -> RunningProgram.End {
        let engine = command.hasEngine ? try ground.pieces.start(ground.engine()) : nil
        let end = await Result { () async throws -> RunningProgram.End in
            if let engine { try await ground.untilAtWork(engine) }
            if command.beside == nil { try mark() }
            let running = try ground.pieces.start(try command.arguments(ground), environment: environment)
            let result = await Result { () async throws -> RunningProgram.End in
                do {
                    try await command.beside?(ground, running, mark)
                } catch {
                    // What was to be done beside it can't be done without it.
                    guard !running.isRunning else { throw error }
                }
                return try await running.end(within: .seconds(40))
            }
            await running.kill()
            return try result.get()
        }
        if let engine {
            engine.send(SIGTERM)
            let stopped = await Result { try await engine.end(within: .seconds(20)) }
            await engine.kill()
            if case .success(let stopped) = stopped, stopped.exitCode != 0 {
                throw CommandFault("the engine beside it: \(stopped)")
            }
        }
        return try end.get()
    }

    // MARK: A death

    private mutating func die(_ death: Death) async throws {
        let what: Comment = "\(replay): run \(toll.lives + 1)"
        let flag = ground.pieces.folder.appending("begun-\(toll.lives)")
        let fault = Fault(nth: death.nth, action: death.action, after: flag)
        for peer in ground.peers { peer.forgetRequests() }
        let end = try await Self.live(command, ground, try Shim.environment(for: ground.pieces, [fault])) {
            try Files.write([], to: flag)
        }
        toll.lives += 1
        if end.signal == 9 {
            toll.kills += 1
        } else {
            // A second run may find that nothing is left to do, and say so.
            #expect(
                end.signal == nil && (toll.lives > 1 || command.exitCodes.contains(end.exitCode ?? -1)),
                "\(what): \(end)")
        }
        try look(what)
    }

    /// What holds whenever nothing runs.
    private mutating func look(_ what: Comment) throws {
        let recordedStates = try ground.recordedStates()
        for (n, (torrent, recordedState)) in zip(ground.torrents, recordedStates).enumerated() {
            #expect(recordedState.damage == [] || command.mayBeMended, what)
            #expect(
                recordedState.isThere || command.leaving.contains(n) || command.mayBeMended,
                "\(what): torrent \(n + 1) is gone")
            let unfounded = try recordedState.unfounded(torrent, in: ground.pieces.output).filter {
                $0 != command.rotten[n]
            }
            #expect(unfounded == [], "\(what): torrent \(n + 1) claims what isn't so")
            let lost = command.leaving.contains(n) || command.mayBeMended ? [] : lost(n, recordedState)
            #expect(lost == [], "\(what): torrent \(n + 1) has recorded pieces that it doesn't claim any more")
            expectNothingAgain(n, what)
        }
        #expect(try command.faults(ground, recordedStates) == [], what)
        try note(recordedStates)
    }

    private func lost(_ n: Int, _ recordedState: RecordedState) -> [PieceIndex] {
        recorded[n].subtracting(recordedState.claimed).subtracting(recordedState.opened).pieces.filter {
            $0 != command.rotten[n]
        }
    }

    private func expectNothingAgain(_ n: Int, _ what: Comment) {
        guard !command.leaving.contains(n) else { return }
        let again = Set(ground.peers[n].requests.map(\.block.piece)).filter {
            recorded[n][$0] && $0 != command.rotten[n]
        }
        #expect(again == [], "\(what): torrent \(n + 1) downloads again what was recorded")
    }

    private mutating func note(_ recordedStates: [RecordedState]) throws {
        for (n, recordedState) in recordedStates.enumerated() { recorded[n].formUnion(recordedState.claimed) }
    }

    // MARK: The end

    /// The user gets what was wanted; an engine finds the rest.
    private mutating func conclude() async throws {
        let what: Comment = "\(replay): at the end"
        try await command.conclude(ground)
        let before = try ground.recordedStates()
        for peer in ground.peers {
            peer.behave(.good)
            peer.forgetRequests()
        }
        try await ground.run(ground.engine("--until-complete"))
        let after = try ground.recordedStates()
        for (n, torrent) in ground.torrents.enumerated() {
            #expect(torrent.faults(in: ground.pieces.output) == [], what)
            #expect(
                after[n].isThere && after[n].claimed.isFull && after[n].damage == [],
                "\(what): torrent \(n + 1) claims \(after[n].claimed)")
            expectNothingAgain(n, what)
            let checks = after[n].checks.dropFirst(before[n].checks.count)
            let checked = checks.reduce(0) { $0 + $1.count }
            let doubtful = try before[n].doubtful(torrent, in: ground.pieces.output).data.population
            // What a torrent finds that was removed and added again nobody has looked at.
            let mayLook = command.mayBeMended || command.leaving.contains(n)
            #expect(
                checked <= doubtful || mayLook,
                "\(what): torrent \(n + 1): \(checks.map(\.text)), and \(doubtful) were in doubt")
            toll.checked += checked
        }
    }
}
