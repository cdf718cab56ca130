import Engine
import Store
import Swarm
import Testing
import Torrent

/// Who starts and who yields, one rule at a time.
struct SlotQueueTests {
    typealias Activity = SlotQueue.Activity

    static let rules = SlotRules()

    /// The queue, and a clock that the test moves.
    struct Desk {
        var queue: SlotQueue
        var now = Instant.origin
        /// The torrent that a test knows to be active.
        var held: Int64 = 4

        init(downloads: Int? = 2, seeds: Int? = nil, checks: Int? = 1) {
            var limits = SlotLimits()
            (limits.downloads, limits.seeds, limits.checks) = (downloads, seeds, checks)
            queue = SlotQueue(limits: limits)
        }

        mutating func pass(_ time: Duration) { now = now + time }

        /// Starts whatever has a slot; all of it downloads.
        @discardableResult
        mutating func start(_ activity: Activity = Activity(work: .downloading)) -> [Int64] {
            var started: [Int64] = []
            while let id = queue.next(now: now) {
                queue.observe(id, activity, now: now)
                started.append(id.rawValue)
            }
            return started
        }

        mutating func observe(
            _ id: Int64, _ work: Activity.Work, moved: Int64 = 0, patience: SlotQueue.Patience = .usual,
            limit: Int? = nil
        ) {
            queue.observe(TorrentID(id), Activity(work: work, moved: moved, patience: patience, limit: limit), now: now)
        }

        /// Those that yield now, gone at once.
        mutating func yields() -> [Int64] {
            let yields = queue.yields(now: now)
            for id in yields { queue.left(id, now: now) }
            return yields.map(\.rawValue)
        }

        mutating func enqueue(_ ids: ClosedRange<Int64>) { queue.enqueue(ids.map { TorrentID($0) }) }
    }

    /// A running engine takes over other limits: more slots are handed out at once, and fewer take none away.
    @Test func changedLimitsApplyToTheNextSlots() {
        var desk = Desk(downloads: 1)
        for id in 1...4 { desk.queue.enqueue(TorrentID(Int64(id))) }
        #expect(desk.start() == [1])
        var limits = SlotLimits()
        limits.downloads = 3
        desk.queue.change(limits)
        #expect(desk.start() == [2, 3])
        limits.downloads = 1
        desk.queue.change(limits)
        #expect(desk.start() == [] && desk.queue.isHolding(TorrentID(2)))
        desk.queue.left(TorrentID(1), now: desk.now)
        desk.queue.left(TorrentID(2), now: desk.now)
        #expect(desk.start() == [])
        desk.queue.left(TorrentID(3), now: desk.now)
        #expect(desk.start() == [4])
    }

    @Test func torrentsStartInOrderWhileSlotsAreFree() {
        var desk = Desk()
        desk.enqueue(1...4)
        #expect(desk.start() == [1, 2])
        #expect(desk.queue.report.downloads == SlotUse(limit: 2, active: 2, waiting: 2))
        desk.observe(1, .idle)
        #expect(desk.start() == [3])
        #expect(desk.queue.report.downloads == SlotUse(limit: 2, active: 2, waiting: 1))
    }

