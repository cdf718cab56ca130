import Foundation
import SiegeLab
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Hostile hosts at the real program, beside one good peer: a row of the table in the article "Hostile peers" each,
/// with figures.
///
/// The good peer's rate is compared with itself, moments before, and is far below what the machine can do: so that what
/// is seen is fairness and not speed.
/// `pieces-bench siege` says the same of the release build, of all attacks and for longer.
@Suite(.alone, .serialized) struct SiegeTests {
    /// Blocks a second of the good peer: 1.6 MB/s.
    private static let blocks = 96
    private static let aloneFor = Duration.milliseconds(1000)
    private static let besiegedFor = Duration.seconds(2)
    /// How often a row is tried: a machine that stands still for a moment is no fault, and a fault comes again.
    private static let tries = 3
    #if DEBUG
        /// An unoptimized engine takes ten times as long for a message.
        private static let strength = 0.2
    #else
        private static let strength = 1.0
    #endif

    private static let wanted = Result {
        try SampleTorrent("wanted.bin", content: Array(repeating: 0xa5, count: 64 << 20), pieceLength: 1 << 16)
    }
    private static let dormant = Result {
        try SampleTorrent(folder: "dormant", (0..<100).map { .init("file-\($0)", 10) }, seed: 81)
    }

    private struct Site: Sendable {
        let pieces: Pieces
        let good: FakePeer
        let target: Target
        let watch: EngineWatch
    }

    /// Runs an engine that downloads from a good peer, and has another torrent that nobody wants.
    private func besiege(_ attack: Attack, _ body: (Site, RunningProgram) async throws -> Void) async throws {
        let (wanted, dormant) = (try Self.wanted.get(), try Self.dormant.get())
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            if attack.isAtDormant { try await pieces.adopt(dormant) }
            try await pieces.run(["add", try pieces.file(of: wanted).string, "--output", pieces.output.string])
            try await withPeers(wanted, [.steady(Self.blocks)]) { peers in
                let command =
                    [try Pieces.program.path, "run", "--seed", "--json"] + Pieces.network + [
                        "--peer", "\(peers[0].address)",
                    ]
                // Connections that say nothing are at the limit of descriptors.
                let limit = "ulimit -n \(attack == .silence ? 256 : 1024) && exec \"$@\""
                try await withProgram(
                    RealProgram(path: "/bin/sh"), ["-c", limit, "sh"] + command, in: folder,
                    environment: ["PIECES_DATABASE": pieces.database.string]
                ) { running in
                    let target = Target(
                        port: try await running.address().port, infoHash: Array(wanted.infoHash.bytes),
                        dormant: Array(dormant.infoHash.bytes),
                        pieces: wanted.geometry.pieceCount)
                    try await eventually("the good peer to be at full speed: \(running.errors)") {
                        peers[0].servedBytes > 1 << 20
                    }
                    let watch = EngineWatch(pid: running.pid) { peers[0].servedBytes }
                    try await body(Site(pieces: pieces, good: peers[0], target: target, watch: watch), running)
                }
            }
        }
    }

    /// The siege, by a thread of its own: the good peer is served by the pool.
    private func outcome(_ attack: Attack, hosts: Int, alone: EngineWatch.Phase, _ site: Site) async -> Outcome {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let outcome = Siege.run(
                    attack, hosts: hosts, strength: Self.strength, at: site.target, for: Self.besiegedFor, site.watch,
                    alone: alone,
                    comeBack: attack == .crowd ? { Task { await site.good.hangUp() } } : nil)
                continuation.resume(returning: outcome)
            }
        }
    }

    @Test(arguments: Attack.table) func goodPeerKeepsItsRateUnderAttack(attack: Attack) async throws {
        try await besiege(attack) { site, running in
            let mark = site.watch.mark()
            try await Task.sleep(for: Self.aloneFor)
            let alone = site.watch.since(mark)
            for hosts in attack == .mixed ? [50] : [1, 50] {
                var last = await outcome(attack, hosts: hosts, alone: alone, site)
                for _ in 1..<Self.tries where !last.faults().isEmpty {
                    last = await outcome(attack, hosts: hosts, alone: alone, site)
                }
                print(last.line)
                #expect(last.faults() == [], "\(last.line)")
                #expect(last.spent.connections >= hosts && running.isRunning)
                try await expectTraces(of: attack, last, site)
            }
        }
    }

    /// What each attack comes to, beside the figures.
    private func expectTraces(of attack: Attack, _ outcome: Outcome, _ site: Site) async throws {
        switch attack {
        case .silence:
            // An eighth of the descriptors at most, and what the kernel has taken meanwhile.
            #expect(outcome.spent.connections - outcome.spent.ended < 64, "\(outcome.line)")
        case .lies:
            // A ban for each host, after some pieces.
            try await eventually("the liars to be banned") {
                let database = try Connection.open(site.pieces.database, mode: .readOnly, now: .now())
                return try database.hostBans.rows(now: .now()).count >= outcome.hosts
            }
            #expect(outcome.spent.sent < outcome.hosts * 2_000_000, "\(outcome.line)")
        case .crowd:
            #expect(outcome.absence != nil)
        default: break
        }
    }
}
