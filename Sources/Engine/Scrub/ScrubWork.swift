import Disk
import NIOCore
import Store
import Torrent
import Verification

/// What a session needs to scrub: the machine, the readers and the turns under way.
struct ScrubWork {
    var machine: ScrubMachine
    var readers: [ScrubMachine.ReaderID: ScrubReader] = [:]
    var turns: [ScrubMachine.ReaderID: ScrubTurn] = [:]
    /// The numbers of the file systems that each reader has read from.
    var devices: [ScrubMachine.ReaderID: Set<UInt64>] = [:]
    var timer: Scheduled<Void>?
    /// What the last heartbeat said.
    var lastReports: [ScrubReport] = []
    /// Volumes that were asked where they are, and haven't answered.
    var silent: Set<VolumeID> = []
    /// Ends the search for unreadable blocks.
    let token = CancelToken()
    /// Effects whose tasks are under way.
    var running = 0
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(start: Instant) { machine = ScrubMachine(start: start) }

    /// An effect was performed.
    mutating func ended() {
        running -= 1
        if running == 0 { giveUp() }
    }

    /// Whoever waits for the tasks waits no longer: a disk that is gone may never answer.
    mutating func giveUp() {
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    mutating func wait(_ waiter: CheckedContinuation<Void, Never>) {
        if running == 0 { waiter.resume() } else { waiters.append(waiter) }
    }
}
