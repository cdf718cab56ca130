package import Torrent

/// Faults of the machine: what halts the torrent, and what continues when the fault is gone.
extension Swarm {
    mutating func enter(_ fault: Fault, now: Instant) {
        if faults.entered(fault, now: now) { effects.append(.note(.fault(fault))) }
    }

    private mutating func report(gone kind: Fault.Kind?) {
        if let kind { effects.append(.note(.faultGone(kind))) }
    }

    /// The operation that had failed succeeded.
    mutating func endTrial() { report(gone: faults.passedTrial()) }

    /// Does what is due about a fault at this time.
    mutating func watchFault(now: Instant) {
        if let kind = faults.takeProbe(now: now) { effects.append(.probe(kind)) }
        report(gone: faults.passedTrialInTime(now: now))
    }

    /// The machine can't continue for a while: nothing new is requested until a probe succeeds.
    package mutating func stalled(_ fault: Fault, now: Instant) { enter(fault, now: now) }

    /// The payload is unreachable: nothing is requested from peers or the disk until it returns.
    package mutating func wentOffline(_ text: String, now: Instant) {
        enter(Fault(.offline, text), now: now)
        stopWebSeeds()
    }

    /// Holds all requests until ``release(now:)``, because whether existing files may be written to is not known yet.
    package mutating func hold() { faults.hold() }

    package mutating func release(now: Instant) {
        if faults.released() { fillAll(now: now) }
    }

    /// Probes the fault now if it is of this kind.
    package mutating func hastenProbe(of kind: Fault.Kind, now: Instant) {
        if faults.mayBeGone(kind, now: now) { wake(now: now) }
    }

    /// `still` is the fault that remains, or `nil` if it is gone. Answers ``Effect/probe(_:)``.
    package mutating func probed(_ still: Fault?, now: Instant) {
        faults.probeEnded()
        guard !faults.isNone else { return }
        if let still { return enter(still, now: now) }
        report(gone: faults.cleared(now: now))
        commit.faultIsGone()
        guard mode == .running || mode == .stopping else { return }
        for piece in pieces.active {
            piece.retried()
            verifyIfReady(piece)
        }
        sendIntents(now: now)
        checkUnverified()
        noteCompletion()
        commit.hurry()
        considerCommit(now: now)
        fillAll(now: now)
        pumpAll(now: now)
        dialMore(now: now)
    }
}
