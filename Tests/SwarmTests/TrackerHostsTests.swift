import Swarm
import Testing
import Torrent

struct TrackerHostsTests {
    @Test func deadHostIsRetriedWithBackOff() {
        var hosts = TrackerHosts()
        for now in (0..<3).map({ Timestamp($0) }) {
            #expect(hosts.reasonToWait(for: "down", now: now) == nil)
            hosts.failed("down", reason: "no answer", now: now)
        }
        var asked: [Timestamp] = []
        for now in (3..<10_000).map({ Timestamp($0) }) where hosts.reasonToWait(for: "down", now: now) == nil {
            asked.append(now)
            hosts.failed("down", reason: "no answer", now: now)
        }
        #expect(
            zip(asked, asked.dropFirst()).map { $1 - $0 }
                == [120, 240, 480, 960, 1800, 1800, 1800, 1800].map { Duration.seconds($0) })
        #expect(hosts.reasonToWait(for: "down", now: 9_999) == "no answer")
        #expect(hosts.reasonToWait(for: "another", now: 9_999) == nil)
        hosts.answered("down")
        #expect(hosts.reasonToWait(for: "down", now: 9_999) == nil)
    }

    /// While one asks on behalf of all, the others wait.
    @Test func oneRequestProbesADeadHostForAll() {
        var hosts = TrackerHosts()
        for _ in 0..<TrackerHosts.patience { hosts.failed("down", reason: "no answer", now: 0) }
        #expect(hosts.reasonToWait(for: "down", now: 60) == nil)
        #expect(hosts.reasonToWait(for: "down", now: 61) == "no answer")
    }

    @Test func clockSetBackDoesNotDelayRequests() {
        var hosts = TrackerHosts()
        for _ in 0..<TrackerHosts.patience { hosts.failed("down", reason: "no answer", now: 1_000_000) }
        #expect(hosts.reasonToWait(for: "down", now: 10) == nil)
    }

    @Test func hostIsLeftAloneUntilItsRetryTime() {
        var hosts = TrackerHosts()
        let rest = TrackerHosts.Rest(until: 700, reason: "slow down")
        hosts.rest("busy", rest)
        #expect(hosts.rest(of: "busy", now: 100) == rest && hosts.rest(of: "another", now: 100) == nil)
        // That it answers somebody, as at a goodbye, doesn't end it.
        hosts.answered("busy")
        #expect(hosts.rest(of: "busy", now: 699) == rest)
        #expect(hosts.rest(of: "busy", now: 700) == nil && hosts.rest(of: "busy", now: 100) == nil)
        // A clock that was set back holds nobody up.
        hosts.rest("busy", TrackerHosts.Rest(until: 1_000_000, reason: "slow down"))
        #expect(hosts.rest(of: "busy", now: 10) == nil)
        for n in 0..<10_000 { hosts.rest("host \(n)", rest) }
        #expect((0..<10_000).count { hosts.rest(of: "host \($0)", now: 1) != nil } == TrackerHosts.capacity)
    }

    @Test func rememberedHostsAreLimited() {
        var hosts = TrackerHosts()
        for n in 0..<10_000 { for _ in 0..<3 { hosts.failed("host \(n)", reason: "no answer", now: 0) } }
        let remembered = (0..<10_000).count { hosts.reasonToWait(for: "host \($0)", now: 1) != nil }
        #expect(remembered == TrackerHosts.capacity)
    }
}
