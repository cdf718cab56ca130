import Swarm
import Testing
import Torrent

struct AnnouncerTests {
    private func announcer(_ tiers: [[String]], change: (inout Announcer.Tracker) -> Void = { _ in }) -> Announcer {
        var random = SeededGenerator(seed: 1)
        let trackers = tiers.enumerated().map { tier, urls in
            urls.map { url in
                var tracker = Announcer.Tracker(url: url, tier: tier)
                change(&tracker)
                return tracker
            }
        }
        return Announcer(tiers: trackers, shuffledBy: &random, isFresh: false)
    }

    private func urls(_ actions: [Announcer.Action]) -> [String] { actions.map(\.url) }

    @Test func tiersAreAnnouncedIndependently() {
        var announcer = announcer([["a", "b"], ["c"]])
        #expect(announcer.due(now: 0, isHungry: false).isEmpty)
        announcer.start(now: 0)
        let first = announcer.due(now: 0, isHungry: false)
        #expect(urls(first) == ["a", "c"])
        #expect(first.allSatisfy { $0.event == .started })
        // Each of them is busy until it answers.
        #expect(announcer.due(now: 1000, isHungry: true).isEmpty)
        #expect(announcer.nextDue(isHungry: false) == nil)
    }

    @Test func answeringTrackerMovesToTheFrontOfItsTier() {
        var announcer = announcer([["a", "b", "c"]])
        announcer.start(now: 0)
        _ = announcer.due(now: 0, isHungry: false)
        announcer.failed("a", reason: "no answer", retryIn: nil, now: 1)
        #expect(urls(announcer.due(now: 1, isHungry: false)) == ["b"])
        announcer.answered("b", event: .started, .init(interval: .seconds(1800), trackerID: [7]), now: 2)
        #expect(announcer.trackers.map(\.url) == ["b", "a", "c"])
        #expect(announcer.nextDue(isHungry: false) == 1802)
        let next = announcer.due(now: 1802, isHungry: false)
        #expect(next == [.init(url: "b", event: nil, trackerID: [7])])
    }

    @Test func addedTrackersAreDueAtOnce() {
        var announcer = announcer([["a"], ["c"]])
        announcer.start(now: 0)
        _ = announcer.due(now: 0, isHungry: false)
        for url in ["a", "c"] { announcer.answered(url, event: .started, .init(interval: .seconds(1800)), now: 1) }
        announcer.add(Announcer.Tracker(url: "a", tier: 0))
        announcer.add(Announcer.Tracker(url: "d", tier: 3))
        announcer.add(Announcer.Tracker(url: "e", tier: 3))
        announcer.add(Announcer.Tracker(url: "x", tier: 2))
        #expect(announcer.trackers.map(\.url) == ["a", "c", "x", "d", "e"])
        #expect(announcer.trackers.map(\.tier) == [0, 1, 2, 3, 3])
        let due = announcer.due(now: 2, isHungry: false)
        #expect(due == ["x", "d"].map { .init(url: $0, event: .started, trackerID: nil) })
        #expect(announcer.trackers.first?.lastSuccessAt == 1)
    }

    @Test func deadTrackersAreRetriedWithBackOff() {
        var announcer = announcer([["a", "b"]])
        announcer.start(now: 0)
        var tries: [String: [Timestamp]] = [:]
        for now in (0..<2000).map({ Timestamp($0) }) {
            for action in announcer.due(now: now, isHungry: false) {
                tries[action.url, default: []].append(now)
                announcer.failed(action.url, reason: "no answer", retryIn: nil, now: now)
            }
        }
        for url in ["a", "b"] {
            let times = tries[url] ?? []
            let pauses = zip(times, times.dropFirst()).map { $1 - $0 }
            #expect(Array(pauses.prefix(5)) == [10, 30, 60, 300, 900].map { Duration.seconds($0) }, "\(times)")
        }
    }

    @Test func hungryTorrentAsksBeyondAnEmptyTracker() {
        var announcer = announcer([["empty", "good"]])
        announcer.start(now: 0)
        #expect(urls(announcer.due(now: 0, isHungry: true)) == ["empty"])
        announcer.answered("empty", event: .started, .init(interval: .seconds(1800)), now: 0)
        #expect(announcer.due(now: 1, isHungry: false).isEmpty)
        #expect(urls(announcer.due(now: 1, isHungry: true)) == ["good"])
        announcer.answered("good", event: .started, .init(interval: .seconds(1800)), now: 1)
        #expect(announcer.due(now: 2, isHungry: true).isEmpty)
        #expect(announcer.nextDue(isHungry: true) == .epoch + Announcer.hungryInterval)
    }

