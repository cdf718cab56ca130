import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The clock on the wall jumps by years between the lives of the program, and back.
@Suite(.crowded) struct ClockTests {
    private static let ahead = Duration.seconds(10 * 365 * 86400)
    private static let behind = .zero - ahead

    @Test(arguments: [[ahead, .zero, behind, .zero], [behind, ahead, .zero], [.zero, behind, behind, ahead]])
    func downloadSurvivesClockJumps(offsets: [Duration]) async throws {
        let torrent = try KillScenario.torrent()
        try await withTemporaryFolder { folder in
            try await withPeers(torrent, [.slow(KillScenario.pace)]) { peers in
                var scenario = KillScenario(
                    torrent, try Pieces(in: folder), peers[0], .plain, replay: "offsets \(offsets)")
                // A file whose time went back is looked at again, as one that somebody put back.
                scenario.mayDoubtClaims = true
                try await scenario.run(offsets.map { _ in .moment(.milliseconds(600)) }, clockOffsets: offsets)
            }
        }
    }

    /// Whatever the clock was before, the tracker is asked, a ban ends, and the status can be read.
    @Test(arguments: [(ahead, Duration.zero), (.zero, ahead), (behind, .zero), (.zero, behind), (ahead, behind)])
    func clockJumpsDoNotDelayTrackersOrBans(before: Duration, after: Duration) async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 500_000, seed: 210, trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                let pieces = try Pieces(in: folder)
                try await withPeers(torrent, [.lying]) { liars in
                    try await withPeers(torrent) { good in
                        tracker.answer { $0.peers = [liars[0].address] }
                        try await live(pieces, torrent, tracker, clockOffset: before) { _ in
                            try await eventually("the liar to be banned") { try pieces.events(.banned).count == 1 }
                        }
                        tracker.answer { $0.peers = [good[0].address] }
                        try await live(pieces, torrent, tracker, clockOffset: after) { running in
                            try await eventually("completion: \(running.output)") {
                                try pieces.events(.completed).count == 1
                            }
                        }
                    }
                    let status = try await pieces.run(["status"])
                    #expect(status.exitCode == 0 && status.output.contains("100"), "\(status)")
                    #expect(try await pieces.run(["peers", "1"]).exitCode == 0)
                    #expect(try await pieces.run(["log"]).exitCode == 0)
                }
            }
        }
    }

    /// Runs the engine until `body` ends and it has asked the tracker, and kills it.
    private func live(
        _ pieces: Pieces, _ torrent: SampleTorrent, _ tracker: FakeTracker, clockOffset: Duration,
        _ body: (RunningProgram) async throws -> Void
    ) async throws {
        let announces = tracker.announces.count
        let arguments = try pieces.download(torrent, from: [], ["--seed-ratio", "5"])
        let running = try pieces.start(
            arguments, environment: try Shim.environment(for: pieces, clockOffset: clockOffset))
        let result = await Result {
            try await eventually("an announce: \(running.errors)") { tracker.announces.count > announces }
            try await body(running)
        }
        await running.kill()
        try result.get()
    }
}
