import Store
import Testing
import Torrent
import Verification

/// Which torrents are read when, on which devices: scripts of events, and seeds in virtual time.
@Suite struct ScrubMachineTests {
    private static let month = Duration.seconds(30 * 86400)

    private static func load(_ volume: Int64?, _ bytes: Int64, _ period: Duration? = month) -> ScrubLoad {
        ScrubLoad(volume: volume.map { VolumeID(rawValue: $0) }, period: period, bytes: bytes, torrents: 1)
    }

    private static func survey(_ volume: Int64, _ devices: Set<String>, bytes: Int64 = 1 << 30) -> ScrubMachine.Survey {
        ScrubMachine.Survey(
            volume: VolumeID(rawValue: volume), devices: devices, loads: [load(volume, bytes)])
    }

    private static func started(_ surveys: [ScrubMachine.Survey], control: ScrubControl = ScrubControl())
        -> ScrubMachine
    {
        var machine = ScrubMachine(start: .origin)
        machine.control(control, now: .origin)
        #expect(machine.takeEffects() == [.survey])
        machine.surveyed(surveys, now: .origin)
        return machine
    }

    private static func found(_ effects: [ScrubMachine.Effect]) -> [ScrubMachine.ReaderID: Set<VolumeID?>] {
        effects.reduce(into: [:]) { result, effect in
            if case .find(let id, let volumes, _, _, _) = effect { result[id] = volumes }
        }
    }

    @Test func volumesThatShareADiskGetOneReader() {
        var machine = Self.started([
            Self.survey(1, ["sda"]), Self.survey(2, ["sdb"]), Self.survey(3, ["sda", "sdc"]), Self.survey(4, ["sdd"]),
        ])
        let found = Self.found(machine.takeEffects())
        #expect(found.count == 3)
        #expect(found[.init("sda+sdc")]?.count == 2)
        #expect(found[.init("sdb")]?.count == 1)
    }

    @Test func torrentsTakeTurnsInTheirOrder() throws {
        var machine = Self.started([Self.survey(1, ["sda"])])
        let id = ScrubMachine.ReaderID("sda")
        _ = machine.takeEffects()
        machine.found([TorrentID(3), TorrentID(1)], on: id, now: .origin)
        #expect(machine.takeEffects() == [.begin(id, TorrentID(3))])
        machine.began(TorrentID(3), on: id, bytes: 1 << 20, now: .origin)
        guard case .read(id, let bytes, _)? = machine.takeEffects().first else {
            Issue.record("nothing is read")
            return
        }
        #expect(bytes == 1 << 20)
        machine.read(bytes, on: id, isLast: true, now: .origin)
        #expect(machine.takeEffects() == [.end(id)])
        machine.ended(on: id, now: .origin)
        #expect(machine.takeEffects() == [.begin(id, TorrentID(1))])
        machine.refused(TorrentID(1), on: id, .unreadable, now: .origin)
        #expect(machine.takeEffects() == [])
        machine.wake(now: .origin)
        guard case .find(id, _, _, _, let except)? = machine.takeEffects().first else {
            Issue.record("nothing is searched for")
            return
        }
        #expect(except == [TorrentID(1)])
    }

    /// Small torrents are read in less time than it takes to find the next one.
    @Test func readerBetweenTwoTurnsIsStillReading() throws {
        var machine = Self.started([Self.survey(1, ["sda"])])
        let id = ScrubMachine.ReaderID("sda")
        func activity(after time: Duration) -> ScrubActivity? { machine.reports(now: .origin + time).first?.activity }
        #expect(activity(after: .zero) == .idle)
        machine.found([TorrentID(1)], on: id, now: .origin)
        #expect(activity(after: .zero) == .reading)
        machine.began(TorrentID(1), on: id, bytes: 1 << 20, now: .origin)
        machine.read(1 << 20, on: id, isLast: true, now: .origin)
        machine.ended(on: id, now: .origin + .milliseconds(5))
        #expect(activity(after: .milliseconds(5)) == .reading)
        machine.wake(now: .origin + .milliseconds(6))
        #expect(activity(after: .milliseconds(7)) == .reading, "while it searches")
        machine.found([], on: id, now: .origin + .milliseconds(8))
        #expect(activity(after: .milliseconds(8)) == .idle)
    }

