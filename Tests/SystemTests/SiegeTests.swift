import Foundation
import SiegeLab
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Hostile hosts at the real program, beside one good peer: each row of the table in the article "Hostile peers", with figures.
///
/// What is compared is the good peer's rate with itself, moments before, and it serves much less than the machine can do: so that what is seen is fairness
/// and not speed. `pieces-bench siege` says the same of the release build, for longer.
@Suite(.alone, .serialized) struct SiegeTests {
    /// Blocks a second of the good peer: 1.6 MB/s.
    private static let blocks = 96
    private static let aloneFor = Duration.milliseconds(1500)
    private static let besiegedFor = Duration.seconds(3)
    #if DEBUG
    /// An unoptimized program needs several times the processor time of a release.
    private static let mostCPU = 1.6
    #else
    private static let mostCPU = Outcome.mostCPU
    #endif

    private struct Site: Sendable {
        let pieces: Pieces
        let good: WirePeer
        let target: Target
        let watch: EngineWatch
    }

    /// Runs an engine that downloads from a good peer, and has another torrent that nobody wants.
    private func besiege(_ attack: Attack, _ body: (Site, RunningProgram) async throws -> Void) async throws {
        let wanted = try SampleTorrent("wanted.bin", content: Array(repeating: 0xa5, count: 40 << 20), pieceLength: 1 << 16)
        let dormant = try SampleTorrent(folder: "dormant", (0..<500).map { .init("file-\($0)", 10) }, seed: 81)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.adopt(dormant)
            try await pieces.run(["add", try pieces.file(of: wanted).string, "--output", pieces.output.string])
            try await withPeers(wanted, [.slow(Self.blocks)]) { peers in
                let limit = attack == .silence ? 256 : 1024
                let command = [try Pieces.program.path, "run", "--seed", "--json"] + Pieces.network + ["--peer", "\(peers[0].address)"]
                let environment = ["PIECES_DATABASE": pieces.database.string]
                let shell = RealProgram(path: "/bin/sh")
                try await withProgram(
                    shell, ["-c", "ulimit -n \(limit) && exec \"$@\"", "sh"] + command, in: folder, environment: environment
                ) { running in
                    let port = try await running.address().port
                    let target = Target(
                        port: port, infoHash: Array(wanted.infoHash.bytes), dormant: Array(dormant.infoHash.bytes), pieces: wanted.geometry.pieceCount)
                    try await eventually("the good peer to be at full speed: \(running.errors)") { peers[0].servedBytes > 2 << 20 }
                    let watch = EngineWatch(pid: running.pid) { peers[0].servedBytes }
                    try await body(Site(pieces: pieces, good: peers[0], target: target, watch: watch), running)
                }
            }
        }
    }

    /// Alone, and then besieged, by a thread of its own: the good peer is served by the pool.
    private func outcome(_ attack: Attack, hosts: Int, seed: UInt64 = 1, _ site: Site, for time: Duration = besiegedFor) async throws -> Outcome {
        let mark = site.watch.mark()
        try await Task.sleep(for: Self.aloneFor)
        let alone = site.watch.since(mark)
        let outcome = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let outcome = Siege.run(
                    attack, hosts: hosts, seed: seed, at: site.target, for: time, site.watch, alone: alone,
                    comeBack: attack == .crowd ? { Task { await site.good.hangUp() } } : nil)
                continuation.resume(returning: outcome)
            }
        }
        print(outcome.line)
        return outcome
    }

    @Test(arguments: Attack.allCases) func theGoodPeerKeepsItsRate(attack: Attack) async throws {
        try await besiege(attack) { site, running in
            for hosts in [1, 50] {
                let outcome = try await outcome(attack, hosts: hosts, site)
                #expect(outcome.faults(mostCPU: Self.mostCPU) == [], "\(outcome.line)")
                #expect(outcome.spent.connections > 0 && running.isRunning)
            }
        }
    }
}