    @Test func storedIntervalsAreObeyedAcrossRestarts() {
        var announcer = announcer([["a"]]) {
            $0.nextAnnounceAt = 5000
            $0.minimumAnnounceAt = 4000
            $0.lastAnnounceAt = 3000
            $0.interval = .seconds(2000)
        }
        announcer.start(now: 3500)
        #expect(announcer.due(now: 3999, isHungry: true).isEmpty)
        #expect(announcer.due(now: 4999, isHungry: false).isEmpty)
        #expect(announcer.nextDue(isHungry: true) == 4000)
        #expect(urls(announcer.due(now: 4000, isHungry: true)) == ["a"])
    }

    @Test func minimumIntervalHoldsEvenWhenHungry() {
        var announcer = announcer([["a"]])
        announcer.start(now: 0)
        _ = announcer.due(now: 0, isHungry: true)
        announcer.answered(
            "a", event: .started, .init(interval: .seconds(1800), minimumInterval: .seconds(900)), now: 0)
        #expect(announcer.nextDue(isHungry: true) == 900)
        announcer.hasten(now: 10)
        #expect(announcer.nextDue(isHungry: false) == 900)
    }

    @Test(arguments: [(.min, nil), (-5, 0), (0, -1), (1, 1), (.max, .max), (3, .max)] as [(Int64, Int64?)])
    func absurdIntervalsAreBounded(interval: Int64, minimum: Int64?) {
        var announcer = announcer([["a"]])
        announcer.start(now: 100)
        _ = announcer.due(now: 100, isHungry: true)
        announcer.answered(
            "a", event: .started, .init(interval: .seconds(interval), minimumInterval: minimum.map { .seconds($0) }),
            now: 100)
        let now = Timestamp(100)
        let sensible = now + Announcer.shortestInterval...now + Announcer.longestInterval
        #expect(sensible.contains(announcer.nextDue(isHungry: true) ?? .epoch))
        announcer.failed("a", reason: "x", retryIn: .seconds(interval), now: 100)
        #expect(sensible.contains(announcer.nextDue(isHungry: false) ?? .epoch))
    }

    @Test func completedIsSentOnceToEachStartedTracker() {
        var announcer = announcer([["a", "b"], ["c"]])
        announcer.start(now: 0)
        _ = announcer.due(now: 0, isHungry: false)
        announcer.answered("a", event: .started, .init(interval: .seconds(1800)), now: 0)
        announcer.failed("c", reason: "x", retryIn: nil, now: 0)
        announcer.completed()
        #expect(announcer.due(now: 1, isHungry: false) == [.init(url: "a", event: .completed, trackerID: nil)])
        // One that fails with it hears it later.
        announcer.failed("a", reason: "x", retryIn: nil, now: 1)
        _ = announcer.due(now: 1, isHungry: false)
        announcer.failed("b", reason: "x", retryIn: .seconds(1000), now: 1)
        let again = announcer.due(now: 11, isHungry: false)
        #expect(again.first { $0.url == "a" }?.event == .completed)
        announcer.answered("a", event: .completed, .init(interval: .seconds(1800)), now: 11)
        #expect(announcer.due(now: 5000, isHungry: false).first { $0.url == "a" }?.event == .some(nil))
    }

    /// What a tracker has been through before the stop, in the order of the events.
    enum Step: Sendable {
        case asked, answered, failed
    }

