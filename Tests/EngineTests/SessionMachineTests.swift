import Engine
import Store
import Swarm
import SystemPackage
import Testing
import Torrent

/// The rules of a session, one at a time. ``SessionMachineLab`` has all of them at once.
@Suite struct SessionMachineTests {
    private static let idle = TorrentReport(activity: SlotQueue.Activity(work: .idle))
    private static let downloading = TorrentReport(
        activity: SlotQueue.Activity(work: .downloading), isBusy: true, hasWorkLeft: true)

    private let a = TorrentID(1)
    private let b = TorrentID(2)

    private func machine(_ change: (inout SessionMachine.Settings) -> Void = { _ in }) -> SessionMachine {
        var settings = SessionMachine.Settings()
        change(&settings)
        return SessionMachine(settings, uptime: .now)
    }

    private func at(_ seconds: Int) -> Instant { Instant.origin + .seconds(seconds) }

    private func start(_ id: TorrentID, _ machine: inout SessionMachine, _ report: TorrentReport, at seconds: Int = 0) {
        #expect(machine.want(id, now: at(seconds)) == true)
        #expect(machine.takeEffects() == [.activate(id)])
        #expect(machine.loaded(id, isUnverified: false, now: at(seconds)) == .starts)
        #expect(machine.started(id, report, now: at(seconds)) == false)
    }

