import Swarm
import Torrent

/// Performs the brain's effects on the model disk and the model database, slowly and with faults.
extension Client {
    func perform(_ effect: Effect) {
        switch effect {
        case .dial(let address): lab.dial(address, from: self)
        case .disconnect(let key, _):
            if let end = ends[key] {
                end.close()
            } else {
                lab.fail("client \(number) disconnects \(key), which is gone")
            }
        case .send(let key, let message): send(message, to: key)
        case .request(.peer(let key), let request):
            requested(request, of: key)
            end(key)?.send(.request(request))
        case .cancel(.peer(let key), let request): end(key)?.send(.cancel(request))
        case .request(.webSeed, _), .cancel(.webSeed, _):
            lab.fail("client \(number) asks a web seed for a block outside a run")
        case .fetch(let key, let run):
            for block in run.blocks {
                requested(
                    BlockRequest(
                        piece: block.piece, begin: block.block * Geometry.blockLength,
                        length: swarm.geometry.length(of: block)), of: nil)
            }
            server(key)?.fetch(run, key, for: self)
        case .endFetches(let key): server(key)?.endFetches(for: self)
        case .readOn(let key): server(key)?.readOn(key, for: self)
        case .serve(let key, let request): serve(request, to: key)
        case .recordIntents(let pieces): submit(.intents(pieces))
        case .verify(let work): verify(work)
        case .release(let piece):
            if stopReason != .none { checkKept(piece) }
            buffers[piece] = nil
        case .writeBlocks(let piece, let blocks): writeBlocks(piece, blocks)
        case .sync: sync()
        case .record(let claim): submit(.record(claim, fingerprints: [:]))
        case .check(let pieces): check(pieces[...])
        case .probe(let kind): answer(after: 1...20) { $0.swarm.probed($0.fault(kind), now: $0.lab.now) }
        case .inspect:
            answer(after: 1...20) { $0.swarm.inspected(Bitfield(count: $0.swarm.geometry.pieceCount), now: $0.lab.now) }
        case .stopped: stopped()
        case .shun(let host, let reason): shun(bans.ban(host, reason: reason, at: lab.unixNow))
        case .strike(let host, let reason):
            lab.report.strikes += 1
            if let ban = bans.strike(host, reason: reason, at: lab.unixNow) { shun(ban) }
        case .note(let note): self.note(note)
        }
    }

    private func shun(_ ban: HostBans.Ban) {
        let isInnocent = lab.remotes.contains { $0.address.host == ban.host && !$0.habits.isLiar }
        if isInnocent { lab.fail("client \(number) shuns \(ban.host), who is innocent: \(ban.reason)") }
        feed { $0.shunned(ban.host, reason: ban.reason, now: self.lab.now) }
    }

    /// The fault that holds now.
    func fault(_ kind: Fault.Kind) -> Fault? {
        plan.faults.contains { $0.kind == kind && lab.now >= $0.from && lab.now < $0.to }
            ? Fault(kind, "the lab says so") : nil
    }

    func beginOffline(_ window: Scenario.FaultWindow, from start: Instant) {
        guard window.to > start else { return }
        let life = life
        lab.schedule(at: max(window.from, start)) { [self] in
            guard life == self.life else { return }
            feed { $0.wentOffline("the lab took the disk away", now: self.lab.now) }
        }
    }

    /// Answers an effect later, unless the process is gone by then.
    private func answer(after milliseconds: ClosedRange<Double>, _ body: @escaping (Client) -> Void) {
        let life = life
        lab.schedule(after: lab.random.duration(milliseconds)) { [self] in
            guard life == self.life, isUp else { return }
            body(self)
            feed { _ in }
        }
    }

    private func note(_ note: Note) {
        switch note {
        case .banned(let address, let reason):
            lab.report.bans += 1
            if !lab.isLiar(address) { lab.fail("client \(number) bans \(address), who is innocent: \(reason)") }
        case .repaired: lab.fail("client \(number) repaired a piece that wasn't damaged")
        case .pieceFailed(let piece, _, _, _):
            lab.report.failedPieces += 1
            excused.insert(piece)
        case .checkedAll(let good, let bad, let missing): lab.report.checkedPieces += good + bad + missing
        case .fault: lab.report.faults += 1
        case .webSeedLacks(let key, let file, _): server(key)?.isFoundWanting(file: file)
        case .webSeedEnded(let key, _): server(key)?.isFoundWanting(file: nil)
        case .completed, .faultGone, .webSeedFailed: break
        }
    }

    // MARK: Peers

    /// Our end of the connection to the peer.
    private func end(_ key: PeerKey) -> WireEnd? {
        if ends[key] == nil { lab.fail("client \(number) speaks to \(key), which is gone") }
        return ends[key]
    }