    @Test func pauseEndsTheTurnAndResumeContinues() {
        var machine = Self.started([Self.survey(1, ["sda"])])
        let id = ScrubMachine.ReaderID("sda")
        _ = machine.takeEffects()
        machine.found([TorrentID(1)], on: id, now: .origin)
        machine.began(TorrentID(1), on: id, bytes: 1 << 30, now: .origin)
        _ = machine.takeEffects()
        machine.control(ScrubControl(isPaused: true), now: .origin)
        // A read is under way.
        #expect(machine.takeEffects() == [])
        machine.read(1 << 20, on: id, isLast: false, now: .origin)
        #expect(machine.takeEffects() == [.end(id)])
        machine.ended(on: id, now: .origin)
        machine.wake(now: .origin + .seconds(3600))
        #expect(!machine.takeEffects().contains { if case .find = $0 { true } else { false } })
        machine.control(ScrubControl(), now: .origin + .seconds(3601))
        #expect(machine.takeEffects().contains { if case .find = $0 { true } else { false } })
    }

    @Test func readingEverythingNowEndsWhenAllOfItIsRead() {
        let since = Timestamp(1_700_000_000)
        var machine = Self.started([Self.survey(1, ["sda"])], control: ScrubControl(since: since))
        let id = ScrubMachine.ReaderID("sda")
        _ = machine.takeEffects()
        machine.found([TorrentID(1)], on: id, now: .origin)
        machine.began(TorrentID(1), on: id, bytes: 32 << 20, now: .origin)
        // Without a rate three reads are under way, so that the device never waits for a hash.
        let reads = machine.takeEffects().dropFirst()
        #expect(reads.count == 3)
        for _ in reads { machine.read(8 << 20, on: id, isLast: true, now: .origin) }
        machine.ended(on: id, now: .origin)
        _ = machine.takeEffects()
        machine.wake(now: .origin)
        #expect(Self.found(machine.takeEffects()).count == 1)
        machine.found([], on: id, now: .origin)
        #expect(machine.takeEffects() == [.caughtUp])
    }

    /// What is to be read at once on a volume that is away is read when it is back, and not forgotten before.
    @Test func readingEverythingNowWaitsForAVolumeThatIsAway() {
        let since = Timestamp(1_700_000_000)
        var machine = Self.started(
            [Self.survey(1, ["sda"]), Self.survey(2, ["sdb"])], control: ScrubControl(since: since))
        let (here, gone) = (ScrubMachine.ReaderID("sda"), ScrubMachine.ReaderID("sdb"))
        _ = machine.takeEffects()
        machine.found([], on: here, now: .origin)
        machine.found([TorrentID(2)], on: gone, now: .origin)
        machine.refused(TorrentID(2), on: gone, .volumeAway, now: .origin)
        for minute in 1..<5 { machine.wake(now: .origin + .seconds(minute * 60)) }
        machine.found([], on: here, now: .origin + .seconds(241))
        #expect(!machine.takeEffects().contains(.caughtUp))
        // Meanwhile the other volume is read at its usual pace again.
        let limits = machine.reports(now: .origin + .seconds(241)).map(\.rateLimit)
        #expect(limits.first??.magnitude ?? 0 > 0 && limits.last! == nil, "\(limits)")
        machine.volumeIsBack(VolumeID(rawValue: 2), now: .origin + .seconds(245))
        machine.surveyed(
            [Self.survey(1, ["sda"]), Self.survey(2, ["sdb"])], now: .origin + .seconds(245))
        machine.wake(now: .origin + .seconds(310))
        #expect(Self.found(machine.takeEffects()).keys.contains(gone))
        machine.found([], on: gone, now: .origin + .seconds(310))
        machine.found([], on: here, now: .origin + .seconds(310))
        #expect(machine.takeEffects().contains(.caughtUp))
    }

