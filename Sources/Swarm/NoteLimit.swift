/// How many notes of one kind are told, where peers can cause as many as they like (law 7): each becomes a row and a
/// line of the log.
struct NoteLimit {
    /// Notes that may come at once, and the time for which one more is earned.
    static let burst = 50.0
    static let interval = Duration.seconds(10)

    private var left = burst
    private var filledAt: Instant?
    private var untold = 0

    /// How many weren't told since the last that was; `nil` when this one isn't told either.
    mutating func allows(at now: Instant) -> Int? {
        if let filledAt, now > filledAt {
            left = min(Self.burst, left + (now - filledAt).inSeconds / Self.interval.inSeconds)
        }
        filledAt = max(now, filledAt ?? now)
        guard left >= 1 else {
            untold += 1
            return nil
        }
        left -= 1
        defer { untold = 0 }
        return untold
    }
}
