/// Whether the completion of the wanted pieces was reported.
///
/// The files are inspected before, because another program may have changed one of them during the download.
struct Completion {
    private(set) var isReported: Bool
    private(set) var isInspecting = false

    init(isReported: Bool) { self.isReported = isReported }

    /// The wanted pieces are present and recorded. Returns whether an inspection begins.
    mutating func isDue() -> Bool {
        guard !isReported, !isInspecting else { return false }
        isInspecting = true
        return true
    }

    /// Returns whether an inspection was under way.
    mutating func inspectionEnded() -> Bool {
        defer { isInspecting = false }
        return isInspecting
    }

    mutating func reported() { isReported = true }

    /// Pieces are missing or unverified, so that the next completion is another one.
    mutating func isUndone() { isReported = false }

    /// Pieces were lost, and the completion of what is left needs no report.
    mutating func lostPieces(isComplete: Bool) { isReported = isComplete }
}
