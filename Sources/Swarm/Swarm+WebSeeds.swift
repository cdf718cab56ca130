package import Torrent

/// Web seeds: runs of blocks that are fetched over HTTP (BEP 19).
extension Swarm {
    /// How long a web seed may owe blocks without delivering one.
    static let webSeedPatience = Duration.seconds(90)
    /// The share of the memory budget that the runs of all web seeds may take while peers deliver, and otherwise.
    private static let sharedBudget = (withPeers: 0.5, alone: 0.75)

    // MARK: Coming and going

    /// Adds a web seed. It is asked as soon as there is something to fetch.
    package mutating func add(webSeed state: WebSeedState, now: Instant) -> WebSeedKey {
        let key = webSeeds.takeKey()
        let seed = WebSeed(key: key, source: sources.add(.webSeed(key)), state)
        webSeeds.add(seed)
        seed.source.announcedAll()
        pieces.seedArrived()
        for file in state.lacking { losePieces(of: file, seed) }
        seed.source.opened()
        updateInterest(of: seed.source)
        fill(seed, now: now)
        return key
    }

    /// The web seed isn't used any more.
    package mutating func remove(webSeed key: WebSeedKey, now: Instant) {
        guard let seed = webSeeds[key] else { return }
        seed.source.end()
        endRuns(of: seed)
        pieces.seedLeft()
        webSeeds.remove(seed)
        sources.remove(seed.source)
        fillAll(now: now)
    }

    /// The number of web seeds that can still deliver something.
    package var webSeedCount: Int { webSeeds.ordered.count { !$0.source.hasEnded && $0.source.isInteresting } }

    /// The number of web seeds that are fetched from at present.
    package var busyWebSeedCount: Int { webSeeds.ordered.count { $0.isBusy } }

    package func webSeedReports(now: Instant) -> [WebSeedReport] {
        webSeeds.ordered.map { seed in
            WebSeedReport(
                key: seed.key, rate: seed.source.downloadRate(at: now), bestRate: Int(seed.source.pipeline.bestRate),
                downloaded: seed.source.downloadedTotal, verified: seed.source.verifiedBytes,
                outstanding: seed.source.outstanding, failures: seed.failures, restsUntil: seed.restsUntil,
                hasEnded: seed.source.hasEnded)
        }
    }

    // MARK: Runs

    /// Begins the next run of the web seed, if it should have one.
    mutating func fill(_ seed: WebSeed, now: Instant) {
        guard mode == .running, faults.isNone, !faults.isHeld, !seed.source.hasEnded, seed.source.isInteresting else {
            return
        }
        guard !seed.isHeld, !seed.isResting(now: now), webSeeds.isChosen(seed, now: now) else { return }
        while seed.wantsRun {
            guard limits.mayRequest(Geometry.blockLength, now: now) else { break }
            let share = peers.isEmpty ? Self.sharedBudget.alone : Self.sharedBudget.withPeers
            let room = Int(Double(settings.memoryBudget) * share) - webSeeds.outstandingBytes
            guard room > 0 || !webSeeds.ordered.contains(where: \.isBusy) else { break }
            let bytes = seed.wantedRun(most: min(room, settings.memoryBudget / 4))
            var blocks = webSeedPlan.takeBlocks(for: seed, of: &pieces, bytes: bytes, settings, now: now)
            if blocks.isEmpty {
                guard !seed.isBusy else { break }
                blocks = webSeedPlan.takeLateBlocks(
                    for: seed, by: &requester, of: pieces, among: sources, settings, now: now)
            }
            guard !blocks.isEmpty else { break }
            for block in blocks { seed.source.request(block, at: now) }
            effects.append(.fetch(seed.key, seed.began(webSeedPlan.parts(of: blocks), blocks)))
        }
        sendIntents(now: now)
    }

    /// A block of a run arrived; its bytes stay with the shell.
    package mutating func received(
        webSeed key: WebSeedKey, piece: PieceIndex, begin: Int, length: Int, now: Instant
    ) -> BlockVerdict {
        guard let seed = webSeeds[key] else { return .discard }
        limits.requested(length)
        let request = BlockRequest(piece: piece, begin: begin, length: length)
        return received(request, from: seed.source, now: now) ?? .discard
    }

    /// Everything from one read was handed over. Returns whether the shell may read on; otherwise
    /// ``Effect/readOn(_:)`` tells when.
    package mutating func readEnded(webSeed key: WebSeedKey, now: Instant) -> Bool {
        guard let seed = webSeeds[key] else { return false }
        fillIfDue(now: now)
        considerCommit(now: now)
        guard mode == .running, seed.isBusy, !limits.mayRequest(Geometry.blockLength, now: now) else { return true }
        seed.held(true)
        return false
    }

    /// The rate limit allows more: web seeds are read again.
    mutating func readOn(now: Instant) {
        for seed in webSeeds.ordered where seed.isHeld {
            guard limits.mayRequest(Geometry.blockLength, now: now) else { return }
            seed.held(false)
            effects.append(.readOn(seed.key))
        }
    }

