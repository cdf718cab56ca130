package import Store
import Swarm
package import Torrent

/// Decides for a session: which torrents are active, which wait, which are retried, when dormant torrents are
/// announced, and when the session ends.
///
/// A pure machine: each event takes the time and adds ``Effect``s, which the session performs in order and answers.
/// What an answer means depends on the torrent's state when it arrives, so a late one does no harm.
///
/// - Life: ``begin()``, ``stop()``, ``ended()``
/// - Wants: ``want(_:isAhead:now:)``, ``peerAsks(_:isComplete:now:)``, ``enqueue(_:for:at:now:)``, ``added(_:now:)``,
///   ``rank(_:now:)``, ``verify(_:now:)``, ``deactivate(_:_:)``
/// - Changes: ``changed(_:isPaused:)``, ``removed(_:)``, ``damaged(_:)``, ``damagedAtRest(_:)``, ``retired(_:)``
/// - Answers: ``loaded(_:isUnverified:now:)``, ``started(_:_:now:)``, ``failed(_:_:now:)``,
///   ``deactivated(_:_:isWhole:now:)``, ``retry(_:_:now:)``, ``seedingBegan(_:count:)``, ``dueFound(_:)``,
///   ``announced(_:)``, ``restIs(_:_:)``
/// - Reports: ``observe(_:_:now:)``, ``lookedAt(_:_:now:)``; ``folders``
/// - Space: ``spaceIsFree(_:now:)``
/// - Time: ``tick(_:now:)``
package struct SessionMachine {
    package enum State: Equatable, Sendable {
        case starting, running, stopping, ended
    }

    /// How long a complete torrent stays active without anything to do.
    static let dormantAfter = Duration.seconds(60)
    /// The same while others wait for a slot, because active torrents share connections and memory.
    static let dormantAfterWhileOthersWait = Duration.seconds(10)
    /// How long a dormant torrent isn't searched for on a volume without its files, or announced if it has a fault.
    static let leftAloneFor = Duration.seconds(3600)

    private let settings: Settings
    package private(set) var state = State.starting
    private var torrents = TorrentStates()
    private var retries = RetryPauses()
    private var slots: SlotQueue
    /// The last turn in the line that was assigned.
    package private(set) var lastTurn: Int64 = 0
    private var pacing = AnnouncePacing()
    private var sweep = SeedingSweep()
    private var end: SessionEnd
    /// What recent checks found out about the output folders of dormant torrents.
    var folders: FolderPresence
    private var effects: [Effect] = []

    /// `uptime` is the time of the start on the clock that stops while the machine is suspended.
    package init(_ settings: Settings, uptime: SuspendingClock.Instant) {
        self.settings = settings
        folders = FolderPresence(began: uptime)
        slots = SlotQueue(limits: settings.limits, rules: settings.rules)
        end = SessionEnd(whenComplete: settings.endsWhenComplete, patience: settings.giveUpAfter)
    }

    /// The user changed the settings of the running engine.
    mutating func settingsChanged(slots limits: SlotLimits, isNewGoal: Bool) {
        slots.change(limits)
        if isNewGoal { sweep.begin() }
    }

    /// Returns what has to be done, in order.
    package mutating func takeEffects() -> [Effect] {
        defer { effects = [] }
        return effects
    }

    // MARK: Questions

    /// Whether the session hasn't begun to stop.
    package var isOpen: Bool { state == .starting || state == .running }
    var rules: SlotRules { slots.rules }
    package var slotReport: SlotReport { slots.report }
    var isActivating: Bool { !torrents.activating.isEmpty }
    /// Torrents that aren't announced while they are dormant: they are troubled, or have seeded enough.
    package var leftAlone: Set<TorrentID> { torrents.leftAlone }
    /// Torrents whose announces are under way.
    package var announcing: Set<TorrentID> { pacing.announcing }
    var busy: Set<TorrentID> { torrents.running.union(announcing) }

    package func isWaiting(_ id: TorrentID) -> Bool { slots.isWaiting(id) }
    func isActivating(_ id: TorrentID) -> Bool { torrents.activating.contains(id) }
    package func isRunning(_ id: TorrentID) -> Bool { torrents[id].isRunning }
    package func isTroubled(_ id: TorrentID) -> Bool { torrents.isTroubled(id) }
    func hasBegun(_ id: TorrentID) -> Bool { torrents.facts(id).hasBegun }
    /// Whether the torrent seeds on when it comes to rest.
    func isSeededAtRest(_ id: TorrentID) -> Bool { isOpen && !torrents.facts(id).isRetired }
    /// Whether the activation of the torrent is retried because its disk failed.
    package func isRetried(_ id: TorrentID) -> Bool { retries.isRetried(id) }

    /// The state of a torrent, and of those of which something is known.
    package func state(of id: TorrentID) -> TorrentStates.State { torrents[id] }
    package var known: [TorrentID] { Set(torrents.known).union(retries.torrents).sorted() }

    /// Why the torrent is being deactivated.
    package func departure(of id: TorrentID) -> Departure? {
        if case .deactivating(let departure, _) = torrents[id] { departure } else { nil }
    }

    /// Until when the torrent isn't searched for on a volume without its files.
    package func soughtUntil(_ id: TorrentID) -> Instant? { torrents.facts(id).soughtUntil }

    // MARK: Life

    /// The line has been read; from now on the session may end by itself.
    package mutating func begin() { if state == .starting { state = .running } }

    /// Continues with the turns that an earlier run stored.
    mutating func resume(lastTurn: Int64) { self.lastTurn = lastTurn }

    /// Returns whether this is the first call. All torrents are deactivated.
    package mutating func stop() -> Bool {
        guard isOpen else { return false }
        state = .stopping
        for id in torrents.running.sorted() { leave(id, .stopped) }
        return true
    }

    mutating func ended() { state = .ended }

    // MARK: Activation

    /// The torrent is wanted now, without a turn in the line; if `isAhead`, it takes a slot. Returns whether it is
    /// active or will be, unless its activation fails.
    package mutating func want(_ id: TorrentID, isAhead: Bool = false, now: Instant) -> Bool {
        switch torrents[id] {
        case .active, .activating(nil): return true
        case .activating(let departure?):
            guard isOpen, departure.isRevocable else { return false }
            torrents.move(id, to: .activating(then: nil))
            return true
        case .deactivating(let departure, _):
            guard isOpen, departure.isRevocable else { return false }
            torrents.move(id, to: .deactivating(departure, isWantedAgain: true))
            return true
        case .dormant, .troubled, .retrying:
            guard isOpen else { return false }
            if isAhead { _ = slots.admit(id, for: .download, isForced: true, now: now) }
            activate(id)
            return true
        }
    }

    /// A peer asks for the torrent. A torrent that waits takes a free slot, or that of a stalled torrent. Returns
    /// whether the peer may stay.
    package mutating func peerAsks(_ id: TorrentID, isComplete: Bool, now: Instant) -> Bool {
        guard isOpen else { return false }
        if !torrents[id].isRunning {
            switch slots.admit(id, for: isComplete ? .seed : .download, now: now) {
            case .granted: break
            case .grantedInstead(let other): yield(other, now: now)
            case .refused: return false
            }
        }
        return want(id, now: now)
    }

    private mutating func activate(_ id: TorrentID) {
        torrents.move(id, to: .activating(then: nil))
        effects.append(.activate(id))
    }

    /// Returns whether the torrent was active before in this run, and notes that it is.
    package mutating func loads(_ id: TorrentID) -> Bool {
        defer { torrents.note(id) { $0.hasBegun = true } }
        return torrents.facts(id).hasBegun
    }

    /// The torrent is loaded. If `isUnverified`, it has pieces to be hashed.
    package mutating func loaded(_ id: TorrentID, isUnverified: Bool, now: Instant) -> Start {
        guard isOpen, torrents[id] == .activating(then: nil) else { return .isUnneeded }
        return !isUnverified || slots.mayCheck(id, now: now) ? .starts : .waitsForCheck
    }

    /// The torrent has started. Returns whether all of its pieces are to be rechecked.
    package mutating func started(_ id: TorrentID, _ report: TorrentReport, now: Instant) -> Bool {
        guard torrents[id] == .activating(then: nil) else { return false }
        let mustVerify = torrents.facts(id).mustVerify
        torrents.move(id, to: .active(idleSince: nil))
        torrents.note(id) { $0.mustVerify = false }
        retries.end(id)
        slots.observe(id, report.activity, now: now)
        fill(now: now)
        return mustVerify
    }

    /// The torrent couldn't be activated. It may be activated again at once.
    package mutating func failed(_ id: TorrentID, _ failure: Failure, now: Instant) {
        guard case .activating(let departure) = torrents[id] else { return }
        switch failure {
        case .disk where departure == nil:
            torrents.move(id, to: .troubled(retryAt: now + retries.failed(id)))
        case .other where departure == nil, .noSpace where departure == nil:
            torrents.move(id, to: .troubled(retryAt: nil))
            // The error is not the disk's any more, so it waits for the user.
            retries.end(id)
        case .disk, .other, .noSpace, .waitsForCheck, .isUnneeded: torrents.move(id, to: .dormant)
        }
        if departure == .removed { forget(id) }
        slots.failed(id, needing: failure == .waitsForCheck && departure == nil ? .check : nil)
        if departure?.comesBack ?? false, isOpen { slots.enqueue(id, at: .front) }
        fill(now: now)
    }

    // MARK: Deactivation

    package mutating func deactivate(_ id: TorrentID, _ departure: Departure) { if isOpen { leave(id, departure) } }

    private mutating func leave(_ id: TorrentID, _ departure: Departure) {
        switch torrents[id] {
        case .dormant, .troubled, .retrying: break
        case .activating: torrents.move(id, to: .activating(then: departure))
        case .active:
            torrents.move(id, to: .deactivating(departure, isWantedAgain: false))
            effects.append(.deactivate(id, departure))
        case .deactivating(let known, _):
            guard departure.saysGoodbye else { return }
            torrents.move(id, to: .deactivating(known.saysGoodbye ? known : departure, isWantedAgain: false))
        }
    }

    /// The torrent's slot goes to another. If it isn't active, its slot is free at once.
    private mutating func yield(_ id: TorrentID, now: Instant) {
        guard torrents[id].isRunning else { return slots.left(id, now: now) }
        leave(id, .yields)
    }

    /// The torrent has come to rest. Returns its turn in the line, to be stored with its state: 0 clears the stored
    /// turn, and `nil` keeps it.
    package mutating func deactivated(_ id: TorrentID, _ report: TorrentReport, isWhole: Bool, now: Instant) -> Int64? {
        guard case .deactivating(let departure, let isWantedAgain) = torrents[id] else { return nil }
        let place = slots.yielding(id)
        slots.left(id, now: now)
        // Only the user can help a torrent whose metadata can't be used.
        torrents.move(id, to: departure == .unusable ? .troubled(retryAt: nil) : .dormant)
        if departure == .removed { forget(id) }
        if isWantedAgain, isOpen { activate(id) }
        fill(now: now)
        if isWhole || report.activity.moved > 0 && place != .back { return 0 }
        guard place == .back else { return nil }
        lastTurn += 1
        return lastTurn
    }

    /// A scrub found damage in a torrent at rest, which is to be repaired whatever its seeding goal.
    mutating func damagedAtRest(_ id: TorrentID) {
        torrents.note(id) { $0.isRetired = false }
    }

    /// The torrent has seeded enough: it rests as complete until the user changes it.
    package mutating func retired(_ id: TorrentID) {
        torrents.note(id) { $0.isRetired = true }
        deactivate(id, .retired)
    }

    // MARK: The line

    /// Puts the torrent into the line, because it has work to do.
    package mutating func enqueue(
        _ id: TorrentID, for kind: SlotKind = .download, at place: SlotQueue.Place = .back, now: Instant
    ) {
        guard isOpen else { return }
        slots.enqueue(id, for: kind, at: place)
        fill(now: now)
    }

    /// The user put the waiting torrents into an order; see ``SlotQueue/rank(_:)``.
    package mutating func rank(_ ranks: [TorrentID: Int64], now: Instant) {
        slots.rank(ranks)
        fill(now: now)
    }

    /// Puts several torrents into the line, in this order.
    package mutating func enqueue(_ ids: [TorrentID], now: Instant) {
        guard isOpen else { return }
        slots.enqueue(ids)
        fill(now: now)
    }

    /// Torrents with work to do were added.
    mutating func added(_ ids: [TorrentID], now: Instant) {
        guard isOpen else { return }
        for id in ids where !torrents.isTroubled(id) && !torrents[id].isRunning { slots.enqueue(id) }
        fill(now: now)
    }

    /// The user changed the torrent's settings, so what was wrong may be right.
    package mutating func changed(_ id: TorrentID, isPaused: Bool) {
        switch torrents[id] {
        case .troubled, .retrying: torrents.move(id, to: .dormant)
        // What is being loaded may be from before the change.
        case .activating(.paused?) where !isPaused: torrents.move(id, to: .activating(then: .reloads))
        case .dormant, .activating, .active, .deactivating: break
        }
        retries.end(id)
        if !isPaused { torrents.note(id) { $0.isRetired = false } }
        guard isPaused else { return }
        slots.forget(id)
        deactivate(id, .paused)
    }

    /// The torrent was removed from the database.
    package mutating func removed(_ id: TorrentID) {
        slots.forget(id)
        switch torrents[id] {
        case .dormant, .troubled, .retrying: forget(id)
        case .activating, .active, .deactivating: leave(id, .removed)
        }
    }

    private mutating func forget(_ id: TorrentID) {
        torrents.remove(id)
        retries.end(id)
    }

    /// Another process found damage and recorded it.
    package mutating func damaged(_ id: TorrentID) {
        torrents.note(id) { facts in
            facts.isRetired = false
            facts.soughtUntil = nil
        }
        deactivate(id, .damaged)
    }

    /// All pieces are to be rechecked. Returns whether the torrent is active, so that it can begin now.
    package mutating func verify(_ id: TorrentID, now: Instant) -> Bool {
        if case .active = torrents[id] { return true }
        guard isOpen else { return false }
        torrents.note(id) { $0.mustVerify = true }
        slots.forget(id)
        slots.enqueue(id, for: .check)
        fill(now: now)
        return false
    }

    /// Reports the activity of an active torrent.
    mutating func observe(_ id: TorrentID, _ report: TorrentReport, now: Instant) {
        guard case .active = torrents[id] else { return }
        slots.observe(id, report.activity, now: now)
        fill(now: now)
    }

    /// Starts torrents while slots are free.
    private mutating func fill(now: Instant) {
        guard isOpen else { return }
        var leaving: [TorrentID] = []
        while let id = slots.next(now: now) {
            switch torrents[id] {
            case .dormant, .troubled, .retrying: activate(id)
            // The torrent was activated for another reason; its next report says what it does with the slot.
            case .activating, .active: break
            case .deactivating: leaving.append(id)
            }
        }
        for id in leaving { slots.putBack(id) }
    }

    // MARK: Time

    /// Runs once a second, with reports of all active torrents.
    package mutating func tick(_ reports: [TorrentID: TorrentReport], now: Instant) {
        guard isOpen else { return }
        for id in torrents.waitingForRetry.sorted() {
            guard case .troubled(let at?) = torrents[id], now >= at else { continue }
            torrents.move(id, to: .retrying)
            effects.append(.readForRetry(id))
        }
        let active = reports.sorted { $0.key < $1.key }
        for (id, report) in active {
            guard case .active = torrents[id] else { continue }
            slots.observe(id, report.activity, now: now)
        }
        for id in slots.yields(now: now) { yield(id, now: now) }
        fill(now: now)
        for (id, report) in active { rest(id, report, now: now) }
        if settings.worksOnAll {
            if let last = sweep.next() { effects.append(.beginSeeding(after: last)) }
            if let room = pacing.room() { effects.append(.findDue(room: room)) }
        }
        if let blocked = end.blocked(reports, activating: torrents.activating, now: now) {
            effects.append(.giveUp(blocked))
        }
    }

    private mutating func rest(_ id: TorrentID, _ report: TorrentReport, now: Instant) {
        guard case .active(let idleSince) = torrents[id] else { return }
        let isPatient = slots.waitingCount(.download) == 0
        if report.isBusy {
            if idleSince != nil { torrents.move(id, to: .active(idleSince: nil)) }
        } else if let idleSince {
            let pause = isPatient ? Self.dormantAfter : Self.dormantAfterWhileOthersWait
            if now - idleSince > pause, settings.worksOnAll { leave(id, .idle) }
        } else {
            torrents.move(id, to: .active(idleSince: now))
        }
    }

    // MARK: Retries

    /// Retries a torrent. One with something to download waits for a slot like any other.
    package mutating func retry(_ id: TorrentID, _ row: RetriedRow, now: Instant) {
        guard isOpen, torrents[id] == .retrying else { return }
        switch row {
        case .removed: forget(id)
        case .complete: activate(id)
        case .incomplete:
            torrents.move(id, to: .dormant)
            enqueue(id, now: now)
        case .unreadable: torrents.move(id, to: .troubled(retryAt: now + RetryPauses.ofRead))
        }
    }

    /// What the torrent lacks fits now: it waits for a slot like any other.
    package mutating func spaceIsFree(_ id: TorrentID, now: Instant) {
        guard isOpen, case .troubled = torrents[id] else { return }
        torrents.move(id, to: .dormant)
        enqueue(id, now: now)
    }

    // MARK: Seeds

    /// `last` is the last of `count` torrents that were looked at; the count is `nil` if that failed.
    package mutating func seedingBegan(_ last: TorrentID?, count: Int?) { sweep.ended(last, count: count) }

    // MARK: Announces of dormant torrents

    /// These torrents are due. Returns those to be announced; answer each with ``announced(_:)``.
    package mutating func dueFound(_ ids: [TorrentID]) -> [TorrentID] {
        pacing.found(isOpen ? ids.filter { !torrents[$0].isRunning } : [])
    }

    package mutating func announced(_ id: TorrentID) { pacing.ended(id) }

    /// Whether the torrent is still dormant, so that its announce goes on.
    func isDormant(_ id: TorrentID) -> Bool { isOpen && !torrents[id].isRunning }

    // MARK: Folders of dormant torrents

    /// What follows for a dormant torrent from the status of its folder. `volume` is where the payload was last seen,
    /// and `mayGoOffline` whether nothing else must be found out about a torrent whose folder is away. Returns `nil` if
    /// the torrent isn't dormant any more.
    package func verdict(
        on id: TorrentID, volume: String?, isOffline: Bool, mayGoOffline: Bool, _ status: FolderStatus, now: Instant
    ) -> Verdict? {
        guard isDormant(id) else { return nil }
        switch status {
        case .away(let reason): return mayGoOffline ? .goOffline(reason: reason) : .activate
        case .there(let found?) where volume == found: return .announce(isBack: isOffline)
        case .there(.some) where volume == nil && !isOffline: return .announce(isBack: false)
        case .there:
            let wasSearched = torrents.facts(id).soughtUntil.map { now < $0 } ?? false
            return isOffline && wasSearched ? .postpone : .activate
        }
    }

    // MARK: Looks at torrents in trouble

    /// Returns for how long the torrent isn't announced; `nil` means no change.
    mutating func lookedAt(_ id: TorrentID, _ finding: Finding, now: Instant) -> Duration? {
        guard isOpen else { return nil }
        switch finding {
        case .isFine: return nil
        case .hasFault: return Self.leftAloneFor
        case .waitsForDisk:
            deactivate(id, .diskIsAway)
            torrents.note(id) { $0.soughtUntil = now + Self.leftAloneFor }
            return FolderPresence.lookAgainAfter
        }
    }

    // MARK: The end

    /// With ``Settings/endsWhenComplete``, ends the session when nothing is left to download and no seed goal is open.
    /// `reports` is asked only if that is possible.
    package mutating func endIfDone(_ reports: () -> [TorrentID: TorrentReport]) {
        guard state == .running, end.mayCome(slots, activating: torrents.activating, reports) else { return }
        effects.append(.readIncomplete)
    }

    /// These torrents of the session's scope are incomplete. A troubled one isn't waited for; one whose activation
    /// began while they were read is.
    package mutating func restIs(_ incomplete: [TorrentID], _ reports: [TorrentID: TorrentReport]) {
        guard isOpen, torrents.activating.isEmpty,
            !incomplete.contains(where: { !torrents.isTroubled($0) && !torrents[$0].isRunning }),
            !reports.isWorkLeft(activating: torrents.activating)
        else { return }
        effects.append(.end)
    }
}
