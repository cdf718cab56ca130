import Torrent

/// The fault of the machine that halts the torrent, and when to probe whether it is gone.
struct FaultState {
    /// How long after a fault it is probed first, and how long a fault stays on trial.
    private static let probeInterval = Duration.seconds(5)
    /// The longest pause between two probes of a disk that keeps failing.
    private static let longestProbePause = Duration.seconds(300)

    private(set) var current: Fault?
    /// A fault that only a retry can clear. It is reported until a retry succeeds or the deadline passes.
    private var onTrial: (fault: Fault, until: Instant)?
    private(set) var nextProbe: Instant?
    /// The pause before the next probe of a disk fault. It doubles each time the fault persists.
    private var probePause = Self.probeInterval
    private var isProbing = false
    /// While set, nothing is requested: whether existing files may be written to is not known yet.
    private(set) var isHeld = false

    /// The fault to show to the user.
    var shown: Fault? { current ?? onTrial?.fault }
    var isNone: Bool { current == nil }
    var isOffline: Bool { current?.kind == .offline }

    /// The machine failed. Returns whether the fault must be reported, because it is another one than before.
    mutating func entered(_ new: Fault, now: Instant) -> Bool {
        let isBack = onTrial?.fault == new
        let isNew = current != new && !isBack
        if isNew {
            probePause = Self.probeInterval
        } else if isBack {
            probePause = min(probePause * 2, Self.longestProbePause)
        }
        current = new
        onTrial = nil
        if !isProbing { nextProbe = now + probePause }
        return isNew
    }

    /// Returns the kind of fault to probe, if a probe is due; it begins with this call.
    mutating func takeProbe(now: Instant) -> Fault.Kind? {
        guard let nextProbe, now >= nextProbe, let current else { return nil }
        self.nextProbe = nil
        isProbing = true
        return current.kind
    }

    /// The fault may be gone, so the next probe is due at once. Returns `false` if the fault is of another kind or is
    /// being probed.
    mutating func mayBeGone(_ kind: Fault.Kind, now: Instant) -> Bool {
        guard current?.kind == kind, !isProbing else { return false }
        probePause = Self.probeInterval
        nextProbe = now
        return true
    }

    /// The probe ended; ``entered(_:now:)`` or ``cleared(now:)`` follows.
    mutating func probeEnded() { isProbing = false }

    /// The probe found no fault. Returns the kind that must be reported as gone, or `nil` if the fault is on trial: a
    /// probe can't detect it, so that only a retry of the failed operation can clear it.
    mutating func cleared(now: Instant) -> Fault.Kind? {
        guard let old = current else { return nil }
        current = nil
        nextProbe = nil
        guard old.kind == .input else { return old.kind }
        onTrial = (old, now + Self.probeInterval)
        return nil
    }

    /// The retry succeeded. Returns the kind of the fault that is gone.
    mutating func passedTrial() -> Fault.Kind? {
        guard let old = onTrial?.fault else { return nil }
        onTrial = nil
        return old.kind
    }

    /// Ends the trial if nothing has failed until now. Returns the kind of the fault that is gone.
    mutating func passedTrialInTime(now: Instant) -> Fault.Kind? {
        guard let until = onTrial?.until, now >= until else { return nil }
        return passedTrial()
    }

    mutating func hold() { isHeld = true }

    /// Returns whether requests were held until now.
    mutating func released() -> Bool {
        defer { isHeld = false }
        return isHeld
    }
}
