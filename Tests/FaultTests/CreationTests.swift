import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The first `add` of all is killed at every call that changes something: what it leaves is nothing, an empty database
/// or a whole one, `status` says which, and the next `add` finishes it.
///
/// `PIECES_KILLS=2000 swift test --filter FaultTests.CreationTests` kills it at each of them.
@Suite struct CreationTests {
    /// Processes that run at once.
    private static let atOnce = 4
    private static let usualKills = 150

    @Test func firstAddSurvivesAKillAtEveryCall() async throws {
        let torrent = try KillScenario.torrent()
        let count = try await Self.count(torrent)
        try #require(count > 20, "\(count)")
        let all = (1...count).flatMap { n in [Fault.Action.killBefore, .tear].map { Fault(nth: n, action: $0) } }
        let boundaries = KillChoice.some(of: all, usual: Self.usualKills)
        let dead = try await KillChoice.die(at: boundaries, atOnce: Self.atOnce) {
            try await Self.isKilled(torrent, $0)
        }.count { $0 }
        print("killed \(dead) times at \(boundaries.count) of \(all.count) boundaries of a creation")
        // The last ones may come no more: a close doesn't always do the same.
        #expect(dead >= boundaries.count * 9 / 10)
    }

    private static func count(_ torrent: SampleTorrent) async throws -> Int {
        try await withTemporaryFolder(inMemory: true) { folder in
            let pieces = try Pieces(in: folder)
            let counts = folder.appending("counts")
            let end = try await add(pieces, torrent, counts: counts)
            try #require(end.exitCode == 0, "\(end)")
            return try Shim.counts(counts).filter { $0.key.changes }.values.reduce(0, +)
        }
    }

    private static func add(_ pieces: Pieces, _ torrent: SampleTorrent, _ faults: [Fault] = [], counts: FilePath? = nil)
        async throws
        -> RunningProgram.End
    {
        let arguments = ["add", try pieces.file(of: torrent).string, "--output", pieces.output.string]
        return try await pieces.start(arguments, environment: try Shim.environment(for: pieces, faults, counts: counts))
            .end()
    }

    /// Whether it died there.
    private static func isKilled(_ torrent: SampleTorrent, _ fault: Fault) async throws -> Bool {
        try await withTemporaryFolder(inMemory: true) { folder in
            let pieces = try Pieces(in: folder)
            let end = try await add(pieces, torrent, [fault])
            #expect(end.signal == 9 || end.exitCode == 0, "\(fault): \(end)")
            let isThere = Files.exists(pieces.database)
            let status = try await pieces.run(["status"])
            #expect(status.exitCode == 0 && status.errors.isEmpty, "\(fault): \(status)")
            let sentences =
                isThere
                ? ["is empty, probably because its creation was interrupted", "no torrents yet", torrent.metainfo.name]
                : ["there is no database at"]
            #expect(sentences.contains { status.output.contains($0) }, "\(fault): \(status)")
            // To be read it need not be there, either.
            let log = try await pieces.run(["log"])
            #expect(
                log.exitCode == 0 || log.errors.contains("its creation was interrupted") || !isThere, "\(fault): \(log)"
            )
            let again = try await add(pieces, torrent)
            #expect(again.exitCode == 0, "\(fault): \(again)")
            let found = try await pieces.run(["status"])
            #expect(found.exitCode == 0 && found.output.contains(torrent.metainfo.name), "\(fault): \(found)")
            let check = try await pieces.run(["database", "check"])
            #expect(check.exitCode == 0, "\(fault): \(check)")
            return end.signal == 9
        }
    }
}
