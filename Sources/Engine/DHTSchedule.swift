package import DHT
package import Torrent

/// When an active torrent is searched for and announced in the DHT.
///
/// A pure machine: ``next(isHungry:mayAnnounce:isSeed:families:now:)`` begins a search, and ``ended(_:now:)`` ends it
/// in one family.
package struct DHTSchedule: Sendable {
    /// What to begin.
    package struct Turn: Equatable, Sendable {
        package var announces: Bool
        package var effort: DHTSearch.Effort

        package init(announces: Bool, effort: DHTSearch.Effort) {
            self.announces = announces
            self.effort = effort
        }
    }

    /// The first and the longest pause between two searches of a torrent with too few peers; it doubles each time.
    package static let searchPauses = Duration.seconds(30)...Duration.seconds(600)
    /// The same after a search or an announce that reached no node.
    package static let retryPauses = Duration.seconds(5)...Duration.seconds(300)

    private var nextSearch: Instant
    private var nextAnnounce: Instant
    private var searchPause = Self.searchPauses.lowerBound
    private var retryPause = Self.retryPauses.lowerBound
    /// Whether the last announce said that the torrent is complete; `nil` before the first one.
    private var announcedAsSeed: Bool?
    /// The families in which the search under way hasn't ended.
    private var pending = 0
    private var turn: Turn?
    private var isSeed = false
    private var hasReachedNodes = false
    private var isAccepted = false

    /// `due` is when an earlier run planned the next announce.
    package init(due: Instant?, now: Instant) {
        nextSearch = now
        nextAnnounce = max(due ?? now, now)
    }

    package var isUnderWay: Bool { pending > 0 }

    /// Returns what to begin now, if anything. `families` is the number of open sockets.
    package mutating func next(isHungry: Bool, mayAnnounce: Bool, isSeed: Bool, families: Int, now: Instant) -> Turn? {
        guard pending == 0, families > 0 else { return nil }
        // A torrent that has just been completed is found as a seed at once.
        if isSeed, announcedAsSeed == false { nextAnnounce = min(nextAnnounce, now) }
        let announces = mayAnnounce && now >= nextAnnounce
        let searches = isHungry && now >= nextSearch
        guard announces || searches else { return nil }
        if !isHungry { searchPause = Self.searchPauses.lowerBound }
        let turn = Turn(announces: announces, effort: searches ? .thorough : .brief)
        self.turn = turn
        self.isSeed = isSeed
        pending = families
        (hasReachedNodes, isAccepted) = (false, false)
        return turn
    }

    /// The search has ended in one family. Returns whether it has ended in all, and whether a node accepted the
    /// announce.
    @discardableResult
    package mutating func ended(_ result: DHTSearchResult, now: Instant) -> (isLast: Bool, isAccepted: Bool) {
        guard pending > 0, let turn else { return (false, false) }
        pending -= 1
        if !result.nearest.isEmpty { hasReachedNodes = true }
        if result.acceptedCount > 0 { isAccepted = true }
        guard pending == 0 else { return (false, isAccepted) }
        if hasReachedNodes {
            retryPause = Self.retryPauses.lowerBound
            nextSearch = now + searchPause
            searchPause = min(searchPause * 2, Self.searchPauses.upperBound)
        } else {
            nextSearch = now + retryPause
        }
        if turn.announces {
            if isAccepted {
                announcedAsSeed = isSeed
                nextAnnounce = now + DHTSettings.announceInterval
            } else {
                nextAnnounce = now + retryPause
            }
        }
        if !hasReachedNodes || turn.announces && !isAccepted {
            retryPause = min(retryPause * 2, Self.retryPauses.upperBound)
        }
        return (true, isAccepted)
    }

    /// The network has changed, or the user asks for peers: try at once.
    package mutating func hasten(now: Instant) {
        nextSearch = min(nextSearch, now)
        searchPause = Self.searchPauses.lowerBound
        retryPause = Self.retryPauses.lowerBound
    }
}
