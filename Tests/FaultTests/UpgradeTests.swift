import Migrations
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The real program is killed while it brings an old database to its own schema: before and after every call that
/// changes the database, in turn.
///
/// `PIECES_KILLS=2000 swift test --filter FaultTests.UpgradeTests` kills it at each of them.
@Suite struct UpgradeTests {
    /// Processes that run at once.
    private static let atOnce = 4
    private static let usualKills = 200

    private struct Boundary: Sendable {
        let site: Shim.Site
        let nth: Int
        let action: Fault.Action
    }

    @Test func upgradeSurvivesAKillAtEveryCall() async throws {
        let torrent = try KillScenario.torrent()
        let all = try await Self.boundaries(torrent)
        // Two steps from schema 1, each with a commit, and the command's own.
        try #require(all.count > 20, "\(all.count)")
        let boundaries = KillChoice.some(of: all, usual: Self.usualKills)
        let dead = try await KillChoice.die(at: boundaries, atOnce: Self.atOnce) {
            try await Self.isKilled(torrent, $0)
        }.count { $0 }
        print("killed \(dead) times at \(boundaries.count) of \(all.count) boundaries of an upgrade")
        // The last ones may come no more: a close doesn't always do the same.
        #expect(dead >= boundaries.count * 9 / 10)
    }

    /// Every call that changes the database in an upgrade that nobody disturbs.
    private static func boundaries(_ torrent: SampleTorrent) async throws -> [Boundary] {
        try await withTemporaryFolder { folder in
            let pieces = try old(torrent, in: folder)
            let counts = folder.appending("counts")
            let end = try await upgrade(pieces, counts: counts)
            try #require(end.exitCode == 0, "\(end)")
            return try Shim.counts(counts).filter { $0.key.changes && ["db", "wal"].contains($0.key.place) }.sorted {
                $0.key < $1.key
            }
            .flatMap { site, count in
                (1...count).flatMap { n in
                    [Fault.Action.killBefore, .killAfter].map { Boundary(site: site, nth: n, action: $0) }
                }
            }
        }
    }

    /// A command that writes brings the database up to date first.
    private static func upgrade(_ pieces: Pieces, _ faults: [Fault] = [], counts: FilePath? = nil) async throws
        -> RunningProgram.End
    {
        try await pieces.start(["pause", "1"], environment: try Shim.environment(for: pieces, faults, counts: counts))
            .end()
    }

    /// A database as the first release made it, with the torrent in it.
    private static func old(_ torrent: SampleTorrent, in folder: FilePath) throws -> Pieces {
        let pieces = try Pieces(in: folder)
        let connection = try Connection(pieces.database, mode: .readWriteCreate)
        try Migrator.migrate(connection, to: Array(Migration.all.prefix(1)), now: .now())
        let info = torrent.metainfo
        try connection.execute(
            """
            INSERT INTO torrent (id, info_hash, name, output, total_bytes, piece_length, piece_count, private, wanted_bytes, added_at)
            VALUES (1, ?, ?, ?, ?, ?, ?, 0, ?, 1700000000)
            """,
            info.infoHash, info.name, pieces.output.string, info.geometry.totalBytes, info.geometry.pieceLength,
            info.geometry.pieceCount,
            info.geometry.totalBytes)
        try connection.execute(
            "INSERT INTO metainfo (torrent_id, pieces_offset, info_offset, info_length, file) VALUES (1, ?, ?, ?, ?)",
            info.pieceHashesRange.lowerBound, info.infoRange.lowerBound, info.infoRange.count, info.file)
        return pieces
    }

    /// Whether it died there. What it leaves is one schema or the next, whole, and the next command goes on from it.
    private static func isKilled(_ torrent: SampleTorrent, _ boundary: Boundary) async throws -> Bool {
        let what: Comment = "\(boundary.action) \(boundary.site) \(boundary.nth)"
        return try await withTemporaryFolder { folder in
            let pieces = try old(torrent, in: folder)
            let fault = Fault(
                call: boundary.site.call, place: boundary.site.place, nth: boundary.nth, action: boundary.action)
            let end = try await upgrade(pieces, [fault])
            #expect(end.signal == 9 || end.exitCode == 0, "\(what): \(end)")
            try look(pieces, torrent, isUpToDate: false, what)
            let again = try await upgrade(pieces)
            #expect(again.exitCode == 0, "\(what): \(again)")
            try look(pieces, torrent, isUpToDate: true, what)
            return end.signal == 9
        }
    }

    private static func look(_ pieces: Pieces, _ torrent: SampleTorrent, isUpToDate: Bool, _ what: Comment) throws {
        let connection = try Connection(pieces.database, mode: .readWrite)
        let findings = try connection.values("PRAGMA integrity_check", as: String.self)
        #expect(findings == ["ok"], what)
        let version = try connection.value("SELECT max(number) FROM schema_migration", as: Int.self) ?? 0
        let count = try connection.value("SELECT count(*) FROM schema_migration", as: Int.self)
        #expect(version == count && (1...Migration.all.count).contains(version), what)
        let names = try connection.values("SELECT name FROM torrent", as: String.self)
        #expect(names == [torrent.metainfo.name], what)
        let hasPaths =
            try connection.values("SELECT 1 FROM sqlite_schema WHERE name = 'path'", as: Int.self) == [1]
        #expect(hasPaths == (version >= 2), what)
        if hasPaths {
            let paths = try connection.values("SELECT path FROM path ORDER BY idx", as: String.self)
            #expect(paths == torrent.metainfo.layout.files.map(\.displayPath), what)
        }
        guard isUpToDate else { return }
        try Migrator.requireCurrent(connection)
        #expect(try connection.torrents.row(TorrentID(rawValue: 1))?.settings.isPaused == true, what)
    }
}
