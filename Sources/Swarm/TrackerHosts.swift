package import Torrent

/// Remembers, for all torrents together, which tracker hosts fail and which asked not to be contacted for a while.
///
/// A mirror has a hundred thousand torrents and a handful of trackers. A tracker that is down is retried occasionally
/// for all torrents, so that each doesn't wait for it in vain. A tracker that gave a retry time (429 and 503 with
/// Retry-After) isn't contacted before then by any torrent. A host is a server with its scheme and port.
package struct TrackerHosts {
    /// The number of consecutive failures after which a host counts as down.
    package static let patience = 3
    /// The time until a host that is down is retried; doubled each time, up to the longest.
    package static let firstPause = Duration.seconds(60)
    package static let longestPause = Duration.seconds(1800)
    /// The most hosts remembered, because torrents can name any number of them.
    package static let capacity = 4096

    private struct Failing {
        var failures: Int
        var reason: String
        var askedAgainAt: Timestamp
    }

    /// When a host that gave a retry time may be contacted again, and the reason it gave.
    package struct Rest: Sendable, Equatable {
        package let until: Timestamp
        package let reason: String

        package init(until: Timestamp, reason: String) {
            self.until = until
            self.reason = reason
        }
    }

    private var failing: [String: Failing] = [:]
    private var resting: [String: Rest] = [:]

    package init() {}

    /// The host asked not to be contacted until a given time, by any torrent.
    package mutating func rest(_ host: String, _ rest: Rest) {
        if resting.count >= Self.capacity, resting[host] == nil, let any = resting.keys.first { resting[any] = nil }
        resting[host] = rest
    }

    /// Returns the host's retry time if it has not passed yet.
    package mutating func rest(of host: String, now: Timestamp) -> Rest? {
        guard let rest = resting[host] else { return nil }
        // A time further ahead than a host may ask for means that the clock was set back.
        guard now < rest.until, rest.until <= now + Announcer.longestInterval else {
            resting[host] = nil
            return nil
        }
        return rest
    }

    /// Returns why the host must not be contacted now, or `nil` if it may be. When a host that is down is due for a
    /// retry, only one caller gets `nil`.
    package mutating func reasonToWait(for host: String, now: Timestamp) -> String? {
        guard var known = failing[host], known.failures >= Self.patience else { return nil }
        // A clock that was set back delays a retry by no more than the longest pause.
        guard now >= known.askedAgainAt || known.askedAgainAt > now + Self.longestPause else { return known.reason }
        known.askedAgainAt = now + pause(known)
        failing[host] = known
        return nil
    }

    /// The host answered, even if with a refusal.
    package mutating func answered(_ host: String) { failing[host] = nil }

    /// The host is unreachable or doesn't answer.
    package mutating func failed(_ host: String, reason: String, now: Timestamp) {
        var known = failing[host] ?? Failing(failures: 0, reason: reason, askedAgainAt: now)
        known.failures += 1
        known.reason = reason
        known.askedAgainAt = now + pause(known)
        // Any entry may be forgotten: its host is contacted again, and learned anew.
        if failing.count >= Self.capacity, failing[host] == nil, let any = failing.keys.first { failing[any] = nil }
        failing[host] = known
    }

    private func pause(_ known: Failing) -> Duration {
        min(Self.longestPause, Self.firstPause * (1 << min(16, max(0, known.failures - Self.patience))))
    }
}
