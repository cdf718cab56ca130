import Glibc
import Store
import SystemPackage
import TestSupport
import Torrent

/// An engine that finds and repairs rot, and one that finds an edit.
extension UserCommand {
    static let scrubs = [scrub, edit]

    /// The piece that ``rot(_:)`` damages.
    private static let rotten = PieceIndex(4)
    private static let words = Array("edited by hand".utf8)

    private static func damage(_ ground: Ground) throws -> DamageRow? {
        try ground.look().damage.rows(limit: 10).first { $0.piece == rotten }
    }

    /// A scrub begins some seconds after the engine.
    private static func until(
        _ state: DamageRow.State, _ ground: Ground, _ running: RunningProgram
    ) async throws {
        try await eventually("the damage to be \(state): \(running.errors)", within: .seconds(60)) {
            guard running.isRunning else { throw CommandFault("\(running.name) has ended") }
            return try damage(ground)?.state == state
        }
    }

    /// The file that the rotten piece is in, and the piece's byte that differs.
    private static func place(_ ground: Ground) -> (path: FilePath, offset: Int64) {
        let torrent = ground.torrents[1]
        return (
            torrent.path(2, in: ground.pieces.output),
            torrent.geometry.offset(of: rotten) + 100 - torrent.metainfo.layout.files[2].offset
        )
    }

    // MARK: Rot

    /// What is recorded as repaired is right on the disk.
    @Sendable private static func repairsAreTrue(_ ground: Ground, _ states: [RecordedState]) throws -> [String] {
        guard let damage = try damage(ground), [.written, .repaired].contains(damage.state),
            states[1].claimed[rotten],
            try states[1].unfounded(ground.torrents[1], in: ground.pieces.output).contains(rotten)
        else { return onlyRotMayGo(ground, states) }
        return onlyRotMayGo(ground, states) + ["the piece is \(damage.state), and it is wrong"]
    }

    private static let scrub = UserCommand(
        name: "a scrub and a repair, by a running engine",
        prepare: { ground in
            try await rot(ground)
            try await ground.run(["scrub", "now", "--quiet"])
        }, arguments: { $0.engine() },
        beside: { ground, running, mark in
            try await ground.untilAtWork(running)
            try mark()
            try await until(.repaired, ground, running)
            running.send(SIGTERM)
        }, rotten: [1: rotten], faults: repairsAreTrue
    ) { ground in
        // Whatever was found and repaired, or wasn't: the rest is found.
        try await ground.run(["verify", "--quiet"], exitCodes: [0, 2])
    }

    // MARK: An edit

    @Sendable private static func editStays(_ ground: Ground, _ states: [RecordedState]) throws -> [String] {
        let (path, offset) = place(ground)
        let isThere = try Files.read(path, at: offset, count: words.count) == words
        return onlyRotMayGo(ground, states) + (isThere ? [] : ["the edit was overwritten"])
    }

    /// Whenever the engine dies while it checks a file that another program changed: the next one doesn't fetch over
    /// the edit, although each peer has the piece.
    private static let edit = UserCommand(
        name: "an edit, found by a running engine",
        prepare: { ground in
            try await ground.adoptAll()
            try await Task.sleep(for: .milliseconds(20))
            let (path, offset) = place(ground)
            try Files.overwrite(path, at: offset, with: words)
        }, arguments: { $0.engine() },
        beside: { ground, running, mark in
            try await ground.untilAtWork(running)
            try mark()
            try ground.tell(.verify, 1)
            try await until(.held, ground, running)
            running.send(SIGTERM)
        }, rotten: [1: rotten], faults: editStays
    ) { ground in
        try await ground.pieces.beside(ground.engine()) { running in
            try await ground.untilAtWork(running)
            try ground.tell(.verify, 1)
            try await until(.held, ground, running)
            let faults = try editStays(ground, try ground.recordedStates())
            guard faults.isEmpty else { throw CommandFault(faults.joined(separator: "; ")) }
            running.send(SIGTERM)
            _ = try await running.end(within: .seconds(40))
        }
        try await ground.run(["repair", "2", "--overwrite-edits"], exitCodes: [2])
    }
}
