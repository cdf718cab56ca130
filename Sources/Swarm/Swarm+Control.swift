import Torrent

/// Commands from the user, and the clock.
extension Swarm {
    /// Starts the torrent: unverified pieces are checked and peers are dialled.
    package mutating func start(now: Instant) {
        guard mode == .idle || mode == .stopped else { return }
        mode = .running
        nextTick = now
        nextChokeRound = now + Choker.round
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
        throttledUntil = nil
        endInspection()
        for peer in orderedPeers { disconnect(peer, .paused) }
        nextTick = now
        continueStopping(now: now)
    }

    /// Changes which files are wanted.
    package mutating func select(_ files: PayloadFiles, now: Instant) {
        self.files = files
        pieces.selected(files.wantedPieces, using: &random)
        abandonUnwanted(now: now)
        if !isComplete { completion.isUndone() }
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
        watchFault(now: now)
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
            abandonUnwanted(now: now)
            parkIdle()
            makePlaceForDial(now: now)
        }
        dialMore(now: now)
        fillAll(now: now)
        considerCommit(withPartials: true, now: now)
    }

    private var needsQuickTicks: Bool { pieces.isAnyActive || !commit.isIdle || !peers.isEmpty }
}
