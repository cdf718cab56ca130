package import Torrent

/// Commands from the user, and the clock.
extension Swarm {
    /// Starts the torrent: unverified pieces are checked and peers are dialled.
    package mutating func start(now: Instant) {
        guard mode == .idle || mode == .stopped else { return }
        mode = .running
        superSeedingEnded = false
        considerSuperSeeding(now: now)
        ticks.hurry(now: now)
        uploader.started(now: now)
        commit.started(unverified: pieces.started(), now: now)
        checkUnverified()
        wake(now: now)
        sendIntents(now: now)
        if faults.isNone { noteCompletion() }
    }

    /// Stops the torrent: disconnects peers, makes verified pieces and blocks of incomplete ones durable, records them,
    /// and ends with ``Effect/stopped``.
    package mutating func stop(now: Instant) {
        guard mode == .running else {
            if mode == .idle {
                mode = .stopped
                effects.append(.stopped)
            }
            return
        }
        mode = .stopping
        limits.stopped()
        endInspection()
        superSeeding = nil
        for peer in peers.ordered { disconnect(peer, .paused) }
        stopWebSeeds()
        ticks.hurry(now: now)
        continueStopping(now: now)
    }

    /// Changes which files are wanted.
    package mutating func select(_ files: PayloadFiles, now: Instant) {
        commit.selected(files)
        pieces.selected(files.wantedPieces, using: &random)
        abandonUnwanted(now: now)
        if !isComplete { completion.isUndone() }
        goalChanged(now: now)
        noteCompletion()
        fillAll(now: now)
    }

    package mutating func change(_ settings: SwarmSettings, now: Instant) {
        self.settings = settings
        limits.changed(to: settings)
        considerSuperSeeding(now: now)
        fillAll(now: now)
        readOn(now: now)
        pumpAll(now: now)
    }

    /// Does what is due at this time. See ``nextWake``.
    package mutating func wake(now: Instant) {
        if limits.resume(now: now) {
            // Peers and web seeds take turns at what a limit allows.
            if limits.turn.isMultiple(of: 2) { readOn(now: now) }
            fillAll(now: now)
            readOn(now: now)
            pumpAll(now: now)
        }
        watchFault(now: now)
        guard ticks.take(isBusy: pieces.isAnyActive || !commit.isIdle || !peers.isEmpty, now: now) else { return }
        guard mode == .running else {
            if mode == .stopping { continueStopping(now: now) }
            return
        }
        _ = requester.takeFillDue()
        for peer in peers.ordered { watch(peer, now: now) }
        watchWebSeeds(now: now)
        pieces.endSlowSoleSources(now: now)
        chokeRound(now: now)
        superSeedTick(now: now)
        if ticks.takeSlow(now: now) {
            considerSuperSeeding(now: now)
            goalChanged(now: now)
            abandonUnwanted(now: now)
            parkIdle()
            makePlaceForDial(now: now)
        }
        dialMore(now: now)
        fillAll(now: now)
        considerCommit(withPartials: true, now: now)
    }
}
