import Torrent

/// When to announce to which tracker, with which event: the tiers of BEP 12, the intervals of BEP 3 kept across
/// restarts.
///
/// Every tier is worked on its own, one tracker at a time: a tracker that fails hands over to the next of its tier, one
/// that answers moves to the front of it. So a dead tracker never stops a torrent; and while peers are few, all of a
/// tier take turns, so that one that answers and knows nobody doesn't either. Times are unix seconds, because they are
/// stored.
package struct Announcer {
    package enum Event: String, Sendable {
        case started, completed, stopped
    }

    /// One tracker, as it is stored.
    package struct Tracker: Sendable, Equatable {
        package let url: String
        package let tier: Int
        package var trackerID: [UInt8]?
        /// Not before this is announced by itself.
        package var nextAnnounceAt: Int64 = 0
        /// Not before this is announced at all, but for `stopped` and `completed`.
        package var minimumAnnounceAt: Int64 = 0
        package var interval: Int64?
        package var minimumInterval: Int64?
        /// Failures in a row.
        package var failures = 0
        package var lastAnnounceAt: Int64?
        package var lastSuccessAt: Int64?
        package var lastError: String?
        package var warning: String?
        package var seeders: Int?
        package var leechers: Int?
        package var downloads: Int?
        /// Whether the tracker knows that we are here.
        package var isStarted = false
        fileprivate var isBusy = false

        package init(url: String, tier: Int) {
            self.url = url
            self.tier = tier
        }

        /// Whether the tracker knows that we are here, or is being told. One that failed when it was asked last most
        /// likely doesn't hear us now either.
        package var mayKnowUs: Bool { isStarted || isBusy && failures == 0 }
    }

    package struct Action: Equatable, Sendable {
        package let url: String
        package let event: Event?
        package let trackerID: [UInt8]?
    }

    /// What a tracker answered.
    package struct Answer: Sendable {
        package var interval: Int64
        package var minimumInterval: Int64?
        package var trackerID: [UInt8]?
        package var seeders: Int?
        package var leechers: Int?
        package var warning: String?

        package init(
            interval: Int64, minimumInterval: Int64? = nil, trackerID: [UInt8]? = nil, seeders: Int? = nil,
            leechers: Int? = nil,
            warning: String? = nil
        ) {
            self.interval = interval
            self.minimumInterval = minimumInterval
            self.trackerID = trackerID
            self.seeders = seeders
            self.leechers = leechers
            self.warning = warning
        }
    }

    /// Seconds between announces that a tracker may ask for at most; a stored time further off is a clock that was set
    /// back.
    package static let longestInterval: Int64 = 24 * 3600
    /// The fewest seconds between announces, whatever the tracker says.
    package static let shortestInterval: Int64 = 5
    /// Seconds between announces when more peers are wanted and the tracker names no `min interval`.
    package static let hungryInterval: Int64 = 300
    /// Seconds until a tracker that failed is tried again: after the first, second, … failure.
    package static let backOff: [Int64] = [10, 30, 60, 300, 900, 1800, 3600]

    private var tiers: [[Tracker]] = []
    private var completedFor: Set<String> = []
    private var completedIsWanted = false
    package private(set) var isRunning = false

    /// `tiers` as the torrent lists them; each is shuffled once (BEP 12) unless an order was stored.
    package init(tiers: [[Tracker]], shuffledBy random: inout SeededGenerator, isFresh: Bool) {
        self.tiers = tiers.map { isFresh ? $0.shuffled(using: &random) : $0 }
    }

    package var trackers: [Tracker] { tiers.flatMap(\.self) }

    /// The trackers as they are to be stored: one that waits behind another of its tier is due with it. So the least of
    /// the stored times is when something is to be done for the torrent, and who sleeps is found by it.
    package var linedUp: [Tracker] {
        tiers.flatMap { tier in
            guard let index = turn(in: tier, isHungry: false) else { return tier }
            let time = dueTime(tier[index], isHungry: false)
            return tier.map { tracker in
                var tracker = tracker
                tracker.nextAnnounceAt = max(tracker.nextAnnounceAt, time)
                return tracker
            }
        }
    }

    /// Adds a tracker at the end of its tier. A tracker that is known already stays as it is.
    package mutating func add(_ tracker: Tracker) {
        guard find(tracker.url) == nil else { return }
        if let tier = tiers.firstIndex(where: { $0.first?.tier == tracker.tier }) {
            tiers[tier].append(tracker)
        } else {
            tiers.insert([tracker], at: tiers.firstIndex { ($0.first?.tier ?? 0) > tracker.tier } ?? tiers.endIndex)
        }
    }

    /// Begins to announce; stored times are obeyed.
    package mutating func start(now: Int64) {
        isRunning = true
        followClock(now)
        change { tracker in
            tracker.isBusy = false
            if tracker.nextAnnounceAt > now + Self.longestInterval {
                tracker.nextAnnounceAt = now + (tracker.interval ?? 0)
            }
            if tracker.minimumAnnounceAt > now + Self.longestInterval { tracker.minimumAnnounceAt = now }
        }
    }

    /// The download has just completed: `completed` goes once to each tracker that knows us.
    package mutating func completed() { completedIsWanted = true }

    /// The user doesn't want to wait: every tracker is due as soon as it allows.
    package mutating func hasten(now: Int64) {
        change { $0.nextAnnounceAt = min($0.nextAnnounceAt, max(now, $0.minimumAnnounceAt)) }
    }

    /// Says goodbye to the trackers that know us, and to those that may have heard `started` and haven't answered yet.
    ///
    /// With that the interval is over: the next life says `started` at once, or when the `min interval` that the
    /// tracker named allows. After a kill, which says no goodbye, the stored interval holds; and so does the time that
    /// a tracker which fails is left alone for.
    package mutating func stop() -> [Action] {
        isRunning = false
        let actions = trackers.filter(\.mayKnowUs).map { Action(url: $0.url, event: .stopped, trackerID: $0.trackerID) }
        change { tracker in
            defer { tracker.isBusy = false }
            guard tracker.mayKnowUs else { return }
            tracker.isStarted = false
            guard tracker.failures == 0 else { return }
            tracker.nextAnnounceAt = (tracker.lastAnnounceAt ?? 0) + (tracker.minimumInterval ?? 0)
            tracker.minimumAnnounceAt = tracker.nextAnnounceAt
        }
        return actions
    }

    /// Falls silent without a goodbye: the trackers go on to name us, and the stored times hold.
    package mutating func pause() { isRunning = false }

    /// What is to be announced now. `isHungry`: there are too few peers, so the minimal interval is enough.
    package mutating func due(now: Int64, isHungry: Bool) -> [Action] {
        guard isRunning else { return [] }
        followClock(now)
        var actions: [Action] = []
        for tier in tiers.indices {
            guard !tiers[tier].contains(where: \.isBusy), let index = turn(in: tiers[tier], isHungry: isHungry) else {
                continue
            }
            let tracker = tiers[tier][index]
            guard dueTime(tracker, isHungry: isHungry) <= now else { continue }
            let event: Event? =
                if wantsCompleted(tracker) { .completed } else if tracker.isStarted { nil } else { .started }
            tiers[tier][index].isBusy = true
            tiers[tier][index].lastAnnounceAt = now
            actions.append(Action(url: tracker.url, event: event, trackerID: tracker.trackerID))
        }
        return actions
    }

    /// When ``due(now:isHungry:)`` may have something again.
    package func nextDue(isHungry: Bool) -> Int64? {
        guard isRunning else { return nil }
        return tiers.filter { !$0.contains(where: \.isBusy) }.compactMap { tier in
            turn(in: tier, isHungry: isHungry).map { dueTime(tier[$0], isHungry: isHungry) }
        }.min()
    }

    /// The tracker answered: it moves to the front of its tier (BEP 12).
    package mutating func answered(_ url: String, event: Event?, _ answer: Answer, now: Int64) {
        // Goodbye has been said: its answer says nothing of the next start.
        guard event != .stopped, let (tier, index) = find(url) else { return }
        var tracker = tiers[tier].remove(at: index)
        let interval = Self.sensible(answer.interval)
        let minimum = Self.sensible(answer.minimumInterval ?? min(interval, Self.hungryInterval))
        tracker.isBusy = false
        tracker.failures = 0
        tracker.lastError = nil
        tracker.lastSuccessAt = now
        tracker.warning = answer.warning
        tracker.interval = interval
        tracker.minimumInterval = answer.minimumInterval
        // After the goodbye only the tracker's own minimum is left of the interval.
        let goodbye = answer.minimumInterval.map(Self.sensible) ?? 0
        tracker.nextAnnounceAt = now + (isRunning ? max(interval, minimum) : goodbye)
        tracker.minimumAnnounceAt = now + (isRunning ? minimum : goodbye)
        tracker.trackerID = answer.trackerID ?? tracker.trackerID
        tracker.seeders = answer.seeders ?? tracker.seeders
        tracker.leechers = answer.leechers ?? tracker.leechers
        // An answer that comes after ``stop()`` is to what was asked before goodbye.
        tracker.isStarted = isRunning
        if event == .completed { completedFor.insert(url) }
        tiers[tier].insert(tracker, at: 0)
    }

    /// The tracker failed: it is left alone for `retryIn` seconds, where it named a time, and the next of its tier is
    /// due at once.
    package mutating func failed(_ url: String, reason: String, retryIn: Int64?, now: Int64) {
        guard let (tier, index) = find(url) else { return }
        tiers[tier][index].isBusy = false
        let failures = tiers[tier][index].failures + 1
        tiers[tier][index].failures = failures
        tiers[tier][index].lastError = reason
        let pause = Self.sensible(retryIn ?? Self.backOff[min(failures, Self.backOff.count) - 1])
        tiers[tier][index].nextAnnounceAt = now + pause
        tiers[tier][index].minimumAnnounceAt = now + pause
        guard let next = tiers[tier].firstIndex(where: { $0.failures == 0 && !$0.isBusy }) else { return }
        tiers[tier][next].nextAnnounceAt = min(
            tiers[tier][next].nextAnnounceAt, max(now, tiers[tier][next].minimumAnnounceAt))
    }

    /// A scrape told these counts (BEP 48).
    package mutating func scraped(_ url: String, seeders: Int, leechers: Int, downloads: Int) {
        guard let (tier, index) = find(url) else { return }
        tiers[tier][index].seeders = seeders
        tiers[tier][index].leechers = leechers
        tiers[tier][index].downloads = downloads
    }

    // MARK: Choice

    /// The tracker of the tier whose turn it is: the first that isn't failing; when all fail, the one that is due
    /// first. So it is when peers are wanted, too: a tracker that answers and knows nobody must not hide the others.
    private func turn(in tier: [Tracker], isHungry: Bool) -> Int? {
        let isOpen = isHungry || tier.allSatisfy { $0.failures > 0 }
        guard isOpen else { return tier.firstIndex { $0.failures == 0 } }
        return tier.indices.min { dueTime(tier[$0], isHungry: isHungry) < dueTime(tier[$1], isHungry: isHungry) }
    }

    private func dueTime(_ tracker: Tracker, isHungry: Bool) -> Int64 {
        if wantsCompleted(tracker), tracker.failures == 0 { return 0 }
        return isHungry ? min(tracker.nextAnnounceAt, tracker.minimumAnnounceAt) : tracker.nextAnnounceAt
    }

    private func wantsCompleted(_ tracker: Tracker) -> Bool {
        completedIsWanted && tracker.isStarted && !completedFor.contains(tracker.url)
    }

    /// A number of seconds that came from outside.
    private static func sensible(_ seconds: Int64) -> Int64 { min(max(seconds, shortestInterval), longestInterval) }

    /// A clock that was set back takes the times along: the pauses stay what they were.
    private mutating func followClock(_ now: Int64) {
        change { tracker in
            guard let last = tracker.lastAnnounceAt, last > now else { return }
            let shift = last - now
            tracker.lastAnnounceAt = now
            tracker.nextAnnounceAt = max(now, tracker.nextAnnounceAt - shift)
            tracker.minimumAnnounceAt = max(now, tracker.minimumAnnounceAt - shift)
        }
    }

    private func find(_ url: String) -> (Int, Int)? {
        for tier in tiers.indices {
            if let index = tiers[tier].firstIndex(where: { $0.url == url }) { return (tier, index) }
        }
        return nil
    }

    private mutating func change(_ body: (inout Tracker) -> Void) {
        for tier in tiers.indices {
            for index in tiers[tier].indices { body(&tiers[tier][index]) }
        }
    }
}