    /// The fetch of a run ended. Answers ``Effect/fetch(_:_:)``.
    package mutating func fetched(_ key: WebSeedKey, run number: Int, _ outcome: WebSeedOutcome, now: Instant) {
        guard let seed = webSeeds[key], let run = seed.ended(number) else { return }
        for block in owed(run, by: seed) { release(block, of: seed) }
        switch outcome {
        case .finished:
            seed.finished(now: now)
        case .lacks(let file, let reason):
            endRuns(of: seed)
            lose(file, of: seed, reason: reason, now: now)
        case .ignoresRanges:
            endRuns(of: seed)
            if seed.ignoresRanges {
                rest(seed, "it sends files only from their beginning", retryAfter: nil, now: now)
            } else {
                seed.sendsOnlyFromTheBeginning()
                seed.source.hasMoreToOffer()
            }
        case .failed(let reason, let retryAfter):
            endRuns(of: seed)
            rest(seed, reason, retryAfter: retryAfter, now: now)
        }
        _ = requester.takeFillDue()
        fillAll(now: now)
        considerCommit(now: now)
    }

    private mutating func rest(_ seed: WebSeed, _ reason: String, retryAfter: Duration?, now: Instant) {
        seed.failed(retryAfter: retryAfter, now: now)
        effects.append(.note(.webSeedFailed(seed.key, reason: reason)))
    }

    /// The blocks of the run that didn't arrive: usually none, so one look at the requests must be enough.
    private func owed(_ run: WebSeedRun, by seed: WebSeed) -> [BlockRef] {
        guard let first = run.blocks.first, let last = run.blocks.last else { return [] }
        // Runs don't overlap, and their blocks are in order.
        return seed.source.requests.lazy.map(\.block).filter { block in
            (block.piece, block.block) >= (first.piece, first.block)
                && (block.piece, block.block) <= (last.piece, last.block)
        }
    }

    /// A block of an ended run is free for others, if it didn't arrive.
    private mutating func release(_ block: BlockRef, of seed: WebSeed) {
        guard let request = seed.source.takeRequest(block) else { return }
        if !request.isReleased { pieces.released(block) }
        if let piece = pieces[block.piece], piece.assignedSource == seed.source.key { sources.endAssignment(of: piece) }
        pieces[block.piece]?.endSoleSource(seed.source.key)
    }

    /// Ends all runs of the seed: what they still owe is free for others.
    private mutating func endRuns(of seed: WebSeed) {
        giveBack(seed.source, keepRequests: false)
        requester.releasedBlocks()
        seed.held(false)
        guard seed.isBusy else { return }
        seed.forgetRuns()
        effects.append(.endFetches(seed.key))
    }

    /// The torrent stops: nothing more is fetched.
    mutating func stopWebSeeds() {
        for seed in webSeeds.ordered { endRuns(of: seed) }
    }

    /// Requests of the seed were cancelled. If nothing is left of its runs, they end.
    mutating func cancelled(_ source: BlockSource) {
        guard case .webSeed(let key) = source.key, let seed = webSeeds[key], seed.isBusy, source.outstanding == 0 else {
            return
        }
        endRuns(of: seed)
    }

    /// Looks at each tick for web seeds that deliver nothing.
    mutating func watchWebSeeds(now: Instant) {
        for seed in webSeeds.ordered where seed.isBusy && !seed.isHeld {
            guard let since = seed.source.awaitsSince, now - since > Self.webSeedPatience else { continue }
            endRuns(of: seed)
            rest(
                seed, "it sent nothing usable for \(Self.webSeedPatience.components.seconds) s", retryAfter: nil,
                now: now)
        }
    }

    // MARK: Verdicts

    /// The seed's copy lacks the file, or has another version of it.
    private mutating func lose(_ file: Int, of seed: WebSeed, reason: String, now: Instant) {
        guard !seed.lacking.contains(file) else { return }
        seed.lacks(file)
        losePieces(of: file, seed)
        updateInterest(of: seed.source)
        effects.append(.note(.webSeedLacks(seed.key, file: file, reason: reason)))
    }

    private func losePieces(of file: Int, _ seed: WebSeed) {
        if seed.source.hasAll { seed.source.lostSome(of: geometry.pieceCount) }
        for piece in webSeedPlan.pieces(of: file) { seed.source.lost(piece) }
    }

    /// The seed sent bad data: the file that the piece is in has another version there. If the piece has parts of
    /// several files, only the piece is avoided, unless that happens too often.
    mutating func blame(_ key: WebSeedKey, for piece: PieceIndex, now: Instant) {
        guard let seed = webSeeds[key], !seed.source.hasEnded else { return }
        endRuns(of: seed)
        let files = webSeedPlan.files(of: piece)
        if files.count == 1, let file = files.first {
            return lose(
                file, of: seed, reason: "its copy differs from the torrent: piece \(piece) failed its hash check",
                now: now)
        }
        if seed.source.hasAll { seed.source.lostSome(of: geometry.pieceCount) }
        seed.source.lost(piece)
        updateInterest(of: seed.source)
        guard seed.sentBadPiece() else { return }
        seed.source.end()
        effects.append(
            .note(
                .webSeedEnded(
                    key, reason: "its copies differ from the torrent: too many pieces failed their hash check")))
    }
}