    @Test(
        arguments: [
            ([], false), ([.asked], true), ([.asked, .answered], true), ([.asked, .failed], false),
            ([.asked, .failed, .asked], false),
            ([.asked, .failed, .asked, .answered], true), ([.asked, .answered, .asked], true),
            ([.asked, .answered, .asked, .failed], true),
            ([.asked, .answered, .asked, .failed, .asked], true),
        ] as [([Step], Bool)])
    func stoppedIsSentOnlyToTrackersThatMayKnowUs(steps: [Step], mayKnowUs: Bool) {
        var announcer = announcer([["a"]])
        announcer.start(now: 0)
        for (step, now) in zip(steps, stride(from: 0, to: .max, by: 10_000).lazy.map { Timestamp($0) }) {
            switch step {
            case .asked: #expect(urls(announcer.due(now: now, isHungry: true)) == ["a"])
            case .answered:
                announcer.answered(
                    "a", event: nil, .init(interval: .seconds(1800), minimumInterval: .seconds(600), trackerID: [1]),
                    now: now)
            case .failed: announcer.failed("a", reason: "x", retryIn: nil, now: now)
            }
        }
        let stopped = announcer.stop()
        #expect(
            stopped
                == (mayKnowUs
                    ? [.init(url: "a", event: .stopped, trackerID: steps.contains(.answered) ? [1] : nil)] : []))
        #expect(announcer.stop().isEmpty)
        // Late answers start nothing, and the next life begins with `started`.
        announcer.answered("a", event: .started, .init(interval: .seconds(1800)), now: 100_000)
        announcer.answered("a", event: .stopped, .init(interval: .seconds(1800)), now: 100_000)
        #expect(announcer.trackers.allSatisfy { !$0.isStarted })
        announcer.start(now: 110_000)
        #expect(
            announcer.due(now: 110_000, isHungry: true) == [
                .init(url: "a", event: .started, trackerID: announcer.trackers[0].trackerID)
            ])
    }

    /// Nothing but the time that the tracker named keeps the next life from saying `started`.
    @Test func stopBeforeTheFirstAnswerLeavesNoInterval() {
        var announcer = announcer([["a"]])
        announcer.start(now: 0)
        _ = announcer.due(now: 0, isHungry: false)
        #expect(announcer.stop().count == 1)
        announcer.start(now: 1)
        #expect(announcer.due(now: 1, isHungry: false).map(\.event) == [.started])
    }

    /// A tracker that refused and said when to come back isn't asked before, though it knew us and was told goodbye.
    @Test func stopKeepsTheRetryTimeOfARefusal() {
        var announcer = announcer([["a"]])
        announcer.start(now: 0)
        _ = announcer.due(now: 0, isHungry: false)
        announcer.answered("a", event: .started, .init(interval: .seconds(60)), now: 0)
        _ = announcer.due(now: 60, isHungry: false)
        announcer.failed("a", reason: "slow down", retryIn: .seconds(1800), now: 60)
        #expect(announcer.stop().count == 1)
        announcer.start(now: 70)
        announcer.hasten(now: 70)
        #expect(announcer.due(now: 1859, isHungry: true).isEmpty)
        #expect(announcer.due(now: 1860, isHungry: true).map(\.event) == [.started])
    }

    @Test func stopEndsTheIntervalButNotTheMinimum() {
        var announcer = announcer([["a"], ["b"], ["c"]])
        announcer.start(now: 0)
        for action in announcer.due(now: 0, isHungry: false) {
            announcer.answered(
                action.url, event: .started,
                .init(interval: .seconds(1800), minimumInterval: action.url == "b" ? .seconds(600) : nil),
                now: 0)
        }
        var killed = announcer
        killed.pause()
        killed.start(now: 10)
        #expect(killed.due(now: 10, isHungry: false).isEmpty)
        #expect(announcer.stop().count == 3)
        announcer.start(now: 10)
        #expect(Set(announcer.due(now: 10, isHungry: false).map(\.url)) == ["a", "c"])
        #expect(announcer.due(now: 599, isHungry: true).isEmpty)
        #expect(announcer.due(now: 600, isHungry: false).map(\.url) == ["b"])
    }

    @Test(arguments: [3600, 86_400 * 400] as [Int64])
    func clockSetBackKeepsTheIntervals(jump: Int64) {
        let start = Timestamp(1_700_000_000)
        let earlier = start + .seconds(-jump)
        var announcer = announcer([["a"]])
        announcer.start(now: start)
        _ = announcer.due(now: start, isHungry: false)
        announcer.answered(
            "a", event: .started, .init(interval: .seconds(1800), minimumInterval: .seconds(600)), now: start)
        #expect(announcer.due(now: earlier, isHungry: false).isEmpty)
        #expect(announcer.nextDue(isHungry: false) == earlier + .seconds(1800))
        #expect(announcer.nextDue(isHungry: true) == earlier + .seconds(600))
    }

    @Test func clockSetForwardAnnouncesAtOnce() {
        var announcer = announcer([["a"]])
        announcer.start(now: 0)
        _ = announcer.due(now: 0, isHungry: false)
        announcer.answered("a", event: .started, .init(interval: .seconds(1800)), now: 0)
        #expect(urls(announcer.due(now: 1_000_000, isHungry: false)) == ["a"])
    }

    @Test func unknownTrackerIsIgnored() {
        var announcer = announcer([["a"]])
        announcer.start(now: 0)
        announcer.answered("z", event: nil, .init(interval: .seconds(1)), now: 0)
        announcer.failed("z", reason: "x", retryIn: nil, now: 0)
        announcer.scraped("z", seeders: 1, leechers: 2, downloads: 3)
        announcer.scraped("a", seeders: 1, leechers: 2, downloads: 3)
        #expect(announcer.trackers.map(\.seeders) == [1])
    }
}
