import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// `pieces rename` is killed at every call that changes something, in turn, in each of its ways. Whatever dies when:
/// every claimed piece is at the names that the database has, and the renaming can be continued or taken back.
@Suite(.serialized) struct RenameKillTests {
    /// Deaths of one way, where `PIECES_KILLS` says nothing.
    private static let usualKills = 8
    private static let atOnce = 4

    /// What gets another name.
    enum Subject: String, CaseIterable, Sendable {
        case root, folder

        var arguments: [String] { self == .root ? ["another root"] : ["b", "new/folder"] }
        var renames: Renames {
            self == .root ? Renames(root: "another root") : Renames(files: [2: "new/folder/c", 3: "new/folder/d"])
        }
    }

    private struct Ground: Sendable {
        let pieces: Pieces
        let torrent: SampleTorrent

        init(_ folder: FilePath) async throws {
            pieces = try Pieces(in: folder)
            torrent = try SampleTorrent(
                folder: "sample", [.init("a", 150_001), .init("empty", 0), .init("b/c", 90_000), .init("b/d", 40_000)],
                pieceLength: 32768, seed: 78)
            try Files.makeFolders(pieces.output)
            try torrent.write(to: pieces.output)
            let file = try pieces.file(of: torrent).string
            let end = try await pieces.run(["verify", file, "--output", pieces.output.string, "--quiet"])
            try #require(end.exitCode == 0, "\(end)")
        }

        func rename(_ faults: [Fault], _ more: [String], counts: FilePath? = nil) async throws -> RunningProgram.End {
            let running = try pieces.start(
                ["rename", "1"] + more, environment: try Shim.environment(for: pieces, faults, counts: counts))
            return try await running.end(within: .seconds(60))
        }

        func open() throws -> Connection { try Connection.open(pieces.database, mode: .readOnly, now: .now()) }

        /// What holds whenever nothing runs.
        func look(_ what: Comment, isRenamedAtOnce: Bool) throws {
            let state = try RecordedState(pieces, torrent)
            #expect(state.damage == [], what)
            #expect(state.claimed.isFull, "\(what): claims were lost: \(state.claimed)")
            let connection = try open()
            let row = try #require(try connection.torrents.row(torrent.infoHash))
            // Without links, the journal says where the files are that already have their new names.
            if isRenamedAtOnce, try connection.moves.isHeld(row.id) { return }
            let there = try torrent.renamed(try connection.renames.of(row.id))
            #expect(there.metainfo.name == row.name, what)
            #expect(try there.unfounded(state.claimed, in: pieces.output) == [], "\(what): claimed, and not there")
        }
    }

    @Test(arguments: MoveKillTests.Way.allCases, Subject.allCases)
    func renamingSurvivesAKillAtEveryCall(way: MoveKillTests.Way, subject: Subject) async throws {
        let count = try await withTemporaryFolder(inMemory: true) { folder in
            let ground = try await Ground(folder)
            let counts = folder.appending("counts")
            let end = try await ground.rename(way.faults, subject.arguments, counts: counts)
            try #require(end.exitCode == 0, "\(end)")
            return try Shim.counts(counts).filter { $0.key.changes }.values.reduce(0, +)
        }
        let deaths =
            KillChoice.setting("PIECES_KILL_SEED").map { [$0] }
            ?? KillChoice.some(of: Array(1...count), usual: Self.usualKills)
        let kills = try await KillChoice.die(at: deaths, atOnce: Self.atOnce) {
            try await Self.isKilled(way, subject, $0)
        }.count { $0 }
        print("rename of the \(subject.rawValue), by \(way.rawValue): killed \(kills) times of \(deaths.count)")
        #expect(kills >= deaths.count * 3 / 4)
    }

    private static func isKilled(_ way: MoveKillTests.Way, _ subject: Subject, _ nth: Int) async throws -> Bool {
        let replay =
            "\(way.rawValue), \(subject.rawValue): PIECES_KILL_SEED=\(nth) swift test --filter FaultTests.RenameKillTests"
        return try await withTemporaryFolder(inMemory: true) { folder in
            let ground = try await Ground(folder)
            let action: Fault.Action = nth % 3 == 0 ? .tear : .killBefore
            let end = try await ground.rename(way.faults + [Fault(nth: nth, action: action)], subject.arguments)
            try ground.look("\(replay): after the first death", isRenamedAtOnce: way == .rename)
            let undoes = nth % 3 == 1
            if nth % 2 == 0 {
                // It dies again on its way to the end, or back.
                _ = try await ground.rename(
                    way.faults + [Fault(nth: nth % 13 + 1, action: .killBefore)], undoes ? ["--undo"] : [])
                try ground.look("\(replay): after the second death", isRenamedAtOnce: way == .rename)
            }
            try await finish(ground, way, subject, undoes: undoes, "\(replay)")
            return end.signal == 9
        }
    }

    private static func finish(
        _ ground: Ground, _ way: MoveKillTests.Way, _ subject: Subject, undoes: Bool, _ what: Comment
    ) async throws {
        let connection = try ground.open()
        let id = TorrentID(1)
        if let move = try connection.moves.row(id) {
            let end = try await ground.rename(way.faults, move.isHeld && undoes ? ["--undo"] : [])
            #expect(end.exitCode == 0, "\(what): \(end)")
        } else if try connection.renames.of(id).isEmpty, !undoes {
            let end = try await ground.rename(way.faults, subject.arguments)
            #expect(end.exitCode == 0, "\(what): \(end)")
        }
        #expect(try connection.moves.rows() == [], what)
        let row = try #require(try connection.torrents.row(id))
        #expect(!row.settings.isPaused && row.state == .complete && row.error == nil, "\(what): \(row.state)")
        let renames = try connection.renames.of(id)
        #expect(renames.isEmpty || renames == subject.renames, what)
        let there = try ground.torrent.renamed(renames)
        #expect(there.faults(in: ground.pieces.output) == [], what)
        // Nothing is left of the other names.
        let files = try FileManager.default.subpathsOfDirectory(atPath: ground.pieces.output.string).filter {
            var isFolder: ObjCBool = false
            let path = ground.pieces.output.appending($0).string
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
        }
        #expect(Set(files) == Set(there.metainfo.layout.files.map(\.displayPath)), what)
        let verified = try await ground.pieces.run(["verify", "--quiet"])
        #expect(verified.exitCode == 0, "\(what): \(verified)")
    }
}