    @Test func volumeThatIsAwayIsLeftAloneForAWhile() {
        var machine = Self.started([Self.survey(1, ["sda"])])
        let id = ScrubMachine.ReaderID("sda")
        _ = machine.takeEffects()
        machine.found([TorrentID(1), TorrentID(2)], on: id, now: .origin)
        _ = machine.takeEffects()
        machine.refused(TorrentID(1), on: id, .volumeAway, now: .origin)
        #expect(machine.takeEffects() == [])
        machine.wake(now: .origin + .seconds(61))
        #expect(Self.found(machine.takeEffects()).isEmpty)
        machine.wake(now: .origin + .seconds(400))
        #expect(Self.found(machine.takeEffects()).count == 1)
    }

    @Test func stopEndsTurnsAfterTheirReads() {
        var machine = Self.started([Self.survey(1, ["sda"])])
        let id = ScrubMachine.ReaderID("sda")
        machine.found([TorrentID(1)], on: id, now: .origin)
        machine.began(TorrentID(1), on: id, bytes: 1 << 30, now: .origin)
        _ = machine.takeEffects()
        machine.stop(now: .origin)
        #expect(machine.nextWake == nil)
        machine.read(1 << 20, on: id, isLast: false, now: .origin)
        #expect(machine.takeEffects() == [.end(id)])
        machine.ended(on: id, now: .origin)
        #expect(machine.takeEffects() == [])
    }

    // MARK: Seeds

    /// A model of an archive: every torrent is read within its period, whatever pauses, refusals and devices do.
    @Test(arguments: 1...12 as ClosedRange<UInt64>) func everythingIsReadWithinItsPeriod(seed: UInt64) throws {
        var lab = ScrubLab(seed: seed)
        try lab.run(days: 70)
        #expect(lab.faults == [], "seed \(seed)")
        for torrent in lab.torrents where !torrent.isAway {
            let age = lab.now.rawValue - torrent.verifiedAt
            #expect(
                Double(age) <= Double(torrent.period), "seed \(seed): \(torrent.id) is \(age / 86400) days old")
        }
    }
}

/// Volumes, torrents and a machine in virtual time.
private struct ScrubLab {
    struct Item {
        let id: TorrentID
        let volume: VolumeID
        let bytes: Int64
        let period: Int64
        var isAway = false
        var verifiedAt: Int64
    }

    private static let start = Int64(1_700_000_000)

    private var random: SeededGenerator
    private var machine = ScrubMachine(start: .origin)
    private(set) var torrents: [Item] = []
    private var devices: [VolumeID: Set<String>] = [:]
    private(set) var faults: [String] = []
    private var clock = 0.0
    /// The turn of each reader: the torrent, and its bytes left.
    private var turns: [ScrubMachine.ReaderID: (torrent: TorrentID, left: Int64)] = [:]
    private var events: [(at: Double, run: (inout ScrubLab) -> Void)] = []

