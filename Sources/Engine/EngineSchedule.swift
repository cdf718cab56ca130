import NIOCore
import Swarm
import Torrent

/// When an active torrent has something to do: the timer of its brain, and the work that recurs.
struct EngineSchedule {
    private static let announceCheck = Duration.seconds(1)
    private static let save = Duration.seconds(10)

    private var timer: Scheduled<Void>?
    private var wakesAt: Instant?
    private var nextAnnounceCheck = Instant.origin
    private var nextSave = Instant.origin

    /// Whether the timer fires at `time` or before.
    func wakes(by time: Instant) -> Bool {
        guard timer != nil, let wakesAt else { return false }
        return wakesAt <= time
    }

    /// Replaces the timer by one that fires at `time`.
    mutating func wakes(at time: Instant, by timer: Scheduled<Void>) {
        self.timer?.cancel()
        self.timer = timer
        wakesAt = time
    }

    /// The timer fired.
    mutating func woke() {
        timer = nil
        wakesAt = nil
    }

    /// The torrent is at rest.
    func cancel() { timer?.cancel() }

    /// Whether the trackers and the seed goal must be looked at. They are, with this call.
    mutating func takeAnnounceCheck(now: Instant) -> Bool { Self.take(&nextAnnounceCheck, Self.announceCheck, now) }

    /// Whether peers, counters and trackers must be saved. They are, with this call.
    mutating func takeSave(now: Instant) -> Bool { Self.take(&nextSave, Self.save, now) }

    private static func take(_ next: inout Instant, _ interval: Duration, _ now: Instant) -> Bool {
        guard now >= next else { return false }
        next = now + interval
        return true
    }
}
