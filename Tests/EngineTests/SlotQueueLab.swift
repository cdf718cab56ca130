import Engine
import Foundation
import Store
import Swarm
import Testing
import Torrent

/// The queue with ten thousand torrents of all sorts, in virtual time: everything that can be downloaded is, and
/// everything else has its turns.
struct SlotQueueLab {
    /// What a torrent of the lab does when it is active.
    private enum Sort: CaseIterable {
        /// Completes in some time.
        case good
        /// No peer, no tracker.
        case dead
        /// Peers that give nothing.
        case choked
        /// Some bytes a second, and done some day.
        case slow
        /// Its disk is away.
        case offline
        /// Can't be made active at all.
        case broken
        /// Has to be hashed first, then it is as good as any.
        case unverified
    }

    private struct Torrent {
        let sort: Sort
        var isUnverified: Bool
        /// What is left to be received.
        var left: Int64
        var starts = 0
        var startedAt = Instant.origin
        var moved: Int64 = 0
        var checkedAt: Instant?
        var isComplete = false
    }

    private struct World {
        var queue: SlotQueue
        var now = Instant.origin
        var torrents: [TorrentID: Torrent] = [:]
        var active: Set<TorrentID> = []
        var random: SeededGenerator

        /// One second more, or several: starts, progress, yields.
        mutating func step(_ time: Duration) {
            now = now + time
            while let id = queue.next(now: now) { start(id) }
            for id in active.sorted() { live(id, time) }
            for id in queue.yields(now: now) {
                active.remove(id)
                queue.left(id, now: now)
            }
        }

        private mutating func start(_ id: TorrentID) {
            guard var torrent = torrents[id] else { return queue.failed(id) }
            torrent.starts += 1
            torrent.startedAt = now
            torrent.moved = 0
            defer { torrents[id] = torrent }
            guard torrent.sort != .broken else { return queue.failed(id) }
            if torrent.isUnverified {
                guard queue.mayCheck(id, now: now) else { return queue.failed(id, needing: .check) }
                torrent.checkedAt = now + .seconds(Int.random(in: 1...40, using: &random))
            }
            active.insert(id)
            queue.observe(id, activity(torrent), now: now)
        }

        private mutating func live(_ id: TorrentID, _ time: Duration) {
            guard var torrent = torrents[id], active.contains(id) else { return }
            if let checkedAt = torrent.checkedAt, now >= checkedAt {
                (torrent.isUnverified, torrent.checkedAt) = (false, nil)
            }
            let rate: Int64 =
                switch torrent.sort {
                case .good, .unverified: torrent.isUnverified ? 0 : 1_000_000
                case .slow: 100
                default: 0
                }
            let received = min(torrent.left, rate * Int64(time / .seconds(1)))
            torrent.left -= received
            torrent.moved += received
            torrent.isComplete = torrent.left == 0
            torrents[id] = torrent
            queue.observe(id, activity(torrent), now: now)
            if torrent.isComplete, torrents[id]?.moved ?? 0 > 0 { active.remove(id) }
        }

        private func activity(_ torrent: Torrent) -> SlotQueue.Activity {
            if torrent.isComplete { return SlotQueue.Activity(work: .idle) }
            if torrent.isUnverified { return SlotQueue.Activity(work: .checking) }
            let patience: SlotQueue.Patience =
                switch torrent.sort {
                case .dead, .offline: .short
                default: .usual
                }
            return SlotQueue.Activity(work: .downloading, moved: torrent.moved, patience: patience)
        }

        /// What is wrong at this moment.
        func faults() -> [String] {
            var faults: [String] = []
            let report = queue.report
            for kind in [SlotKind.download, .check] {
                if let limit = report[kind].limit, report[kind].active > limit {
                    faults.append("\(report[kind].active) \(kind)s at once")
                }
            }
            let places =
                report.downloads.active + report.checks.active + report.downloads.waiting + report.checks.waiting
            let open = torrents.values.count { !$0.isComplete && !($0.sort == .broken && $0.starts > 0) }
            if places != open { faults.append("\(places) torrents wait or are active, of \(open)") }
            return faults
        }
    }

    private static let count = 10_000

