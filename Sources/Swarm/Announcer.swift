package import Torrent

/// Decides when to announce to which tracker, and with which event. Follows the tiers of BEP 12, and keeps the
/// intervals of BEP 3 across restarts.
///
/// Each tier works on its own, one tracker at a time. A tracker that fails hands over to the next of its tier; one that
/// answers moves to the front. So a dead tracker never stops a torrent. While peers are few, all trackers of a tier
/// take turns, so that a tracker that answers without peers doesn't stop it either.
package struct Announcer {
    package enum Event: String, Sendable {
        case started, completed, stopped
    }

    /// One tracker, as stored.
    package struct Tracker: Sendable, Equatable {
        package let url: String
        package let tier: Int
        package var trackerID: [UInt8]?
        /// The earliest time of the next regular announce.
        package var nextAnnounceAt = Timestamp.epoch
        /// The earliest time of any announce except `stopped` and `completed`.
        package var minimumAnnounceAt = Timestamp.epoch
        package var interval: Duration?
        package var minimumInterval: Duration?
        /// The number of consecutive failures.
        package var failures = 0
        package var lastAnnounceAt: Timestamp?
        package var lastSuccessAt: Timestamp?
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

        /// Whether the tracker knows that we are here, or an announce to it is under way. A tracker whose last announce
        /// failed most likely doesn't receive this one either.
        package var mayKnowUs: Bool { isStarted || isBusy && failures == 0 }
    }

    package struct Action: Equatable, Sendable {
        package let url: String
        package let event: Event?
        package let trackerID: [UInt8]?

        package init(url: String, event: Event?, trackerID: [UInt8]?) {
            self.url = url
            self.event = event
            self.trackerID = trackerID
        }
    }

    /// A tracker's answer.
    package struct Answer: Sendable {
        package var interval: Duration
        package var minimumInterval: Duration?
        package var trackerID: [UInt8]?
        package var seeders: Int?
        package var leechers: Int?
        package var warning: String?

        package init(
            interval: Duration, minimumInterval: Duration? = nil, trackerID: [UInt8]? = nil, seeders: Int? = nil,
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

    /// The longest interval accepted from a tracker. A stored time further ahead means that the clock was set back.
    package static let longestInterval = Duration.seconds(24 * 3600)
    /// The shortest interval, whatever the tracker says.
    package static let shortestInterval = Duration.seconds(5)
    /// The interval when more peers are wanted and the tracker sends no `min interval`.
    package static let hungryInterval = Duration.seconds(300)
    /// The time until a failed tracker is retried, after the first, second, … failure.
    package static let backOff = [10, 30, 60, 300, 900, 1800, 3600].map { Duration.seconds($0) }

    private var tiers: [[Tracker]] = []
    private var completedFor: Set<String> = []
    private var completedIsWanted = false
    package private(set) var isRunning = false

    /// Creates an announcer for `tiers`, in the torrent's order. Each tier is shuffled once (BEP 12), unless its order
    /// was stored.
    package init(tiers: [[Tracker]], shuffledBy random: inout SeededGenerator, isFresh: Bool) {
        self.tiers = tiers.map { isFresh ? $0.shuffled(using: &random) : $0 }
    }

    package var trackers: [Tracker] { tiers.flatMap(\.self) }

    /// The trackers as they should be stored: one that waits behind another of its tier has the other's due time. The
    /// earliest stored time is then when the torrent is next due, which is how dormant torrents are found.
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

    /// Adds a tracker at the end of its tier. A tracker that is already known is left unchanged.
    package mutating func add(_ tracker: Tracker) {
        guard find(tracker.url) == nil else { return }
        if let tier = tiers.firstIndex(where: { $0.first?.tier == tracker.tier }) {
            tiers[tier].append(tracker)
        } else {
            tiers.insert([tracker], at: tiers.firstIndex { ($0.first?.tier ?? 0) > tracker.tier } ?? tiers.endIndex)
        }
    }

    /// Starts announcing. Stored times still apply.
    package mutating func start(now: Timestamp) {
        isRunning = true
        followClock(now)
        change { tracker in
            tracker.isBusy = false
            if tracker.nextAnnounceAt > now + Self.longestInterval {
                tracker.nextAnnounceAt = now + (tracker.interval ?? .zero)
            }
            if tracker.minimumAnnounceAt > now + Self.longestInterval { tracker.minimumAnnounceAt = now }
        }
    }

    /// The download has just completed: `completed` is sent once to each tracker that knows us.
    package mutating func completed() { completedIsWanted = true }

    /// Makes every tracker due as soon as its minimum allows, because the user doesn't want to wait.
    package mutating func hasten(now: Timestamp) {
        change { $0.nextAnnounceAt = min($0.nextAnnounceAt, max(now, $0.minimumAnnounceAt)) }
    }

    /// Stops announcing. Returns `stopped` announces for the trackers that know us, and for those that may have
    /// received `started` without having answered yet.
    ///
    /// `stopped` ends the interval: the next run announces `started` at once, or when the tracker's `min interval`
    /// allows. After a kill, which sends no `stopped`, the stored interval holds. A failing tracker's back-off holds in
    /// both cases.
    package mutating func stop() -> [Action] {
        isRunning = false
        let actions = trackers.filter(\.mayKnowUs).map { Action(url: $0.url, event: .stopped, trackerID: $0.trackerID) }
        change { tracker in
            defer { tracker.isBusy = false }
            guard tracker.mayKnowUs else { return }
            tracker.isStarted = false
            guard tracker.failures == 0 else { return }
            tracker.nextAnnounceAt = (tracker.lastAnnounceAt ?? .epoch) + (tracker.minimumInterval ?? .zero)
            tracker.minimumAnnounceAt = tracker.nextAnnounceAt
        }
        return actions
    }

    /// Stops announcing without sending `stopped`: the trackers keep listing us, and the stored times hold.
    package mutating func pause() { isRunning = false }

    /// Returns the announces that are due now. If `isHungry`, there are too few peers, and the minimum interval is
    /// enough.
    package mutating func due(now: Timestamp, isHungry: Bool) -> [Action] {
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

    /// When ``due(now:isHungry:)`` may next return something.
    package func nextDue(isHungry: Bool) -> Timestamp? {
        guard isRunning else { return nil }
        return tiers.filter { !$0.contains(where: \.isBusy) }.compactMap { tier in
            turn(in: tier, isHungry: isHungry).map { dueTime(tier[$0], isHungry: isHungry) }
        }.min()
    }

    /// The tracker answered: it moves to the front of its tier (BEP 12).
    package mutating func answered(_ url: String, event: Event?, _ answer: Answer, now: Timestamp) {
        // The answer to a `stopped` doesn't affect the next start.
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
        // After `stopped`, only the tracker's own minimum is left of the interval.
        let goodbye = answer.minimumInterval.map(Self.sensible) ?? .zero
        tracker.nextAnnounceAt = now + (isRunning ? max(interval, minimum) : goodbye)
        tracker.minimumAnnounceAt = now + (isRunning ? minimum : goodbye)
        tracker.trackerID = answer.trackerID ?? tracker.trackerID
        tracker.seeders = answer.seeders ?? tracker.seeders
        tracker.leechers = answer.leechers ?? tracker.leechers
        // An answer that arrives after ``stop()`` belongs to an announce from before `stopped`.
        tracker.isStarted = isRunning
        if event == .completed { completedFor.insert(url) }
        tiers[tier].insert(tracker, at: 0)
    }

    /// The tracker failed. It is not retried within `retryIn`, or within the back-off if `retryIn` is `nil`; the next
    /// tracker of its tier is due at once.
    package mutating func failed(_ url: String, reason: String, retryIn: Duration?, now: Timestamp) {
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

    /// A scrape returned these counts (BEP 48).
    package mutating func scraped(_ url: String, seeders: Int, leechers: Int, downloads: Int) {
        guard let (tier, index) = find(url) else { return }
        tiers[tier][index].seeders = seeders
        tiers[tier][index].leechers = leechers
        tiers[tier][index].downloads = downloads
    }

    // MARK: Choice

    /// Returns the tracker of the tier whose turn it is: the first that isn't failing or, if all fail, the one that is
    /// due first. When peers are wanted, the one that is due first also has its turn, because a tracker that answers
    /// without peers must not hide the others.
    private func turn(in tier: [Tracker], isHungry: Bool) -> Int? {
        let isOpen = isHungry || tier.allSatisfy { $0.failures > 0 }
        guard isOpen else { return tier.firstIndex { $0.failures == 0 } }
        return tier.indices.min { dueTime(tier[$0], isHungry: isHungry) < dueTime(tier[$1], isHungry: isHungry) }
    }

    private func dueTime(_ tracker: Tracker, isHungry: Bool) -> Timestamp {
        if wantsCompleted(tracker), tracker.failures == 0 { return .epoch }
        return isHungry ? min(tracker.nextAnnounceAt, tracker.minimumAnnounceAt) : tracker.nextAnnounceAt
    }

    private func wantsCompleted(_ tracker: Tracker) -> Bool {
        completedIsWanted && tracker.isStarted && !completedFor.contains(tracker.url)
    }

    /// Limits a duration that came from outside.
    private static func sensible(_ pause: Duration) -> Duration { min(max(pause, shortestInterval), longestInterval) }

    /// If the clock was set back, moves the times back with it, so that the pauses keep their lengths.
    private mutating func followClock(_ now: Timestamp) {
        change { tracker in
            guard let last = tracker.lastAnnounceAt, last > now else { return }
            let shift = now - last
            tracker.lastAnnounceAt = now
            tracker.nextAnnounceAt = max(now, tracker.nextAnnounceAt + shift)
            tracker.minimumAnnounceAt = max(now, tracker.minimumAnnounceAt + shift)
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
