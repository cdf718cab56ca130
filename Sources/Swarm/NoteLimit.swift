package import Torrent

/// Limits the notes of one kind where peers can cause any number of them (law 7), because each becomes a database row
/// and a line of the log.
package struct NoteLimit {
    /// The most notes in one burst, and the time that earns one more.
    package static let burst = 50.0
    static let interval = Duration.seconds(10)

    private var left = burst
    private var filledAt: Instant?
    private var unreported = 0

    package init() {}

    /// Returns how many notes were suppressed since the last one that was allowed, or `nil` if this one is suppressed
    /// too.
    package mutating func allows(at now: Instant) -> Int? {
        if let filledAt, now > filledAt {
            left = min(Self.burst, left + (now - filledAt).inSeconds / Self.interval.inSeconds)
        }
        filledAt = max(now, filledAt ?? now)
        guard left >= 1 else {
            unreported += 1
            return nil
        }
        left -= 1
        defer { unreported = 0 }
        return unreported
    }
}