    @Test func theRetryOfADiskComesLaterEachTime() {
        var machine = machine()
        var now = Instant.origin
        for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
            _ = machine.want(a, now: now)
            #expect(machine.takeEffects() == [.activate(a)])
            machine.failed(a, .disk, now: now)
            #expect(machine.state(of: a) == .troubled(retryAt: now + .seconds(pause)) && machine.isRetried(a))
            machine.tick([:], now: now + .seconds(pause - 1))
            #expect(!machine.takeEffects().contains(.readForRetry(a)))
            now = now + .seconds(pause)
            machine.tick([:], now: now)
            #expect(machine.takeEffects().contains(.readForRetry(a)))
        }
        machine.retry(a, .removed, now: now)
        #expect(machine.known == [])
    }

    @Test func anErrorOtherThanTheDisksWaitsForTheUser() {
        var machine = machine()
        _ = machine.want(a, now: at(0))
        machine.failed(a, .other, now: at(0))
        machine.tick([:], now: at(100_000))
        #expect(!machine.takeEffects().contains(.readForRetry(a)))
        #expect(machine.leftAlone == [a] && machine.isTroubled(a))
        machine.changed(a, isPaused: false)
        #expect(machine.leftAlone == [] && machine.state(of: a) == .dormant)
    }

    @Test(arguments: [(false, 60), (true, 10)]) func aTorrentWithNothingToDoIsDeactivated(othersWait: Bool, pause: Int)
    {
        var machine = machine { $0.limits.downloads = 0 }
        start(a, &machine, Self.idle)
        if othersWait { machine.enqueue(b, now: at(0)) }
        for second in [0, pause] {
            machine.tick([a: Self.idle], now: at(second))
            #expect(!machine.takeEffects().contains(.deactivate(a, .idle)))
        }
        machine.tick([a: Self.idle], now: at(pause + 1))
        #expect(machine.takeEffects().contains(.deactivate(a, .idle)))
        #expect(machine.deactivated(a, Self.idle, isWhole: true, now: at(pause + 1)) == 0)
        #expect(machine.state(of: a) == .dormant)
    }

    /// The user pauses a torrent while it is loaded, or while it yields its slot.
    @Test func anAnswerThatComesTooLateDoesNoHarm() {
        var machine = machine()
        _ = machine.want(a, now: at(0))
        machine.changed(a, isPaused: true)
        #expect(machine.loaded(a, isUnverified: false, now: at(1)) == .isUnneeded)
        machine.failed(a, .isUnneeded, now: at(1))
        machine.failed(a, .disk, now: at(2))
        #expect(machine.state(of: a) == .dormant && !machine.isRetried(a))
        #expect(machine.deactivated(a, Self.idle, isWhole: true, now: at(2)) == nil)
        _ = machine.takeEffects()

        start(b, &machine, Self.downloading)
        machine.deactivate(b, .reloads)
        #expect(machine.takeEffects() == [.deactivate(b, .reloads)])
        // One effect, and one answer: the session finds the new reason.
        machine.changed(b, isPaused: true)
        #expect(machine.takeEffects() == [] && machine.departure(of: b) == .paused)
        #expect(machine.want(b, now: at(1)) == false)
    }

    @Test func aTorrentThatIsWantedWhileItLeavesComesBack() {
        var machine = machine()
        start(a, &machine, Self.downloading)
        machine.deactivate(a, .reloads)
        #expect(machine.want(a, now: at(1)) == true)
        _ = machine.takeEffects()
        _ = machine.deactivated(a, Self.downloading, isWhole: false, now: at(2))
        #expect(machine.takeEffects() == [.activate(a)])
    }

    @Test func aStopDeactivatesEverythingAndStartsNothing() {
        var machine = machine()
        start(a, &machine, Self.downloading)
        _ = machine.want(b, now: at(0))
        _ = machine.takeEffects()
        let isFirst = machine.stop()
        let isSecond = machine.stop()
        #expect(isFirst && !isSecond)
        #expect(machine.takeEffects() == [.deactivate(a, .stopped)])
        #expect(machine.loaded(b, isUnverified: false, now: at(1)) == .isUnneeded)
        machine.failed(b, .isUnneeded, now: at(1))
        machine.enqueue(b, now: at(1))
        machine.tick([a: Self.downloading], now: at(2))
        #expect(machine.want(b, now: at(2)) == false)
        #expect(machine.dueFound([b]) == [])
        #expect(machine.takeEffects() == [])
    }

    @Test func itGivesUpWhenFaultsHaveBlockedAllForSoLong() {
        var machine = machine {
            $0.endsWhenComplete = true
            $0.giveUpAfter = .seconds(30)
        }
        var stuck = Self.downloading
        stuck.fault = "the disk is away"
        start(a, &machine, stuck)
        start(b, &machine, Self.downloading)
        // One that only waits for peers is waited for.
        machine.tick([a: stuck, b: Self.downloading], now: at(100))
        machine.tick([a: stuck, b: stuck], now: at(101))
        machine.tick([a: stuck, b: stuck], now: at(130))
        #expect(!machine.takeEffects().contains { if case .giveUp = $0 { true } else { false } })
        machine.tick([a: stuck, b: stuck], now: at(131))
        #expect(machine.takeEffects().contains(.giveUp([a: "the disk is away", b: "the disk is away"])))
    }

    @Test func itEndsWhenNothingIsLeft() {
        var machine = machine { $0.endsWhenComplete = true }
        machine.begin()
        start(a, &machine, Self.downloading)
        machine.endIfDone { [a: Self.downloading] }
        #expect(machine.takeEffects() == [])
        // One that waits for the file of another has work as long as that one has.
        var waiting = Self.downloading
        waiting.holder = a
        machine.endIfDone { [a: Self.idle, b: waiting] }
        #expect(machine.takeEffects() == [.readIncomplete])
        machine.restIs([b], [a: Self.idle])
        #expect(machine.takeEffects() == [])
        // Another one began to be activated while the rest was read.
        #expect(machine.want(b, isAhead: false, now: at(0)) == true)
        machine.restIs([a, b], [a: Self.idle])
        #expect(machine.takeEffects() == [.activate(b)])
        machine.failed(b, .isUnneeded, now: at(0))
        machine.restIs([a], [a: Self.idle])
        #expect(machine.takeEffects() == [.end])
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let status: FolderStatus
        var volume: String? = "ours"
        var isOffline = false
        var mayGoOffline = true
        let verdict: SessionMachine.Verdict

        var testDescription: String { name }
    }

    @Test(arguments: [
        Case(name: "in its place", status: .there(volume: "ours"), verdict: .announce(isBack: false)),
        Case(name: "back", status: .there(volume: "ours"), isOffline: true, verdict: .announce(isBack: true)),
        Case(name: "away", status: .away("gone"), verdict: .goOffline(reason: "gone")),
        Case(name: "away, never seen", status: .away("gone"), mayGoOffline: false, verdict: .activate),
        Case(name: "another volume", status: .there(volume: "other"), verdict: .activate),
        Case(name: "no volume known", status: .there(volume: "other"), volume: nil, verdict: .announce(isBack: false)),
        Case(name: "volumes aren't reported", status: .there(volume: nil), verdict: .activate),
    ]) func theFolderDecidesWhatBecomesOfADormantTorrent(example: Case) {
        var machine = machine()
        func verdict() -> SessionMachine.Verdict? {
            machine.verdict(
                on: a, volume: example.volume, isOffline: example.isOffline, mayGoOffline: example.mayGoOffline,
                example.status, now: at(10))
        }
        #expect(verdict() == example.verdict)
        _ = machine.want(a, now: at(10))
        #expect(verdict() == nil)
    }

    @Test func aFolderIsCheckedOnceForAllOfItsTorrents() {
        let began = SuspendingClock.now
        var folders = FolderPresence(began: began)
        let (here, gone) = (FileName("/here"), FileName("/gone"))
        folders.found(.there(volume: "ours"), of: here, now: at(0), uptime: began + .seconds(7))
        folders.found(.away("no such folder"), of: gone, now: at(0), uptime: began + .seconds(7))
        #expect(folders.status(of: here, now: at(29)) == .there(volume: "ours"))
        #expect(folders.status(of: here, now: at(30)) == nil)
        #expect(folders.away(now: at(4)) == [gone: "no such folder"] && folders.away(now: at(5)) == [:])
        #expect(folders.unseenTime(here, uptime: began + .seconds(10)) == .seconds(4))
        #expect(folders.unseenTime(gone, uptime: began + .seconds(10)) == .seconds(11))
    }

    @Test func sharesStayBelowTheLimitsOfAll() {
        var settings = EngineSettings(database: "none")
        (settings.maximumPeers, settings.maximumPeersPerTorrent) = (100, 80)
        settings.downloadLimit = 1000
        let demands = (0..<50).map { RateAllocator.Demand(download: $0 * 10, upload: 0) }
        let shares = RateAllocator(settings).shares(for: demands)
        #expect(shares.count == 50 && shares.allSatisfy { $0.peers == 4 && $0.upload == nil })
        #expect(shares.reduce(0) { $0 + ($1.download ?? 0) } <= 1000)
        #expect(RateAllocator(settings).shares(for: [demands[0]]).first?.peers == 80)
    }

    /// A torrent that still leaves when it has a slot again waits at the front of its line.
    @Test func aTorrentThatLeavesWaitsInFront() {
        var machine = machine { $0.limits.downloads = 1 }
        start(a, &machine, Self.idle)
        machine.deactivate(a, .idle)
        machine.enqueue(a, now: at(1))
        #expect(machine.isWaiting(a))
        _ = machine.takeEffects()
        _ = machine.deactivated(a, Self.idle, isWhole: false, now: at(2))
        #expect(machine.takeEffects() == [.activate(a)])
    }
}
