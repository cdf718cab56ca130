import Discovery
import Testing
import Torrent

/// When torrents are announced on the local network, and what is accepted from there.
struct LocalDiscoveryTests {
    private static func hash(_ number: UInt8) -> PublicInfoHash {
        PublicInfoHash(InfoHash([UInt8](repeating: number, count: 20))!, isPrivate: false)!
    }

    private static let start = Instant(nanoseconds: 5_000_000_000)

    @Test func torrentIsAnnouncedAtOnceAgainAndThenEveryFewMinutes() {
        var machine = LocalDiscovery(port: 6881, seed: 1)
        machine.add(Self.hash(1), now: Self.start)
        var times: [Int] = []
        for second in 0..<1200 {
            if !machine.takeDue(now: Self.start + .seconds(second)).isEmpty { times.append(second) }
        }
        #expect(times.prefix(2) == [0, 2])
        for (earlier, later) in zip(times.dropFirst(), times.dropFirst(2)) {
            #expect((240...301).contains(later - earlier), "\(times)")
        }
        machine.remove(Self.hash(1))
        #expect(machine.takeDue(now: Self.start + .seconds(5000)).isEmpty)
    }

    @Test func manyTorrentsShareFewDatagrams() {
        var machine = LocalDiscovery(port: 6881, seed: 2)
        for n in 0..<100 as Range<UInt8> { machine.add(Self.hash(n), now: Self.start + .milliseconds(Int64(n) * 50)) }
        let due = machine.takeDue(now: Self.start + .seconds(5))
        #expect(due.count == 5 && Set(due.flatMap(\.infoHashes)).count == 100)
        // Later they are spread, and no torrent is left out.
        var count = 0
        for second in 8..<320 {
            count += machine.takeDue(now: Self.start + .seconds(second)).reduce(0) { $0 + $1.infoHashes.count }
        }
        #expect(count >= 100)
    }

    @Test func onlyOurTorrentsAndNotOurOwnDatagramsCount() throws {
        var machine = LocalDiscovery(port: 6881, seed: 3)
        machine.add(Self.hash(1), now: Self.start)
        let own = try #require(machine.takeDue(now: Self.start).first)
        let host = PeerAddress.Host.v4(0xc0a8_0105)
        let echo = machine.received(Array(own.text(for: .v4).utf8), from: host, now: Self.start)
        #expect(echo == nil, "our own echo")
        var other = own
        other.cookie = "other"
        other.port = 7000
        other.infoHashes.append(Self.hash(2).infoHash)
        let answer = machine.received(Array(other.text(for: .v4).utf8), from: host, now: Self.start)
        let found = try #require(answer)
        #expect(found.active == [Self.hash(1)] && "\(found.address)" == "192.168.1.5:7000")
        other.cookie = nil
        let anonymous = machine.received(Array(other.text(for: .v4).utf8), from: host, now: Self.start)
        #expect(anonymous?.active.count == 1)
    }

    @Test func floodIsIgnored() throws {
        var machine = LocalDiscovery(port: 6881, seed: 4)
        machine.add(Self.hash(1), now: Self.start)
        let announcement = LocalAnnouncement(port: 7, infoHashes: [Self.hash(1).infoHash], cookie: nil)
        let bytes = Array(announcement.text(for: .v4).utf8)
        var accepted = 0
        for n in 0..<1000 {
            let now = Self.start + .milliseconds(Int64(n) * 2)
            accepted += machine.received(bytes, from: .v4(0xc0a8_0105), now: now)?.active.count ?? 0
        }
        #expect(accepted == 2 * LocalDiscovery.mostAccepted && machine.ignoredCount == 1000 - accepted)
    }

    // MARK: Torrents at rest

    /// 50 torrents: a datagram of them every quarter of a minute, and all of them again after four minutes.
    @Test func torrentsAtRestAreAnnouncedInTurn() {
        var machine = LocalDiscovery(port: 6881, seed: 5)
        machine.add(Self.hash(3), now: Self.start + .seconds(10_000))
        let all = (0..<50 as Range<UInt8>).map { Self.hash($0) }
        var next = 0
        var times: [Int] = []
        var rounds: [Int] = []
        var announced: [InfoHash] = []
        for second in 0..<1000 {
            let now = Self.start + .seconds(second)
            guard machine.takeDormantTurn(now: now) else { continue }
            if next == 0 { rounds.append(second) }
            let part = Array(all[next..<min(next + LocalAnnouncement.mostHashes, all.count)])
            next += part.count
            let isLast = next == all.count
            if isLast { next = 0 }
            guard let announcement = machine.announceDormant(part, isLast: isLast, now: now) else { continue }
            times.append(second)
            for family in AddressFamily.allCases {
                #expect(announcement.text(for: family).utf8.count <= LocalAnnouncement.maximumBytes)
            }
            if rounds.count == 1 { announced += announcement.infoHashes }
        }
        #expect(announced == all.map(\.infoHash).filter { $0 != Self.hash(3).infoHash }, "not the active one")
        for (earlier, later) in zip(times, times.dropFirst()) { #expect(later - earlier >= 15, "\(times)") }
        for (earlier, later) in zip(rounds, rounds.dropFirst()) { #expect(later - earlier == 240, "\(rounds)") }
    }

    /// Names of torrents that aren't active are asked about once in half an hour, and few in a second.
    @Test func floodOfNamesIsIgnored() {
        var machine = LocalDiscovery(port: 6881, seed: 6)
        var random = SeededGenerator(seed: 6)
        func datagram(_ hashes: [InfoHash]) -> [UInt8] {
            Array(LocalAnnouncement(port: 7000, infoHashes: hashes, cookie: nil).text(for: .v4).utf8)
        }
        func received(_ hashes: [InfoHash], _ seconds: Double) -> [InfoHash] {
            let now = Self.start + .seconds(seconds)
            return machine.received(datagram(hashes), from: .v4(0xc0a8_0105), now: now)?.others ?? []
        }
        let one = Self.hash(9).infoHash
        #expect(received([one], 0) == [one] && received([one], 1).isEmpty && received([one], 1799).isEmpty)
        #expect(received([one], 1801) == [one])
        var perSecond: [Int: Int] = [:]
        var asked = 0
        for n in 0..<20_000 {
            let seconds = 2000 + Double(n) * 0.05
            let hashes = (0..<LocalAnnouncement.mostHashes).map { _ in
                InfoHash((0..<20).map { _ in UInt8.random(in: .min ... .max, using: &random) })!
            }
            let count = received(hashes, seconds).count
            perSecond[Int(seconds + 5), default: 0] += count
            asked += count
        }
        #expect(perSecond.values.allSatisfy { $0 <= LocalDiscovery.mostUnknown })
        // Memory has a limit, and with it what is asked in half an hour.
        #expect(asked <= LocalDiscovery.mostRemembered)
    }
}