    /// Whatever ends a torrent's activity gives its slot to the next.
    @Test(arguments: ["completed", "seeds", "left", "failed", "is checked"]) func releasedSlotIsReused(
        how: String
    ) {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...2)
        if how == "failed" {
            #expect(desk.queue.next(now: desk.now) == TorrentID(1))
            #expect(desk.queue.next(now: desk.now) == nil)
            desk.queue.failed(TorrentID(1))
        } else {
            #expect(desk.start() == [1])
        }
        switch how {
        case "completed": desk.observe(1, .idle)
        case "seeds": desk.observe(1, .seeding)
        case "left": desk.queue.left(TorrentID(1), now: desk.now)
        case "is checked": desk.observe(1, .checking)
        default: break
        }
        #expect(desk.start() == [2])
    }

    @Test func forgottenTorrentDoesNotStart() {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...4)
        desk.start()
        desk.queue.forget(TorrentID(2))
        desk.queue.enqueue(TorrentID(4), at: .front)
        desk.queue.enqueue(TorrentID(5), at: .front)
        desk.observe(1, .idle)
        #expect(desk.start() == [5])
        desk.observe(5, .idle)
        #expect(desk.start() == [3])
        #expect(desk.queue.waitingCount(.download) == 1)
    }

    /// The user's order decides who gets the next slot; who has one keeps it.
    @Test func userOrderDecidesTheNextSlot() {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...5)
        #expect(desk.start() == [1])
        desk.queue.rank([TorrentID(4): -2, TorrentID(5): -1])
        #expect(desk.start() == [])
        desk.observe(1, .idle)
        #expect(desk.start() == [4])
        // One that joins with a rank takes its place, and one without follows.
        desk.queue.enqueue(TorrentID(6))
        desk.queue.rank([TorrentID(7): -5, TorrentID(5): -1])
        desk.queue.enqueue(TorrentID(7))
        for next in [Int64(7), 5, 2, 3, 6] {
            desk.observe(desk.held, .idle)
            #expect(desk.start() == [next])
            desk.held = next
        }
    }

    /// The limit of all slots together.
    @Test func activeTorrentsOfAllKindsAreLimited() {
        var limits = SlotLimits()
        (limits.downloads, limits.checks, limits.active) = (50, 8, 2)
        var desk = Desk()
        desk.queue = SlotQueue(limits: limits)
        desk.enqueue(1...3)
        #expect(desk.start() == [1, 2])
        #expect(desk.queue.report.downloads == SlotUse(limit: 2, active: 2, waiting: 1))
        #expect(desk.queue.admit(TorrentID(9), for: .seed, now: desk.now) == .refused)
        // A change of what a torrent does takes no second slot.
        desk.observe(1, .checking)
        desk.observe(1, .downloading)
        desk.observe(2, .seeding)
        #expect(desk.start() == [] && desk.yields() == [])
        // A seed that had its turn makes room for a download.
        desk.pass(SlotRules().turn)
        desk.observe(1, .downloading, moved: 100 << 20)
        #expect(desk.yields() == [2])
        #expect(desk.start() == [3])
    }

    @Test func concurrentStartsAreLimited() {
        var desk = Desk(downloads: nil)
        desk.enqueue(1...100)
        var started: [TorrentID] = []
        while let id = desk.queue.next(now: desk.now) { started.append(id) }
        #expect(started.count == SlotQueue.startsAtOnce)
        desk.queue.failed(started[0])
        desk.observe(started[1].rawValue, .downloading)
        let more = (0..<3).map { _ in desk.queue.next(now: desk.now) }
        #expect(more.map { $0 != nil } == [true, true, false])
    }

    /// A disk that doesn't answer holds up the torrents on it, and no others.
    @Test func hangingStartHoldsNoSlot() {
        var desk = Desk(downloads: 16)
        desk.enqueue(1...200)
        while desk.queue.next(now: desk.now) != nil {}
        desk.pass(Self.rules.startTime)
        #expect(desk.queue.yields(now: desk.now) == [])
        #expect(desk.queue.next(now: desk.now) == TorrentID(17))
        // There is an end to it.
        for _ in 0..<20 {
            while desk.queue.next(now: desk.now) != nil {}
            desk.pass(Self.rules.startTime)
            _ = desk.queue.yields(now: desk.now)
        }
        #expect(desk.queue.waitingCount(.download) == 200 - SlotQueue.hangingStarts - SlotQueue.startsAtOnce)
        // One that answers after all has a slot when there is one, and makes room where there is none.
        desk.observe(1, .downloading)
        #expect(desk.queue.isHolding(TorrentID(1)))
    }

    // MARK: Yielding

    struct Stall: Sendable, CustomTestStringConvertible {
        let patience: SlotQueue.Patience
        let time: Duration?
        var testDescription: String { "\(patience)" }
    }

    @Test(arguments: [
        Stall(patience: .short, time: rules.shortPatience), Stall(patience: .usual, time: rules.patience),
        Stall(patience: .long, time: rules.longPatience), Stall(patience: .endless, time: nil),
    ])
    func stalledDownloadYieldsAfterItsPatience(stall: Stall) {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...2)
        desk.start()
        for second in 1...(Int(rules.turn / .seconds(1)) - 1) {
            desk.pass(.seconds(1))
            desk.observe(1, .downloading, patience: stall.patience)
            guard let time = stall.time, .seconds(second) >= time else {
                #expect(desk.yields() == [])
                continue
            }
            #expect(desk.yields() == [1])
            #expect(desk.start() == [2])
            #expect(desk.queue.isWaiting(TorrentID(1)))
            return
        }
        #expect(stall.time == nil || stall.time == rules.turn)
    }

    private var rules: SlotRules { Self.rules }

    @Test func slotIsKeptWhileNoTorrentWaits() {
        var desk = Desk(downloads: 2)
        desk.enqueue(1...2)
        desk.start()
        desk.pass(.seconds(100_000))
        desk.observe(1, .downloading)
        #expect(desk.yields() == [])
        // A free slot is enough for one that comes.
        desk.observe(2, .idle)
        desk.enqueue(3...3)
        #expect(desk.yields() == [])
        #expect(desk.start() == [3])
    }

    @Test func progressingDownloadKeepsItsSlot() {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...2)
        desk.start()
        for second in 1...10_000 as ClosedRange<Int64> {
            desk.pass(.seconds(1))
            desk.observe(1, .downloading, moved: second * Int64(rules.slowRate), patience: .short)
            #expect(desk.yields() == [])
        }
    }

    /// A peer that sends nothing but bad pieces moves the counter up and down.
    @Test func badDataDoesNotCountAsProgress() {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...2)
        desk.start()
        var yielded: [Int64] = []
        for second in 1...Int(rules.patience / .seconds(1)) + 16 {
            desk.pass(.seconds(1))
            desk.observe(1, .downloading, moved: Int64(second % 8) * 16384)
            yielded += desk.yields()
        }
        #expect(yielded == [1])
    }

    @Test(arguments: [nil, 1000] as [Int?]) func slowDownloadYieldsAfterItsTurn(limit: Int?) {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...2)
        desk.start()
        // Slow, but for a torrent that may not be faster.
        let rate: Int64 = 600
        var yielded: Duration?
        for second in 1...2000 as ClosedRange<Int64> where yielded == nil {
            desk.pass(.seconds(1))
            desk.observe(1, .downloading, moved: second * rate, limit: limit)
            if !desk.yields().isEmpty { yielded = .seconds(second) }
        }
        #expect(yielded == (limit == nil ? rules.turn : nil))
    }

    /// Two dead torrents and one slot: each has its turn, and they don't chase each other.
    @Test func yieldedTorrentRestsBeforeItTakesAnotherSlot() {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...2)
        desk.start()
        var turns: [(id: Int64, at: Duration)] = []
        for _ in 0..<7200 {
            desk.pass(.seconds(1))
            for id in [1, 2] as [Int64] where desk.queue.isHolding(TorrentID(id)) {
                desk.observe(id, .downloading, patience: .short)
            }
            _ = desk.yields()
            for id in desk.start() { turns.append((id, desk.now - .origin)) }
        }
        #expect(turns.prefix(4).map(\.id) == [2, 1, 2, 1])
        for (one, next) in zip(turns, turns.dropFirst()) { #expect(next.at - one.at >= rules.restTime) }
        // A free slot is taken without a rest.
        let active: Int64 = desk.queue.isHolding(TorrentID(1)) ? 1 : 2
        desk.observe(active, .idle)
        #expect(desk.start() == [3 - active])
    }

    @Test func newTorrentsStartBeforeRestingOnes() {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...2)
        desk.start()
        desk.pass(rules.patience)
        #expect(desk.yields() == [1])
        #expect(desk.start() == [2])
        desk.enqueue(3...3)
        desk.observe(2, .idle)
        #expect(desk.start() == [3])
        desk.observe(3, .idle)
        #expect(desk.start() == [1])
    }

    // MARK: Checks

    @Test func checkUsesNoDownloadSlot() {
        var desk = Desk(downloads: 1, checks: 1)
        desk.enqueue(1...4)
        // Both turn out to be unverified before they are active.
        #expect(desk.queue.next(now: desk.now) == TorrentID(1))
        #expect(desk.queue.mayCheck(TorrentID(1), now: desk.now) == true)
        desk.observe(1, .checking)
        #expect(desk.queue.next(now: desk.now) == TorrentID(2))
        #expect(desk.queue.mayCheck(TorrentID(2), now: desk.now) == false)
        desk.queue.failed(TorrentID(2), needing: .check)
        #expect(desk.start() == [3])
        #expect(desk.queue.report.checks == SlotUse(limit: 1, active: 1, waiting: 1))
        #expect(desk.queue.report.downloads == SlotUse(limit: 1, active: 1, waiting: 1))
        // Its check has ended, and there is no download slot: it is the next to have one, and the second is checked.
        desk.observe(1, .downloading)
        #expect(desk.yields() == [1])
        #expect(desk.queue.next(now: desk.now) == TorrentID(2))
        #expect(desk.queue.mayCheck(TorrentID(2), now: desk.now) == true)
        desk.observe(3, .idle)
        #expect(desk.start() == [1])
    }

    @Test func finishedCheckTakesAFreeDownloadSlot() {
        var desk = Desk(downloads: 1, checks: 1)
        desk.enqueue(1...1)
        _ = desk.queue.next(now: desk.now)
        #expect(desk.queue.mayCheck(TorrentID(1), now: desk.now) == true)
        desk.observe(1, .checking)
        desk.observe(1, .downloading)
        #expect(desk.yields() == [])
        #expect(desk.queue.report.downloads.active == 1 && desk.queue.report.checks.active == 0)
    }

    /// A piece that has to be hashed again in the middle of a download doesn't cost it its slot.
    @Test func downloadResumesAfterACheckWithoutYielding() {
        var desk = Desk(downloads: 1, checks: 1)
        desk.enqueue(1...2)
        desk.start()
        desk.observe(1, .checking)
        #expect(desk.start() == [2])
        desk.observe(1, .downloading)
        #expect(desk.yields() == [])
        #expect(desk.queue.report.downloads == SlotUse(limit: 1, active: 2, waiting: 0))
        desk.enqueue(3...3)
        desk.observe(1, .idle)
        #expect(desk.start() == [])
    }

    // MARK: Seeds

    @Test func completeTorrentsWithoutPeersNeedNoSlot() {
        var desk = Desk(seeds: 1)
        for id in 1...5 as ClosedRange<Int64> { desk.observe(id, .idle) }
        #expect(desk.queue.report.seeds == SlotUse(limit: 1))
        #expect(desk.queue.admit(TorrentID(6), for: .seed, now: desk.now) == .granted)
        desk.observe(6, .seeding)
        #expect(desk.queue.admit(TorrentID(7), for: .seed, now: desk.now) == .refused)
        #expect(desk.queue.report.seeds == SlotUse(limit: 1, active: 1, waiting: 1))
        // It uploads nothing to anybody.
        desk.pass(rules.patience)
        #expect(desk.yields() == [6])
        #expect(desk.start(Activity(work: .idle)) == [7])
        // The slot is kept for its peer for a while, and then free.
        desk.pass(rules.seedReservation)
        desk.observe(7, .idle)
        #expect(desk.queue.report.seeds.active == 0)
    }

    @Test func busySeedYieldsAfterItsTurn() {
        var desk = Desk(seeds: 1)
        #expect(desk.queue.admit(TorrentID(1), for: .seed, now: desk.now) == .granted)
        #expect(desk.queue.admit(TorrentID(2), for: .seed, now: desk.now) == .refused)
        var yielded: Duration?
        for second in 1...10_000 as ClosedRange<Int64> where yielded == nil {
            desk.pass(.seconds(1))
            desk.observe(1, .seeding, moved: second * 1_000_000)
            if desk.yields() == [1] { yielded = .seconds(second) }
        }
        #expect(yielded == rules.turn)
    }

    @Test func waitingSeedsAreBounded() {
        var desk = Desk(seeds: 1)
        for id in 1...5000 as ClosedRange<Int64> { _ = desk.queue.admit(TorrentID(id), for: .seed, now: desk.now) }
        #expect(desk.queue.waitingCount(.seed) == SlotQueue.waitingSeeds)
    }

    // MARK: Who is asked for

    @Test func peerRequestGetsAFreeOrStalledSlot() {
        var desk = Desk(downloads: 1)
        desk.enqueue(1...3)
        desk.start()
        #expect(desk.queue.admit(TorrentID(3), for: .download, now: desk.now) == .refused)
        #expect(desk.queue.isWaiting(TorrentID(3)))
        desk.pass(rules.patience)
        #expect(desk.queue.admit(TorrentID(3), for: .download, now: desk.now) == .grantedInstead(of: TorrentID(1)))
        // The stalled torrent is still leaving, and its slot counts once.
        #expect(desk.queue.report.downloads == SlotUse(limit: 1, active: 1, waiting: 1))
        desk.queue.left(TorrentID(1), now: desk.now)
        desk.observe(3, .downloading)
        #expect(desk.start() == [])
        #expect(desk.queue.report.downloads == SlotUse(limit: 1, active: 1, waiting: 2))
        desk.observe(3, .idle)
        #expect(desk.queue.admit(TorrentID(1), for: .download, now: desk.now) == .granted)
        // The user's own wish goes before every limit.
        #expect(desk.queue.admit(TorrentID(9), for: .download, isForced: true, now: desk.now) == .granted)
    }
}
