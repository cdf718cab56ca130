import Foundation
import SystemPackage
import TestSupport
import Testing

/// The real program is killed at every call that changes something, again and again, and goes on as if nothing had
/// happened.
///
/// `PIECES_KILLS=5000 swift test --filter FaultTests.KillTests` kills it as often as that, which is at every boundary;
/// a failing run prints the line that replays it. With `PIECES_KILL_FROM` it begins with that download, where an
/// earlier run ended. `PIECES_KILL_SOURCE=peer` or `webSeed` leaves the other source out.
@Suite struct KillTests {
    /// Processes that run at once: most of their time they wait for their peer.
    private static let atOnce = 10

    /// What the payload comes from.
    enum Source: String, CaseIterable, Sendable {
        case peer, webSeed

        static var wanted: [Source] {
            guard let name = ProcessInfo.processInfo.environment["PIECES_KILL_SOURCE"] else { return allCases }
            return allCases.filter { $0.rawValue == name }
        }

        /// How often the program is killed where nothing is said.
        var kills: Int { self == .peer ? 80 : 50 }

        /// Runs `body` beside the source, with a .torrent that names it if it is a web seed.
        func serve<Value>(
            _ torrent: SampleTorrent, isolation: isolated (any Actor)? = #isolation,
            _ body: (any BlockServer, SampleTorrent) async throws -> Value
        ) async throws -> Value {
            switch self {
            case .peer: try await withPeers(torrent, [.slow(KillScenario.pace)]) { try await body($0[0], torrent) }
            case .webSeed:
                try await withWebSeed(torrent, FakeWebSeed.Habits(rate: KillScenario.pace)) {
                    try await body($0, try torrent.naming(webSeeds: [$0.url]))
                }
            }
        }
    }

    @Test(arguments: Source.wanted) func downloadSurvivesAKillAtEveryCall(source: Source) async throws {
        let torrent = try KillScenario.torrent()
        let wanted = KillChoice.setting("PIECES_KILLS") ?? source.kills
        let plan = KillPlan(counts: try await Self.countsOfAWholeRun(torrent, source), isThorough: wanted > 1000)
        var toll = KillScenario.Toll()
        let start = KillChoice.setting("PIECES_KILL_SEED") ?? KillChoice.setting("PIECES_KILL_FROM") ?? 0
        var next = start
        let isReplay = KillChoice.setting("PIECES_KILL_SEED") != nil
        try await withThrowingTaskGroup(of: KillScenario.Toll.self) { group in
            func begin() {
                let scenario = next
                next += 1
                group.addTask { try await Self.scenario(scenario, torrent, source, plan) }
            }
            for _ in 0..<(isReplay ? 1 : Self.atOnce) { begin() }
            for try await one in group {
                toll.kills += one.kills
                toll.lives += one.lives
                toll.checked += one.checked
                toll.doubtful += one.doubtful
                if toll.kills < wanted, !isReplay { begin() }
            }
        }
        print(
            "\(source.rawValue): killed \(toll.kills) times in \(toll.lives) lives of \(next - start) downloads, at \(min(next - start, plan.boundaries.count)) of "
                + "\(plan.boundaries.count) boundaries; \(toll.checked) pieces hashed, \(toll.doubtful) in doubt")
        #expect(isReplay || toll.kills >= wanted)
    }

    private static func scenario(_ number: Int, _ torrent: SampleTorrent, _ source: Source, _ plan: KillPlan)
        async throws -> KillScenario.Toll
    {
        let shape = KillScenario.Shape.allCases[number % KillScenario.Shape.allCases.count]
        let replay =
            "PIECES_KILL_SOURCE=\(source.rawValue) PIECES_KILL_SEED=\(number) swift test --filter FaultTests.KillTests"
        return try await withTemporaryFolder { folder in
            try await source.serve(torrent) { server, torrent in
                var scenario = KillScenario(torrent, try Pieces(in: folder), server, shape, replay: replay)
                do {
                    try await scenario.run(plan.deaths(of: number))
                } catch {
                    Issue.record("\(replay): \(error)")
                }
                return scenario.toll
            }
        }
    }

    /// How often each call comes in a run that nobody disturbs.
    private static func countsOfAWholeRun(_ torrent: SampleTorrent, _ source: Source) async throws -> [Shim.Site: Int] {
        try await withTemporaryFolder { folder in
            try await source.serve(torrent) { server, torrent in
                let pieces = try Pieces(in: folder)
                let scenario = KillScenario(torrent, pieces, server, .plain, replay: "the run that counts")
                let counts = folder.appending("counts")
                let end = try await ProgramRun(death: .none).run(pieces, try scenario.arguments(), counts: counts)
                try #require(end.exitCode == 0, "\(end)")
                return try Shim.counts(counts)
            }
        }
    }
}
