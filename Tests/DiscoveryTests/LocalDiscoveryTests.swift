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
        #expect(machine.received(Array(own.text(for: .v4).utf8), from: host, now: Self.start).isEmpty, "our own echo")
        var other = own
        other.cookie = "other"
        other.port = 7000
        other.infoHashes.append(Self.hash(2).infoHash)
        let found = machine.received(Array(other.text(for: .v4).utf8), from: host, now: Self.start)
        #expect(found.map(\.0) == [Self.hash(1)] && found.map { "\($0.1)" } == ["192.168.1.5:7000"])
        other.cookie = nil
        #expect(machine.received(Array(other.text(for: .v4).utf8), from: host, now: Self.start).count == 1)
    }

    @Test func floodIsIgnored() throws {
        var machine = LocalDiscovery(port: 6881, seed: 4)
        machine.add(Self.hash(1), now: Self.start)
        let announcement = LocalAnnouncement(port: 7, infoHashes: [Self.hash(1).infoHash], cookie: nil)
        let bytes = Array(announcement.text(for: .v4).utf8)
        var accepted = 0
        for n in 0..<1000 {
            let now = Self.start + .milliseconds(Int64(n) * 2)
            accepted += machine.received(bytes, from: .v4(0xc0a8_0105), now: now).count
        }
        #expect(accepted == 2 * LocalDiscovery.mostAccepted && machine.ignoredCount == 1000 - accepted)
    }
}