    private func send(_ message: Outgoing, to key: PeerKey) {
        guard let end = end(key) else { return }
        switch message {
        case .keepAlive: end.send(.keepAlive)
        case .choke: end.send(.choke)
        case .unchoke: end.send(.unchoke)
        case .interested: end.send(.interested)
        case .notInterested: end.send(.notInterested)
        case .have(let piece): end.send(.have(piece))
        case .dontHave(let piece): end.send(.dontHave(piece))
        case .pieces(let have):
            end.send(
                swarm.supportsFast(key) && have.isFull
                    ? .haveAll : swarm.supportsFast(key) && have.isEmpty ? .haveNone : .bitfield(have))
        case .reject(let request): end.send(.reject(request))
        case .uploadOnly(let flag): end.send(.extended(reqq: nil, uploadOnly: flag, port: nil))
        }
    }

    /// Nothing is asked for twice by a peer that could be asked for something else. The last of the requests for a
    /// block is the second.
    func watchDuplicates(_ effects: [Effect]) {
        var last: [BlockRequest: PeerKey] = [:]
        for case .request(.peer(let key), let request) in effects { last[request] = key }
        for (request, key) in last where swarm.copies(of: request) > 1 {
            lab.report.duplicates += 1
            if !swarm.mayDuplicate(for: key) {
                lab.fail(
                    "client \(number) asks \(key) for a block of piece \(request.piece) that others owe, with others free"
                )
            }
        }
    }

    /// What is recorded isn't downloaded again.
    private func requested(_ request: BlockRequest, of key: PeerKey?) {
        lab.report.requests += 1
        let block = lab.content.block(request)
        guard !excused[request.piece] else { return }
        if database.have[request.piece] {
            lab.fail("client \(number) asks for piece \(request.piece), which the database claims")
        }
        if database.partials[request.piece]?.contains(block.block) == true, disk.isThere(block) {
            lab.fail("client \(number) asks for block \(block), which the database says is on disk")
        }
    }

    private func serve(_ request: BlockRequest, to key: PeerKey) {
        let free = max(lineFreeAt, lab.now) + .seconds(Double(request.length) / Double(plan.uploadRate))
        lineFreeAt = free
        let life = life
        lab.schedule(at: free + lab.random.duration(1...10)) { [self] in
            guard life == self.life, isUp else { return }
            let block = lab.content.block(request)
            if let fault = fault(.offline) {
                return feed { $0.serveFailed(key, request, fault: fault, now: self.lab.now) }
            }
            guard let end = ends[key] else {
                return feed { $0.serveFailed(key, request, fault: nil, now: self.lab.now) }
            }
            guard let digest = disk.read(block) else {
                return feed {
                    $0.serveFailed(key, request, fault: Fault(.input, "the file is short"), now: self.lab.now)
                }
            }
            if plan.isSeed { lab.countFirstCopy(request.length) }
            end.send(.block(request, digest: digest))
            feed { $0.served(key, request, now: self.lab.now) }
        }
    }

    // MARK: Disk

    private func verify(_ work: Verification) {
        let content = lab.content
        let blocks = content.blocks(of: work.piece)
        let buffer = buffers[work.piece] ?? [:]
        var digests: [UInt64] = []
        for block in blocks {
            guard let digest = work.fromDisk.contains(block.block) ? disk.read(block) ?? 0 : buffer[block.block] else {
                return lab.fail("client \(number) verifies block \(block), which is not in its buffer")
            }
            digests.append(digest)
        }
        let isGood = zip(blocks, digests).allSatisfy { content.digest($0) == $1 }
        let missing = blocks.filter { !work.written.contains($0.block) }
        if !isGood { countLies(work.piece, blocks, digests) }
        write(missing.map { ($0, digests[$0.block]) }, isAllowed: isGood) { client, fault in
            if let fault {
                client.swarm.writeFailed(work.piece, fault: fault, now: client.lab.now)
            } else if isGood {
                client.swarm.verified(work.piece, digests: work.wantsDigests ? digests : [], now: client.lab.now)
            } else {
                client.swarm.hashFailed(work.piece, digests: digests, now: client.lab.now)
            }
        }
    }

    private func countLies(_ piece: PieceIndex, _ blocks: [BlockRef], _ digests: [UInt64]) {
        excused.insert(piece)
        for (block, digest) in zip(blocks, digests) where digest != lab.content.digest(block) {
            if let sender = senders[block] { spoiled[sender, default: []].insert(piece) }
        }
    }