    /// `PIECES_SEEDS` names how many; each is replayed by its number.
    static let seeds: [UInt64] = Array(
        1...UInt64(max(2, ProcessInfo.processInfo.environment["PIECES_SEEDS"].flatMap { Int($0) } ?? 2)))

    @Test(arguments: seeds) func everyAvailableTorrentCompletes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var world = World(queue: SlotQueue(limits: SlotLimits()), random: SeededGenerator(seed: seed &+ 1))
        let ids = (1...Int64(Self.count)).map { TorrentID($0) }
        for id in ids {
            // Half of them are good; the dead come first, as they do in an old archive.
            let isOld = id.rawValue <= Int64(Self.count / 4)
            let others = Sort.allCases.filter { $0 != .good }
            let sorts = isOld ? [.dead, .choked] : Bool.random(using: &random) ? [.good] : others
            let sort = sorts.randomElement(using: &random) ?? .good
            world.torrents[id] = Torrent(
                sort: sort, isUnverified: sort == .unverified,
                left: Int64.random(in: 100_000...30_000_000, using: &random))
        }
        world.queue.enqueue(ids)
        let good = ids.filter { [.good, .unverified].contains(world.torrents[$0]?.sort) }
        let limit = Instant.origin + .seconds(24 * 3600)
        while world.now < limit, good.contains(where: { world.torrents[$0]?.isComplete == false }) {
            for _ in 0..<120 { world.step(.seconds(5)) }
            #expect(world.faults() == [], "seed \(seed), after \(world.now - .origin)")
        }
        let left = good.filter { world.torrents[$0]?.isComplete == false }
        #expect(left.isEmpty, "seed \(seed): \(left.count) of \(good.count) are not complete after a day")
        // Each of the others had its turn, and none of them far more than others.
        let rest = ids.compactMap { world.torrents[$0] }.filter { [.dead, .choked, .offline].contains($0.sort) }
        let turns = rest.map(\.starts)
        let (fewest, most) = (turns.min() ?? 0, turns.max() ?? 0)
        #expect(fewest >= 1 && most - fewest <= 2, "seed \(seed): \(fewest) to \(most) turns")
    }

    /// Nothing but dead torrents: the slots go round, and nobody has them for itself.
    @Test func deadTorrentsTakeTurns() {
        var limits = SlotLimits()
        limits.downloads = 10
        var world = World(queue: SlotQueue(limits: limits), random: SeededGenerator(seed: 1))
        let ids = (1...Int64(40)).map { TorrentID($0) }
        for id in ids { world.torrents[id] = Torrent(sort: .dead, isUnverified: false, left: 1) }
        world.queue.enqueue(ids)
        for _ in 0..<(24 * 720) { world.step(.seconds(5)) }
        let turns = world.torrents.values.map(\.starts)
        // Thirty wait at any moment, and each takes another's slot once in its time of rest at most.
        let most = Int((world.now - .origin) / SlotRules().restTime) + 1
        #expect((turns.min() ?? 0) >= 24 && (turns.max() ?? 0) <= most, "\(turns.sorted())")
        #expect((turns.max() ?? 0) - (turns.min() ?? 0) <= 2)
    }

    /// Torrents come and go, and the line keeps its order and its count.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func waitingLineMatchesItsModel(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var line = WaitingLine()
        var model: [TorrentID] = []
        for _ in 0..<3000 {
            let id = TorrentID(Int64.random(in: 1...300, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1, 2:
                guard !model.contains(id) else { continue }
                line.append(id)
                model.append(id)
            case 3:
                guard !model.contains(id) else { continue }
                line.prepend(id)
                model.insert(id, at: 0)
            case 4:
                line.remove(id)
                model.removeAll { $0 == id }
            default:
                #expect(line.popFirst() == model.first, "seed \(seed)")
                model = Array(model.dropFirst())
            }
            #expect(line.count == model.count && line.contains(id) == model.contains(id), "seed \(seed)")
        }
        while let id = line.popFirst() {
            #expect(id == model.first, "seed \(seed)")
            model = Array(model.dropFirst())
        }
        #expect(model.isEmpty)
    }
}
