import Glibc
import SiegeLab
import Store
import Synchronization
import SystemPackage
import Torrent

/// What hostile hosts cost the engine and its good peer, beside what they may: a row for each attack of the article
/// "Hostile peers".
struct SiegeBenchmark: Benchmark {
    /// Of the good peer, a second: 3 MB/s.
    private static let blocks = 183.0
    /// Half an hour of it.
    private static let bytes = 5 << 30
    private static let pieceLength = 64 << 10
    private static let dormantFiles = 20_000
    /// How long the good peer serves alone before each attack.
    private static let alone = Duration.seconds(5)
    private static let patience = Duration.seconds(60)
    private static let (files, fewFiles) = (1024, 256)
    /// One host, as many of networks of their own, and as many of one.
    private static let sieges: [(hosts: Int, isSpread: Bool)] = [(1, true), (50, true), (50, false)]

    private let time: Duration
    private let attacks: [Attack]
    private let sources: [HostileSource]

    init?(arguments: [String]) {
        let seconds = arguments.first.flatMap { Int($0) }
        let names = arguments.dropFirst(seconds == nil ? 0 : 1)
        let attacks = names.compactMap { Attack(rawValue: $0) }
        let sources = names.compactMap { HostileSource(rawValue: $0) }
        guard seconds ?? 1 > 0, attacks.count + sources.count == names.count else { return nil }
        time = .seconds(seconds ?? 10)
        self.attacks = names.isEmpty ? Attack.allCases : attacks
        self.sources = names.isEmpty ? HostileSource.allCases : sources
    }

    func run() throws {
        let setup = try BenchmarkSetup()
        print("input in \(setup.folder)\n")
        var faults: [String] = []
        if !sources.isEmpty { faults += try showHostileSources(setup) }
        if !attacks.isEmpty { faults += try besiege(setup) }
        guard faults.isEmpty else { throw BenchmarkError(faults.joined(separator: "\n")) }
    }

    private func besiege(_ setup: BenchmarkSetup) throws -> [String] {
        let table = Table(Outcome.columns, firstWidth: Attack.allCases.map(\.rawValue.count).max() ?? 0)
        var faults: [String] = []
        for attack in attacks {
            for outcome in try besiege(attack, setup) {
                table.add(outcome.cells)
                faults += outcome.faults()
            }
        }
        return faults
    }

    /// What strangers write and serve, to `pieces show`.
    private func showHostileSources(_ setup: BenchmarkSetup) throws -> [String] {
        let table = Table(["source", "MB", "CPU s", "MiB at most"])
        var faults: [String] = []
        for source in sources {
            let (sample, bytes) = try source.show(setup)
            let mebibytes = Double(sample.residentKiB) / 1024
            table.add([source.rawValue, (Double(bytes) / 1e6).text(1), sample.cpu.seconds.text(2), mebibytes.text(0)])
            let most = source.most
            if sample.cpu.seconds > most.cpu || mebibytes > most.mebibytes {
                faults.append("\(source.rawValue): more than \(most.cpu) CPU seconds or \(most.mebibytes) MiB")
            }
        }
        print("")
        return faults
    }

    // MARK: One attack

    /// What the thread that serves the good peer and the thread that attacks know of each other.
    private final class Shared: Sendable {
        let served = Atomic(0)
        let hangsUp = Atomic(false)
        let outcomes = Mutex<[Outcome]?>(nil)
    }

    private func besiege(_ attack: Attack, _ setup: BenchmarkSetup) throws -> [Outcome] {
        let folder = try setup.makeFolder(attack.rawValue)
        let output = folder.appending("output")
        try BenchmarkSetup.makeFolder(output)
        defer { do { try BenchmarkSetup.remove(output) } catch { print("\(output) stays: \(error)") } }
        let wanted = try UniformTorrent(
            "wanted.bin", bytes: Self.bytes, pieceLength: Self.pieceLength, filler: UniformTorrent.solid)
        let dormant = try UniformTorrent(
            "dormant", files: Self.dormantFiles, bytesEach: 10, pieceLength: Self.pieceLength,
            filler: UniformTorrent.sparse)
        let database = folder.appending("pieces.db")
        try dormant.makeDatabase(database, output: output)
        let file = folder.appending("wanted.torrent")
        try BenchmarkSetup.write(wanted.metainfo.file, to: file)
        _ = try ProcessSample(
            setup.program, ["add", file.string, "--database", database.string, "--output", output.string])
        let peers = try WirePeers(wanted)
        let port = try Socket.freePort()
        let limit = attack == .silence ? Self.fewFiles : Self.files
        let command =
            [
                setup.program.string, "run", "--database", database.string, "--bind", "127.0.0.1", "--listen-port",
                "\(port)", "--seed", "--quiet",
            ]
            + peers.arguments
        let process = try RunningProcess("/bin/sh", ["-c", "ulimit -n \(limit) && exec \"$@\"", "sh"] + command)
        let target = Target(
            port: port, infoHash: Array(wanted.metainfo.infoHash.bytes),
            dormant: Array(dormant.metainfo.infoHash.bytes),
            pieces: wanted.metainfo.geometry.pieceCount)
        let shared = Shared()
        start(attack, at: target, EngineWatch(pid: process.pid) { shared.served.load(ordering: .relaxed) }, shared)
        try peers.serve(blocksPerSecond: Self.blocks) {
            shared.outcomes.withLock { $0 == nil }
        } hangsUp: {
            shared.hangsUp.exchange(false, ordering: .relaxed)
        } served: {
            shared.served.add($0, ordering: .relaxed)
        }
        guard let outcomes = shared.outcomes.withLock({ $0 }), !outcomes.isEmpty else {
            throw BenchmarkError(
                "\(attack): the good peer was not asked for anything within \(Self.patience): see what `pieces log` says"
            )
        }
        if try process.end() == nil { _ = try process.stop() }
        return outcomes
    }

    /// Attacks, by a thread of its own.
    private func start(_ attack: Attack, at target: Target, _ watch: EngineWatch, _ shared: Shared) {
        let time = time
        let work = Work {
            let outcomes = Self.outcomes(attack, at: target, for: time, watch, shared)
            shared.outcomes.withLock { $0 = outcomes }
        }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(work).toOpaque())
        precondition(result == 0, "a benchmark has threads left")
        pthread_detach(thread)
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private static func outcomes(
        _ attack: Attack, at target: Target, for time: Duration, _ watch: EngineWatch, _ shared: Shared
    ) -> [Outcome] {
        let begin = watch.mark()
        while !watch.since(begin).hasServed(4 << 20) {
            guard watch.since(begin).seconds < patience.seconds else { return [] }
            usleep(50_000)
        }
        return sieges.map { siege in
            let mark = watch.mark()
            usleep(UInt32(alone / .microseconds(1)))
            return Siege.run(
                attack, hosts: siege.hosts, isSpread: siege.isSpread, at: target, for: time, watch,
                alone: watch.since(mark),
                comeBack: attack == .crowd ? { shared.hangsUp.store(true, ordering: .relaxed) } : nil)
        }
    }
}
