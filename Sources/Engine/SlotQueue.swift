package import Store
import Swarm
package import Torrent

/// Decides which torrents are active: which one starts when a slot is free, and which one yields when others wait.
///
/// A pure machine: each event takes the time, and the session performs what ``next(now:)`` and ``yields(now:)`` return.
/// The cost of an event doesn't depend on the number of waiting torrents; ``yields(now:)`` looks at those that hold a
/// slot.
///
/// Downloads, seeds and checks have separate slots. A download without progress, or one that was slow for a whole turn,
/// yields its slot to a waiting torrent that hasn't had its turn, or has rested since. A torrent that yields goes to
/// the back of the line. A torrent whose check has ended and that finds no download slot goes to the front.
/// ``SlotRules`` has the times.
package struct SlotQueue {
    /// The most seeds that wait; the first of them make room for others.
    package static let waitingSeeds = 1000
    /// The most torrents that start at the same time.
    package static let startsAtOnce = 16
    /// The most torrents that may hang during their start, as on a disk that doesn't answer, without holding a slot.
    /// Any more keep their slots.
    package static let hangingStarts = 64

    /// How long a torrent may go without progress while others wait.
    package enum Patience: Sendable {
        /// ``SlotRules/shortPatience``, if nothing under way could bring progress.
        case short
        /// ``SlotRules/patience``
        case usual
        /// ``SlotRules/longPatience``
        case long
        /// No limit.
        case endless
    }

    /// The activity of a torrent, as observed by the session.
    package struct Activity: Equatable, Sendable {
        package enum Work: Sendable {
            case downloading, checking, seeding
            /// Complete and without peers, so that no slot is needed.
            case idle
        }

        var work: Work
        /// Bytes that count as progress since the torrent became active.
        var moved: Int64 = 0
        var patience = Patience.usual
        /// The torrent's rate limit, in bytes per second.
        var limit: Int?

        package init(work: Work, moved: Int64 = 0, patience: Patience = .usual, limit: Int? = nil) {
            self.work = work
            self.moved = moved
            self.patience = patience
            self.limit = limit
        }

        fileprivate var kind: SlotKind? {
            switch work {
            case .downloading: .download
            case .checking: .check
            case .seeding: .seed
            case .idle: nil
            }
        }
    }

    /// A torrent that has a slot.
    private struct Holder {
        var kind: SlotKind
        /// Whether the torrent isn't active yet.
        var isStarting: Bool
        /// Where in the line the torrent goes, if it must yield.
        var yielding: Place?
        /// Whether the slot has gone to a torrent that a peer asks for, so that it counts as that torrent's.
        var isHandedOver = false
        /// Whether this check began during a download, so that the download slot is returned afterwards.
        var returnsToDownload = false
        var since: Instant
        var activity: Activity
        var movedAt: Instant
        var turnBegan: Instant
        var movedBefore: Int64 = 0
        var isSlow = false
    }

    /// Where in the line a torrent goes.
    package enum Place: Sendable {
        case front, back
    }

    /// The answer to a peer that asks for a torrent.
    package enum Admission: Equatable, Sendable {
        case granted
        /// Granted the slot of another torrent, which must yield.
        case grantedInstead(of: TorrentID)
        case refused
    }

    private struct Lines {
        /// Torrents that may take another's slot.
        var ready = WaitingLine()
        /// Torrents that yielded recently.
        var resting = WaitingLine()

        var count: Int { ready.count + resting.count }
    }

    private(set) var limits: SlotLimits
    let rules: SlotRules
    private var holders: [TorrentID: Holder] = [:]
    private var held: [SlotKind: Int] = [:]
    private var starting = 0
    /// Torrents that have been starting for longer than ``SlotRules/startTime``.
    private var hanging: Set<TorrentID> = []
    /// Torrents that found no slot for their current activity.
    private var overdue: [TorrentID] = []
    /// The user's order of downloads: lower ranks come first. A torrent without a rank has 0, and none has more.
    private var ranks: [TorrentID: Int64] = [:]
    /// Whether a torrent has joined the line of downloads at a place that doesn't follow from its rank.
    private var isUnsorted = false
    private var lines: [SlotKind: Lines] = [.download: Lines(), .seed: Lines(), .check: Lines()]

    package init(limits: SlotLimits, rules: SlotRules = SlotRules()) {
        self.limits = limits
        self.rules = rules
    }

    // MARK: Questions

    package func isWaiting(_ id: TorrentID) -> Bool {
        SlotKind.allCases.contains { self[$0].ready.contains(id) || self[$0].resting.contains(id) }
    }

    package func isHolding(_ id: TorrentID) -> Bool { holders[id] != nil }

    /// Whether any torrent has a slot and isn't active yet.
    var isStarting: Bool { starting > 0 }

    package func waitingCount(_ kind: SlotKind) -> Int { self[kind].count }

    /// The use of the slots.
    package var report: SlotReport {
        var report = SlotReport()
        for kind in SlotKind.allCases {
            let handedOver = holders.values.count { $0.kind == kind && $0.isHandedOver }
            report[kind] = SlotUse(
                limit: [limits[kind], limits.active].compactMap(\.self).min(),
                active: (held[kind] ?? 0) - handedOver, waiting: self[kind].count)
        }
        return report
    }

    /// Returns the number of free slots of the kind; `nil` means unlimited.
    private func free(_ kind: SlotKind) -> Int? { [freeOfKind(kind), freeOfAll].compactMap(\.self).min() }

    private func freeOfKind(_ kind: SlotKind) -> Int? { limits[kind].map { max(0, $0 - (held[kind] ?? 0)) } }

    /// The number of torrents of any kind that may still become active; `nil` means unlimited.
    private var freeOfAll: Int? { limits.active.map { max(0, $0 - holders.count) } }

    private func isFree(_ kind: SlotKind) -> Bool { free(kind).map { $0 > 0 } ?? true }

    /// Whether a torrent that has another slot may have one of this kind in its place.
    private func mayChange(to kind: SlotKind) -> Bool { freeOfKind(kind).map { $0 > 0 } ?? true }

    // MARK: Events

    /// Changes the number of slots. Torrents above a lower limit keep theirs until they are done.
    package mutating func change(_ limits: SlotLimits) { self.limits = limits }

    /// The torrent has something to do. If it already waits or holds a slot, nothing changes.
    package mutating func enqueue(_ id: TorrentID, for kind: SlotKind = .download, at place: Place = .back) {
        guard holders[id] == nil, !isWaiting(id) else { return }
        switch place {
        case .front: self[kind].ready.prepend(id)
        case .back: self[kind].ready.append(id)
        }
        guard kind == .download, !ranks.isEmpty else { return }
        // Without a rank of its own, the torrent follows all others.
        if place == .front || ranks[id] != nil { isUnsorted = true }
    }

    /// The user put the downloads into an order. It decides which torrent gets the next slot, and takes none from a
    /// torrent that has one.
    package mutating func rank(_ ranks: [TorrentID: Int64]) {
        isUnsorted = isUnsorted || !ranks.isEmpty || !self.ranks.isEmpty
        self.ranks = ranks.mapValues { min(0, $0) }
    }

    private mutating func sortIfNeeded() {
        guard isUnsorted else { return }
        isUnsorted = false
        let ranks = ranks
        self[.download].ready.sort { ranks[$0] ?? 0 }
    }

    /// Adds several torrents, in this order.
    package mutating func enqueue(_ ids: [TorrentID]) {
        self[.download].ready.reserve(ids.count)
        for id in ids { enqueue(id) }
    }

    /// Removes the torrent from all lines, because it was paused or removed, or need not wait any more.
    package mutating func forget(_ id: TorrentID) {
        for kind in SlotKind.allCases {
            self[kind].ready.remove(id)
            self[kind].resting.remove(id)
        }
    }

    /// Takes a slot for the next torrent and returns it. Answer with ``observe(_:_:now:)`` or ``failed(_:)``.
    package mutating func next(now: Instant) -> TorrentID? {
        guard starting < Self.startsAtOnce else { return nil }
        sortIfNeeded()
        for kind in [SlotKind.check, .download, .seed] where isFree(kind) {
            guard let id = self[kind].ready.popFirst() ?? self[kind].resting.popFirst() else { continue }
            take(kind, id, now: now)
            return id
        }
        return nil
    }

    /// A peer or the user asks for a torrent that isn't active.
    package mutating func admit(_ id: TorrentID, for kind: SlotKind, isForced: Bool = false, now: Instant) -> Admission
    {
        guard holders[id] == nil else { return .granted }
        if isForced || isFree(kind) {
            forget(id)
            take(kind, id, now: now)
            return .granted
        }
        if let other = stalled(kind, now: now).first {
            holders[other]?.yielding = .back
            holders[other]?.isHandedOver = true
            forget(id)
            take(kind, id, now: now)
            return .grantedInstead(of: other)
        }
        if kind == .seed, !isWaiting(id) {
            self[.seed].ready.append(id)
            if self[.seed].ready.count > Self.waitingSeeds { _ = self[.seed].ready.popFirst() }
        }
        return .refused
    }

    /// Whether a torrent that is being activated can have its unverified pieces hashed now. If not, answer with
    /// ``failed(_:)``, and the torrent waits for a check slot.
    package mutating func mayCheck(_ id: TorrentID, now: Instant) -> Bool {
        if holders[id]?.kind == .check { return true }
        guard holders[id] == nil ? isFree(.check) : mayChange(to: .check) else { return false }
        if holders[id] == nil { take(.check, id, now: now) } else { move(id, to: .check) }
        return true
    }

    /// Reports the current activity of an active torrent.
    package mutating func observe(_ id: TorrentID, _ activity: Activity, now: Instant) {
        hanging.remove(id)
        let isNew = holders[id] == nil
        // A torrent that was activated for another reason no longer waits.
        if isNew { forget(id) }
        guard let kind = activity.kind else { return rest(id, now: now) }
        if isNew { take(kind, id, now: now) }
        guard var holder = holders[id], holder.yielding == nil else { return }
        if holder.isStarting { starting -= 1 }
        holder.isStarting = false
        var activity = activity
        if activity.work != holder.activity.work {
            holder.movedAt = now
            (holder.turnBegan, holder.movedBefore, holder.isSlow) = (now, activity.moved, false)
        } else if activity.moved > holder.activity.moved {
            holder.movedAt = now
        } else {
            // Data received again in place of bad data is no progress.
            activity.moved = holder.activity.moved
        }
        if now - holder.turnBegan >= rules.turn {
            let slowRate = min(rules.slowRate, (activity.limit ?? .max) / 2)
            holder.isSlow =
                Double(activity.moved - holder.movedBefore) < Double(slowRate) * (now - holder.turnBegan).inSeconds
            holder.turnBegan = now
            holder.movedBefore = activity.moved
        }
        holder.activity = activity
        holders[id] = holder
        if isNew, (held[kind] ?? 0) > (limits[kind] ?? .max) || holders.count > (limits.active ?? .max) {
            makeRoom(id)
        }
        if kind != holder.kind { change(id, to: kind) }
    }

    /// The torrent couldn't be activated, possibly because it first needs a slot of another `kind`.
    package mutating func failed(_ id: TorrentID, needing kind: SlotKind? = nil) {
        hanging.remove(id)
        drop(id)
        if let kind { enqueue(id, for: kind) }
    }

    /// The torrent can't be activated yet: it waits at the front of its line.
    mutating func putBack(_ id: TorrentID) {
        hanging.remove(id)
        if let holder = drop(id) { enqueue(id, for: holder.kind, at: .front) }
    }

    /// The torrent is no longer active. If it yielded, it waits for a slot again.
    package mutating func left(_ id: TorrentID, now: Instant) {
        guard let holder = drop(id), let place = holder.yielding else { return }
        // A torrent whose check ended has yielded to wait for a download slot.
        let kind = holder.activity.kind ?? holder.kind
        switch place {
        case .front: enqueue(id, for: kind, at: .front)
        case .back: if !isWaiting(id) { self[kind].resting.append(id, restsUntil: (now + rules.restTime).nanoseconds) }
        }
    }

    /// Returns where in the line the torrent goes, if it is yielding.
    func yielding(_ id: TorrentID) -> Place? { holders[id]?.yielding }

    /// Returns the torrents that must yield now. Each is returned once, and answered with ``left(_:now:)``.
    package mutating func yields(now: Instant) -> [TorrentID] {
        releaseHanging(now: now)
        var chosen: [TorrentID] = []
        for id in overdue where !findsRoom(id) { chosen.append(id) }
        overdue = []
        for kind in SlotKind.allCases {
            while let rested = self[kind].resting.popFirst(restedAt: now.nanoseconds) {
                self[kind].ready.append(rested)
                if kind == .download, ranks[rested] != nil { isUnsorted = true }
            }
        }
        for kind in [SlotKind.download, .seed] where !self[kind].ready.isEmpty {
            guard let free = free(kind) else { continue }
            let leaving = holders.values.count { $0.kind == kind && $0.yielding != nil }
            let wanted = self[kind].ready.count - free - leaving
            guard wanted > 0 else { continue }
            // Where only the limit of all is reached, a torrent of the other kind may make room.
            let isOfAll = freeOfAll == 0 && mayChange(to: kind)
            let others = isOfAll ? stalled(kind == .seed ? .download : .seed, now: now) : []
            for id in (stalled(kind, now: now) + others).prefix(wanted) {
                holders[id]?.yielding = .back
                chosen.append(id)
            }
        }
        return chosen
    }

    // MARK: Slots

    private subscript(_ kind: SlotKind) -> Lines {
        get { lines[kind] ?? Lines() }
        _modify { yield &lines[kind, default: Lines()] }
    }

    private mutating func take(_ kind: SlotKind, _ id: TorrentID, now: Instant) {
        let work: Activity.Work = kind == .download ? .downloading : kind == .seed ? .seeding : .checking
        holders[id] = Holder(
            kind: kind, isStarting: true, since: now, activity: Activity(work: work), movedAt: now, turnBegan: now)
        held[kind, default: 0] += 1
        starting += 1
    }

    @discardableResult
    private mutating func drop(_ id: TorrentID) -> Holder? {
        guard let holder = holders.removeValue(forKey: id) else { return nil }
        held[holder.kind, default: 0] -= 1
        if holder.isStarting { starting -= 1 }
        overdue.removeAll { $0 == id }
        return holder
    }

    private mutating func move(_ id: TorrentID, to kind: SlotKind) {
        guard let old = holders[id]?.kind else { return }
        held[old, default: 0] -= 1
        held[kind, default: 0] += 1
        holders[id]?.kind = kind
    }

    /// Frees the slot of a torrent that needs none. A slot given to a seed is kept for its first peer.
    private mutating func rest(_ id: TorrentID, now: Instant) {
        guard let holder = holders[id], holder.yielding == nil else { return }
        if holder.isStarting {
            starting -= 1
            holders[id]?.isStarting = false
        }
        if holder.kind == .seed, holder.since + rules.seedReservation > now, limits.seeds != nil { return }
        drop(id)
    }

    /// The activity of an active torrent changed.
    private mutating func change(_ id: TorrentID, to kind: SlotKind) {
        guard let holder = holders[id] else { return }
        let isFree = mayChange(to: kind)
        switch (holder.kind, kind) {
        case (.download, .check):
            // An active torrent can't wait for its check; its download slot is free for another meanwhile.
            holders[id]?.returnsToDownload = true
            move(id, to: kind)
        case (.check, .download) where holder.returnsToDownload:
            holders[id]?.returnsToDownload = false
            move(id, to: kind)
        case (_, .check): move(id, to: kind)
        default: if isFree { move(id, to: kind) } else { makeRoom(id) }
        }
    }

    /// Makes a torrent that has no slot for its activity yield and wait for one.
    private mutating func makeRoom(_ id: TorrentID) {
        // A check that has begun continues, because it would otherwise have to start again.
        guard let work = holders[id]?.activity.work, work != .checking else { return }
        holders[id]?.yielding = work == .downloading ? .front : .back
        overdue.append(id)
    }

    /// Whether a slot became free before the torrent had to yield.
    private mutating func findsRoom(_ id: TorrentID) -> Bool {
        guard let holder = holders[id], let kind = holder.activity.kind, kind != holder.kind, mayChange(to: kind) else {
            return false
        }
        holders[id]?.yielding = nil
        move(id, to: kind)
        return true
    }

    private mutating func releaseHanging(now: Instant) {
        guard starting > 0 else { return }
        for (id, holder) in holders
        where holder.isStarting && now - holder.since >= rules.startTime && hanging.count < Self.hangingStarts {
            drop(id)
            hanging.insert(id)
        }
    }

    /// Returns the torrents of the kind that may be made to yield, longest without progress first.
    private func stalled(_ kind: SlotKind, now: Instant) -> [TorrentID] {
        var found: [(id: TorrentID, since: Instant)] = []
        for (id, holder) in holders where holder.kind == kind && !holder.isStarting && holder.yielding == nil {
            guard let patience = rules[holder.activity.patience] else { continue }
            let isStalled = now - holder.movedAt >= patience
            let hasHadItsTurn = kind == .seed && now - holder.since >= rules.turn
            if isStalled || holder.isSlow || hasHadItsTurn { found.append((id, holder.movedAt)) }
        }
        return found.sorted { ($0.since, $0.id) < ($1.since, $1.id) }.map(\.id)
    }
}