    private func writeBlocks(_ piece: PieceIndex, _ blocks: [Int]) {
        let buffer = buffers[piece] ?? [:]
        var contents: [(BlockRef, UInt64)] = []
        for block in blocks {
            guard let digest = buffer[block] else {
                return lab.fail("client \(number) writes block \(piece):\(block), which is not in its buffer")
            }
            contents.append((BlockRef(piece: piece, block: block), digest))
        }
        write(contents, isAllowed: true) { client, fault in
            if let fault {
                client.swarm.blocksFailed(piece, blocks, fault: fault, now: client.lab.now)
            } else {
                client.swarm.blocksWritten(piece, blocks, now: client.lab.now)
            }
        }
    }

    private func write(_ contents: [(BlockRef, UInt64)], isAllowed: Bool, _ done: @escaping (Client, Fault?) -> Void) {
        let id = lab.nextEnd
        lab.nextEnd += 1
        underWay += 1
        if isAllowed {
            // A crash may find each block written or not.
            writes[id] = { [self] in
                for (block, digest) in contents where lab.random.chance(0.5) {
                    disk.write(block, digest, at: lab.unixNs)
                }
            }
        }
        answer(after: 1...30) { client in
            client.writes[id] = nil
            client.underWay -= 1
            let fault = client.fault(.offline) ?? (contents.isEmpty ? nil : client.fault(.diskFull))
            if isAllowed, fault?.kind != .offline {
                for (block, digest) in contents where fault == nil || client.lab.random.chance(0.5) {
                    client.disk.write(block, digest, at: client.lab.unixNs)
                }
            }
            done(client, fault)
        }
    }

    private func sync() {
        let pending = disk.pending
        underWay += 1
        answer(after: 2...60) { client in
            client.underWay -= 1
            if let fault = client.fault(.offline) ?? client.fault(.input) {
                client.disk.lostPages(using: &client.lab.random)
                return client.swarm.syncFailed(fault: fault, now: client.lab.now)
            }
            client.disk.synced(pending)
            for (number, file) in client.disk.files.enumerated() { client.pendingFingerprints[number] = file.current }
            client.swarm.synced(now: client.lab.now)
        }
    }

    private func check(_ pieces: ArraySlice<PieceIndex>) {
        underWay += 1
        answer(after: 1...20) { client in
            client.underWay -= 1
            guard let piece = pieces.first, !client.isCheckCancelled else {
                return client.swarm.checkEnded(now: client.lab.now)
            }
            let fault = client.fault(.offline)
            let verdict = fault.map { Swarm.CheckVerdict.unreadable($0) } ?? client.disk.verdict(of: piece)
            if verdict == .bad || verdict == .missing, client.database.have[piece] { client.excused.insert(piece) }
            client.swarm.checked(piece, verdict, now: client.lab.now)
            client.check(pieces.dropFirst())
        }
    }

    // MARK: Database

    private func submit(_ change: ModelDatabase.Change) {
        underWay += 1
        if case .record(let claim, _) = change {
            changes.append(.record(claim, fingerprints: pendingFingerprints))
            pendingFingerprints = [:]
        } else {
            changes.append(change)
        }
        if !isDatabaseBusy { work() }
    }

    private func work() {
        guard let change = changes.first else { return }
        isDatabaseBusy = true
        answer(after: 1...40) { client in
            client.changes.removeFirst()
            client.isDatabaseBusy = false
            client.underWay -= 1
            // Where there is only no room for more, what is on the disk is recorded.
            let isNote = if case .intents = change { true } else { false }
            let fault = client.fault(.database) ?? (isNote ? client.fault(.databaseFull) : nil)
            if fault == nil { client.commit(change) }
            client.work()
            switch (change, fault) {
            case (.intents(let pieces), nil): client.swarm.intentsRecorded(pieces, now: client.lab.now)
            case (.intents(let pieces), let fault?):
                client.swarm.intentsFailed(pieces, fault: fault, now: client.lab.now)
            case (.record, nil): client.swarm.recorded(now: client.lab.now)
            case (.record(_, let fingerprints), let fault?):
                client.pendingFingerprints.merge(fingerprints) { newer, _ in newer }
                client.swarm.recordFailed(fault: fault, now: client.lab.now)
            }
        }
    }

    /// The transaction is durable: what it claims must be.
    func commit(_ change: ModelDatabase.Change) {
        database.apply(change)
        guard case .record(let claim, _) = change else { return }
        if claim.claimed != database.have {
            lab.fail(
                "client \(number) says that \(claim.claimed.population) pieces are recorded after a claim, but \(database.have.population) are"
            )
        }
        for piece in claim.pieces where !disk.isDurable(piece) {
            lab.fail("client \(number) claims piece \(piece), which is not on disk for good")
        }
        for partial in claim.partials {
            for block in partial.blocks.blocks
            where !disk.isThere(BlockRef(piece: partial.piece, block: block)) {
                lab.fail("client \(number) records block \(partial.piece):\(block), which is not on disk for good")
            }
        }
    }
}
