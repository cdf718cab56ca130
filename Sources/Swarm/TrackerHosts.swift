/// Which tracker hosts answer at all, learned from all torrents together, and which want to be left alone.
///
/// A mirror has a hundred thousand torrents and a handful of trackers: one that is down is asked now and then on behalf
/// of all, instead of each torrent waiting for it in vain. One that said when it wants to be asked again (429 and 503
/// with Retry-After) isn't asked before, by no torrent. A host is a server with its scheme and port. Times are unix
/// seconds.
package struct TrackerHosts {
    /// Failures in a row after which a host counts as down.
    package static let patience = 3
    /// Seconds until a host that is down is asked again: doubled each time, up to the longest.
    package static let firstPause: Int64 = 60
    package static let longestPause: Int64 = 1800
    /// Hosts that are remembered: torrents name as many as they like.
    package static let capacity = 4096

    private struct Failing {
        var failures: Int
        var reason: String
        var askedAgainAt: Int64
    }

    /// When a host that named a time may be asked again, and what it said.
    package struct Rest: Sendable, Equatable {
        package let until: Int64
        package let reason: String

        package init(until: Int64, reason: String) {
            self.until = until
            self.reason = reason
        }
    }

    private var failing: [String: Failing] = [:]
    private var resting: [String: Rest] = [:]

    package init() {}

    /// The host wants to be left alone, all torrents of it together.
    package mutating func rest(_ host: String, _ rest: Rest) {
        if resting.count >= Self.capacity, resting[host] == nil, let any = resting.keys.first { resting[any] = nil }
        resting[host] = rest
    }

    /// Whether the host wants to be left alone now.
    package mutating func rest(of host: String, now: Int64) -> Rest? {
        guard let rest = resting[host] else { return nil }
        // A time further off than a host may ask for is a clock that was set back.
        guard now < rest.until, rest.until <= now + Announcer.longestInterval else {
            resting[host] = nil
            return nil
        }
        return rest
    }

    /// Why the host isn't to be asked now; `nil` when it may be. Of a host that is down only one asks, when its time
    /// has come.
    package mutating func reasonToWait(for host: String, now: Int64) -> String? {
        guard var known = failing[host], known.failures >= Self.patience else { return nil }
        // A clock that was set back holds nobody up for longer than the longest pause.
        guard now >= known.askedAgainAt || known.askedAgainAt > now + Self.longestPause else { return known.reason }
        known.askedAgainAt = now + pause(known)
        failing[host] = known
        return nil
    }

    /// The host answered, be it with a refusal.
    package mutating func answered(_ host: String) { failing[host] = nil }

    /// The host can't be reached, or keeps silent.
    package mutating func failed(_ host: String, reason: String, now: Int64) {
        var known = failing[host] ?? Failing(failures: 0, reason: reason, askedAgainAt: now)
        known.failures += 1
        known.reason = reason
        known.askedAgainAt = now + pause(known)
        // Which of them is forgotten doesn't matter: it is asked, and learned anew.
        if failing.count >= Self.capacity, failing[host] == nil, let any = failing.keys.first { failing[any] = nil }
        failing[host] = known
    }

    private func pause(_ known: Failing) -> Int64 {
        min(Self.longestPause, Self.firstPause << Int64(min(16, max(0, known.failures - Self.patience))))
    }
}