    var now: Timestamp { Timestamp(Self.start + Int64(clock)) }
    private var instant: Instant { .origin + .seconds(clock) }

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let volumes = Int.random(in: 1...4, using: &random)
        for n in 1...volumes {
            let names = ["sda", "sdb", "sdc"].shuffled(using: &random)
            devices[VolumeID(rawValue: Int64(n))] = Set(names.prefix(Int.random(in: 1...2, using: &random)))
        }
        // All of it was verified on one day, as after an import: the worst that a policy has to deal with.
        for n in 1...Int64.random(in: 1...40, using: &random) {
            torrents.append(
                Item(
                    id: TorrentID(n), volume: VolumeID(rawValue: Int64.random(in: 1...Int64(volumes), using: &random)),
                    bytes: Int64.random(in: 1 << 20...200 << 30, using: &random),
                    period: [20, 30, 30, 30, 60].randomElement(using: &random)! * 86400,
                    isAway: Int.random(in: 0..<10, using: &random) == 0,
                    verifiedAt: Self.start - Int64.random(in: 0...86400, using: &random)))
        }
    }

    mutating func run(days: Double) throws {
        machine.control(ScrubControl(), now: instant)
        perform()
        while clock < days * 86400 {
            // Rounded up, or the same moment would come again.
            let wake = machine.nextWake.map { Double($0.nanoseconds + 1000) / 1e9 } ?? .infinity
            let next = events.indices.min { events[$0].at < events[$1].at }
            if let next, events[next].at <= wake {
                let event = events.remove(at: next)
                clock = max(clock, event.at)
                event.run(&self)
            } else {
                guard wake.isFinite else { break }
                clock = max(clock, wake)
                let moment = instant
                machine.wake(now: moment)
            }
            perform()
        }
    }

    private mutating func later(_ seconds: Double, _ body: @escaping (inout ScrubLab) -> Void) {
        events.append((clock + seconds, body))
    }

    private mutating func perform() {
        for effect in machine.takeEffects() {
            switch effect {
            case .survey:
                let surveys = devices.map { volume, names in
                    let here = torrents.filter { $0.volume == volume }
                    let byPeriod = Dictionary(grouping: here, by: \.period)
                    return ScrubMachine.Survey(
                        volume: volume, devices: names,
                        loads: byPeriod.map { period, items in
                            ScrubLoad(
                                volume: volume, period: .seconds(period), bytes: items.reduce(0) { $0 + $1.bytes },
                                torrents: items.count)
                        })
                }
                later(0.01) { lab in
                    let moment = lab.instant
                    lab.machine.surveyed(surveys, now: moment)
                }
            case .find(let id, let volumes, let backlog, let youngest, let except):
                later(0.01) { $0.answer(id, volumes, backlog, youngest, except) }
            case .begin(let id, let torrent): begin(torrent, on: id)
            case .read(let id, let bytes, _): read(id, bytes)
            case .end(let id):
                if let turn = turns.removeValue(forKey: id), turn.left <= 0,
                    let n = torrents.firstIndex(where: { $0.id == turn.torrent })
                {
                    torrents[n].verifiedAt = now.rawValue
                }
                later(0.01) { lab in
                    let moment = lab.instant
                    lab.machine.ended(on: id, now: moment)
                }
            case .caughtUp: faults.append("nothing was to be read at once")
            }
        }
    }

    private mutating func answer(
        _ id: ScrubMachine.ReaderID, _ volumes: Set<VolumeID?>, _ backlog: Duration, _ youngest: Duration,
        _ except: Set<TorrentID>
    ) {
        var due: [Item] = []
        for item in torrents where volumes.contains(item.volume) && !except.contains(item.id) {
            let age = now.rawValue - item.verifiedAt
            guard age >= ScrubMachine.dueAge(.seconds(item.period), backlog: backlog).components.seconds else {
                continue
            }
            if age < youngest.components.seconds { faults.append("\(item.id) is due and too young") }
            due.append(item)
        }
        due.sort { $0.verifiedAt + $0.period < $1.verifiedAt + $1.period }
        let moment = instant
        machine.found(due.map(\.id), on: id, now: moment)
    }

    private mutating func begin(_ torrent: TorrentID, on id: ScrubMachine.ReaderID) {
        guard let item = torrents.first(where: { $0.id == torrent }) else { return }
        let names = devices[item.volume] ?? []
        for (other, turn) in turns where other != id {
            let volume = torrents.first { $0.id == turn.torrent }?.volume
            if let volume, !(devices[volume] ?? []).isDisjoint(with: names) {
                faults.append("two readers read from one disk")
            }
        }
        if turns[id] != nil { faults.append("\(id) reads two torrents") }
        let moment = instant
        if item.isAway {
            machine.refused(torrent, on: id, .unreadable, now: moment)
        } else {
            turns[id] = (torrent, item.bytes)
            machine.began(torrent, on: id, bytes: item.bytes, now: moment)
        }
        perform()
    }

    private mutating func read(_ id: ScrubMachine.ReaderID, _ asked: Int) {
        // To simulate months, a read is as long as a minute at the rate; the machine is told what was read.
        guard let turn = turns[id] else { return }
        let bytes = Int(min(turn.left, Int64(asked) * 2000))
        turns[id]?.left -= Int64(bytes)
        let moment = instant
        machine.corrects(bytes - asked, on: id, now: moment)
        let time = Double(bytes) / 150e6
        later(time) { lab in
            let isLast = (lab.turns[id]?.left ?? 0) <= 0
            let moment = lab.instant
            lab.machine.read(bytes, on: id, isLast: isLast, now: moment)
        }
    }
}
