import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// `pieces move` is killed at every call that changes something, in turn, in each of its ways. Whatever dies when:
/// every claimed piece is in the folder that the database names, and the same command brings the move to its end.
@Suite(.serialized) struct MoveKillTests {
    /// Deaths of one way, where `PIECES_KILLS` says nothing.
    private static let usualKills = 16
    private static let atOnce = 4

    /// How the files come to the new folder.
    enum Way: String, CaseIterable, Sendable {
        case link, copy, rename

        /// What makes the program take this way, on one file system.
        var faults: [Fault] {
            switch self {
            case .link: []
            case .copy: [Fault(call: "link", extent: .forever, action: .fail(.improperLink))]
            case .rename: [Fault(call: "link", extent: .forever, action: .fail(.notPermitted))]
            }
        }
    }

    private struct Ground: Sendable {
        let pieces: Pieces
        let torrent: SampleTorrent
        var source: FilePath { pieces.output.appending("old") }
        var target: FilePath { pieces.output.appending("new/folder") }

        init(_ folder: FilePath) async throws {
            pieces = try Pieces(in: folder)
            torrent = try SampleTorrent(
                folder: "sample", [.init("a", 150_001), .init("empty", 0), .init("b/c", 90_000), .init("b/d", 40_000)],
                pieceLength: 32768, seed: 77)
            try Files.makeFolders(source)
            try torrent.write(to: source)
            let file = try pieces.file(of: torrent).string
            let end = try await pieces.run(["verify", file, "--output", source.string, "--quiet"])
            try #require(end.exitCode == 0, "\(end)")
            let limited = try await pieces.run(["limit", "1", "--upload", "5M"])
            try #require(limited.exitCode == 0, "\(limited)")
        }

        func move(_ faults: [Fault], counts: FilePath? = nil, _ more: String...) async throws -> RunningProgram.End {
            let running = try pieces.start(
                ["move", "1"] + more, environment: try Shim.environment(for: pieces, faults, counts: counts))
            return try await running.end(within: .seconds(60))
        }

        /// What holds whenever nothing runs.
        func look(_ what: Comment, isRenaming: Bool) throws {
            let state = try RecordedState(pieces, torrent)
            #expect(state.damage == [], what)
            #expect(state.claimed.isFull, "\(what): claims were lost: \(state.claimed)")
            let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
            let row = try #require(try connection.torrents.row(torrent.infoHash))
            // Without links, the journal says where the files are that already have their new names.
            if isRenaming, try connection.moves.isHeld(row.id) { return }
            #expect(
                try state.unfounded(torrent, in: FilePath(row.output)) == [],
                "\(what): claimed, and not in \(row.output)")
        }
    }

    @Test(arguments: Way.allCases) func moveSurvivesAKillAtEveryCall(way: Way) async throws {
        let count = try await withTemporaryFolder(inMemory: true) { folder in
            let ground = try await Ground(folder)
            let counts = folder.appending("counts")
            let end = try await ground.move(way.faults, counts: counts, ground.target.string)
            try #require(end.exitCode == 0, "\(end)")
            return try Shim.counts(counts).filter { $0.key.changes }.values.reduce(0, +)
        }
        let deaths =
            KillChoice.setting("PIECES_KILL_SEED").map { [$0] }
            ?? KillChoice.some(of: Array(1...count), usual: Self.usualKills)
        let kills = try await KillChoice.die(at: deaths, atOnce: Self.atOnce) { try await Self.isKilled(way, $0) }
            .count { $0 }
        print("move, by \(way.rawValue): killed \(kills) times, at \(deaths.count) of \(count) calls")
        #expect(kills >= deaths.count * 3 / 4)
    }

    private static func isKilled(_ way: Way, _ nth: Int) async throws -> Bool {
        let replay = "\(way.rawValue): PIECES_KILL_SEED=\(nth) swift test --filter FaultTests.MoveKillTests"
        return try await withTemporaryFolder(inMemory: true) { folder in
            let ground = try await Ground(folder)
            let action: Fault.Action = nth % 3 == 0 ? .tear : .killBefore
            let end = try await ground.move(way.faults + [Fault(nth: nth, action: action)], ground.target.string)
            try ground.look("\(replay): after the first death", isRenaming: way == .rename)
            // Every second one dies again on its way to the end, or back.
            let undoes = nth % 5 == 1
            let folder = undoes ? ground.source : ground.target
            if nth % 2 == 0 {
                _ = try await ground.move(
                    way.faults + [Fault(nth: nth % 17 + 1, action: .killBefore)], folder.string)
                try ground.look("\(replay): after the second death", isRenaming: way == .rename)
            }
            try await finish(ground, way, in: folder, "\(replay)")
            return end.signal == 9
        }
    }

    /// The torrent gets to the folder, whether or not it is there, and nothing is left of the move.
    private static func finish(_ ground: Ground, _ way: Way, in folder: FilePath, _ what: Comment) async throws {
        let end = try await ground.move(way.faults, folder.string)
        // It may be there already, with or without old files to be removed.
        #expect(end.exitCode == 0 || end.exitCode == 64, "\(what): \(end)")
        let connection = try Connection.open(ground.pieces.database, mode: .readOnly, now: .now())
        if try !connection.moves.rows().isEmpty {
            let rest = try await ground.move(way.faults)
            #expect(rest.exitCode == 0, "\(what): \(rest)")
        }
        #expect(try connection.moves.rows() == [], what)
        let row = try #require(try connection.torrents.row(ground.torrent.infoHash))
        #expect(row.output == folder.string, what)
        #expect(!row.settings.isPaused && row.state == .complete && row.error == nil, "\(what): \(row.state)")
        #expect(row.settings.limits.upload == 5 << 20, what)
        #expect(ground.torrent.faults(in: folder) == [], what)
        let left = try FileManager.default.subpathsOfDirectory(atPath: ground.pieces.output.string).filter {
            !$0.hasPrefix(folder == ground.source ? "old" : "new") && $0.contains("sample")
        }
        #expect(left == [], "\(what): left in the other folder")
        let all = try FileManager.default.subpathsOfDirectory(atPath: ground.pieces.output.string)
        #expect(all.filter { $0.hasSuffix(".moving") } == [], what)
        let verified = try await ground.pieces.run(["verify", "--quiet"])
        #expect(verified.exitCode == 0, "\(what): \(verified)")
    }
}
