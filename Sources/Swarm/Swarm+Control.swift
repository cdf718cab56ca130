import Torrent

/// What the user and the clock say.
extension Swarm {
    /// Begins: doubtful pieces are checked, peers are dialled.
    package mutating func start(now: Instant) {
        guard mode == .idle || mode == .stopped else { return }
        mode = .running
        nextTick = now
        nextChokeRound = now + Choker.round
        commit.lastAt = now
        if !doubtful.isEmpty {
            // From now on the database doubts them too, so that a stop during the check forgets nothing. That goes out
            // at once: a note of a piece that is written to after the check must not come before it.
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

    /// Ends: peers are closed, what is verified and the blocks of incomplete pieces are made durable and recorded, then
    /// ``Effect/stopped``.
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

    /// Other files are wanted from now on.
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

    /// Learns where peers are.
    package mutating func learn(_ addresses: [PeerAddress], from source: PeerSource, now: Instant) {
        guard source.isAllowed(isPrivate: settings.isPrivate) else { return }
        for address in addresses { book.learn(address, from: source, at: unix(now)) }
        dialMore(now: now)
    }

    /// Takes over a peer of an earlier run.
    package mutating func restore(_ entry: AddressBook.Entry) { book.restore(entry) }

    /// Peers whose history changed, to be stored.
    package mutating func takePeerChanges() -> [AddressBook.Entry] { book.takeChanges() }

    /// Time has passed.
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
