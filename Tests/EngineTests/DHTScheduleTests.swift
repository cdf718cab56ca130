import DHT
import Engine
import Testing
import Torrent

/// When an active torrent is searched for and announced.
@Suite struct DHTScheduleTests {
    private let hash = PublicInfoHash(InfoHash(Array(repeating: 1, count: 20))!, isPrivate: false)!

    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    private func result(reached: Bool = true, accepted: Int = 0) -> DHTSearchResult {
        var result = DHTSearchResult(hash: hash, outcome: .finished, family: .v4)
        if reached {
            result.nearest = [NodeContact(id: .zero, address: PeerAddress(.v4(0x7f00_0001), port: 6881))]
        }
        result.acceptedCount = accepted
        return result
    }

    @Test func hungryTorrentIsSearchedForMoreAndMoreSeldom() {
        var schedule = DHTSchedule(due: nil, now: at(0))
        var searches: [Int64] = []
        for second in 0..<2500 as Range<Int64> {
            let turn = schedule.next(isHungry: true, mayAnnounce: false, isSeed: false, families: 1, now: at(second))
            guard let turn else { continue }
            #expect(turn == DHTSchedule.Turn(announces: false, effort: .thorough))
            searches.append(second)
            schedule.ended(result(), now: at(second))
        }
        #expect(searches == [0, 30, 90, 210, 450, 930, 1530, 2130])
    }

    @Test func searchThatReachesNoNodeIsRepeatedSoon() {
        var schedule = DHTSchedule(due: nil, now: at(0))
        var searches: [Int64] = []
        for second in 0..<100 as Range<Int64> {
            let turn = schedule.next(isHungry: true, mayAnnounce: true, isSeed: false, families: 1, now: at(second))
            guard turn != nil else { continue }
            searches.append(second)
            schedule.ended(result(reached: false), now: at(second))
        }
        #expect(searches == [0, 5, 15, 35, 75])
    }

    @Test func seedIsAnnouncedAtItsInterval() {
        var schedule = DHTSchedule(due: at(100), now: at(0))
        var announces: [Int64] = []
        for second in 0..<4000 as Range<Int64> {
            let turn = schedule.next(isHungry: false, mayAnnounce: true, isSeed: true, families: 2, now: at(second))
            guard let turn else { continue }
            #expect(turn == DHTSchedule.Turn(announces: true, effort: .brief))
            announces.append(second)
            #expect(schedule.ended(result(), now: at(second)) == (false, false))
            #expect(schedule.isUnderWay)
            #expect(schedule.ended(result(accepted: 8), now: at(second)) == (true, true))
        }
        #expect(announces == [100, 1600, 3100])
    }

    @Test func completedTorrentIsAnnouncedAsSeedAtOnce() {
        var schedule = DHTSchedule(due: nil, now: at(0))
        #expect(schedule.next(isHungry: true, mayAnnounce: true, isSeed: false, families: 1, now: at(0)) != nil)
        schedule.ended(result(accepted: 3), now: at(1))
        #expect(schedule.next(isHungry: false, mayAnnounce: true, isSeed: false, families: 1, now: at(2)) == nil)
        let turn = schedule.next(isHungry: false, mayAnnounce: true, isSeed: true, families: 1, now: at(3))
        #expect(turn == DHTSchedule.Turn(announces: true, effort: .brief))
    }

    /// What isn't checked yet, or can't be reached, isn't announced.
    @Test func nothingIsAnnouncedUnlessItMayBe() {
        var schedule = DHTSchedule(due: nil, now: at(0))
        #expect(schedule.next(isHungry: false, mayAnnounce: false, isSeed: true, families: 1, now: at(9)) == nil)
        #expect(schedule.next(isHungry: true, mayAnnounce: true, isSeed: true, families: 0, now: at(9)) == nil)
        let turn = schedule.next(isHungry: true, mayAnnounce: false, isSeed: false, families: 1, now: at(9))
        #expect(turn?.announces == false)
    }
}
