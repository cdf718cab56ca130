import Torrent

/// Commands from the user, and the clock.
extension Swarm {
    /// Starts the torrent: unverified pieces are checked and peers are dialled.
    package mutating func start(now: Instant) {
        guard mode == .idle || mode == .stopped else { return }
        mode = .running
        nextTick = now
        nextChokeRound = now + Choker.round
        commit.lastAt = now
        if !doubtful.isEmpty {
            // The database must call these pieces unverified from now on, so that a stop during the check forgets
            // nothing. The record goes out at once, before any write intent for a piece that is written to after the
            // check.
            commit.record.doubted = Array(doubtful.pieces)
            recorded.subtract(doubtful)
            opened.formUnion(doubtful)
            checkDoubtful()
        }
        commit.isUrgent = commit.hasWork
        wake(now: now)
        noteOpened(now: now)
        if fault == nil { noteCompletion() }
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
        throttledUntil = nil
        endInspection()
        for peer in orderedPeers { disconnect(peer, .paused) }
        nextTick = now
        continueStopping(now: now)
    }

    /// Changes which pieces are wanted.
    package mutating func select(_ wanted: Bitfield, now: Instant) {
        precondition(wanted.count == geometry.pieceCount)
        self.wanted = wanted
        for piece in activeOrder where !wanted[piece.piece] { abandon(piece, now: now) }
        refreshCandidates()
        if !isComplete { completionNoted = false }
        goalChanged(now: now)
        noteCompletion()
        fillAll(now: now)
    }

    package mutating func change(_ settings: SwarmSettings, now: Instant) {
        self.settings = settings
        downloadBucket.limit = settings.downloadLimit
        uploadBucket.limit = settings.uploadLimit
        throttledUntil = nil
        fillAll(now: now)
        pumpAll(now: now)
    }

    /// Adds addresses of peers to the address book.
    package mutating func learn(_ addresses: [PeerAddress], from source: PeerSource, now: Instant) {
        guard source.isAllowed(isPrivate: settings.isPrivate) else { return }
        for address in addresses { book.learn(address, from: source, at: unix(now)) }
        dialMore(now: now)
    }

    /// Restores a peer that an earlier run stored.
    package mutating func restore(_ entry: AddressBook.Entry) { book.restore(entry) }

    /// Returns the peers whose history changed, so that they can be stored.
    package mutating func takePeerChanges() -> [AddressBook.Entry] { book.takeChanges() }

    /// Does what is due at this time. See ``nextWake``.
    package mutating func wake(now: Instant) {
        if let until = throttledUntil, now >= until {
            throttledUntil = nil
            rosterTurn += 1
            fillAll(now: now)
            pumpAll(now: now)
        }
        if let probe = nextProbe, now >= probe, let fault {
            nextProbe = nil
            isProbing = true
            effects.append(.probe(fault.kind))
        }
        if let trial = onTrial, now >= trial.until { endTrial() }
        guard now >= nextTick else { return }
        nextTick = now + (needsQuickTicks ? Self.tick : .seconds(1))
        guard mode == .running else {
            if mode == .stopping { continueStopping(now: now) }
            return
        }
        isFillDue = false
        for peer in orderedPeers { watch(peer, now: now) }
        if now >= nextChokeRound {
            nextChokeRound = now + Choker.round
            chokeRound(now: now)
        }
        if now >= nextSlowTick {
            nextSlowTick = now + .seconds(1)
            goalChanged(now: now)
            for piece in activeOrder where !wanted[piece.piece] { abandon(piece, now: now) }
            parkIdle()
            makePlaceForDial(now: now)
        }
        dialMore(now: now)
        fillAll(now: now)
        considerCommit(withPartials: true, now: now)
    }

    private var needsQuickTicks: Bool { !active.isEmpty || !commit.isIdle || !peers.isEmpty }
}
