import DHT
import Disk
import Logging
import Net
import Store
import Swarm
import SystemPackage
import Torrent
import TrackerWire

/// Announces dormant torrents from their rows. A torrent is activated only when a peer wants its data.
extension Session {
    /// The most torrents found offline per second, in addition to those announced. When a disk is away, all of its
    /// torrents are found offline within five minutes.
    private static let foundOfflinePerSecond = 500
    /// Announces up to `room` torrents that are due, and notes those whose folder is away.
    func announceDue(room: Int) async {
        await environment.announces.save()
        let due = await dueTorrents(room: room)
        let accepted = Set(feed { machine, _ in machine.dueFound(due.map(\.row.id)) })
        for dormant in due where accepted.contains(dormant.row.id) {
            announces[dormant.row.id] = Task { await self.announce(dormant) }
        }
    }

    private func dueTorrents(room: Int) async -> [DormantTorrent] {
        // Torrents whose answers wait to be saved are excluded too, because their rows still say that they are due.
        let busy = machine.busy.union(environment.announces.onLoop { $0.unsavedTorrents })
        let idle = machine.leftAlone
        let away = machine.folders.away(now: environment.clock.now)
        let unseen = away.reduce(into: [:]) { $0[$1.key] = machine.folders.unseenTime($1.key, uptime: .now) }
        let now = environment.clock.timestamp
        do {
            return try await environment.store.perform { db throws(StoreError) -> [DormantTorrent] in
                var due: [DormantTorrent] = []
                var offline: [(row: TorrentRow, reason: String, unseen: Duration)] = []
                let limit = away.isEmpty ? room : room + Self.foundOfflinePerSecond
                for id in try db.trackers.dueTorrents(now: now, limit: limit, except: busy) where due.count < room {
                    if idle.contains(id) {
                        try db.trackers.postponeAnnounces(of: id, until: now + SessionMachine.leftAloneFor)
                    } else if let row = try db.torrents.row(id) {
                        if let reason = away[FileName(row.output)], row.mayGoOffline {
                            offline.append((row, reason, unseen[FileName(row.output)] ?? .zero))
                            continue
                        }
                        due.append(
                            DormantTorrent(
                                row: row, trackers: try db.trackers.rows(of: id),
                                volume: try db.volumes.trustedIdentity(of: row)))
                    }
                }
                if !offline.isEmpty {
                    try db.torrents.goOffline(offline, pause: FolderPresence.lookAgainAfter, now: now)
                }
                return due
            }
        } catch {
            log.error("could not announce dormant torrents: \(error)")
            return []
        }
    }

    private func announce(_ dormant: DormantTorrent) async {
        let row = dormant.row
        defer {
            announces[row.id] = nil
            feed { machine, _ in machine.announced(row.id) }
        }
        guard await isReady(dormant) else { return }
        let progress = AnnouncedProgress(
            left: max(0, row.wantedBytes - row.completedBytes), moved: environment.announces.onLoop { $0.moved(row.id) }
        )
        guard let answer = await environment.announces.announce(dormant, progress, seed: random.next()) else { return }
        // The torrent was activated meanwhile and has its own announces, so these answers are dropped.
        guard machine.isDormant(row.id) else { return }
        // Saved at once, so that after a kill the tracker isn't contacted too early and its error isn't lost.
        await environment.announces.save(answer.rows)
        guard let peers = answer.peers, connectionCount < environment.settings.maximumPeers, admits(row) else { return }
        await activate(row.id)?.onLoop { $0.learn(peers) }
    }

    /// Whether a dormant torrent may be announced. One that is damaged, away, or has seeded enough is dealt with.
    private func isReady(_ dormant: DormantTorrent) async -> Bool {
        let row = dormant.row
        guard row.damage == nil, DormantTorrent.restingStates.contains(row.state) else {
            await activateToSettle(row.id)
            return false
        }
        guard await isInItsPlace(dormant) else { return false }
        let goal = row.settings.seedGoal.over(environment.settings.seedGoal)
        let mayRest = goal.isReached(uploaded: row.uploadedBytes, wanted: row.wantedBytes, seedTime: row.seedTime)
        guard !mayRest else {
            await activateToSettle(row.id)
            return false
        }
        if row.state == .complete { await beginSeeding(row) }
        return true
    }

    /// The dormant torrents whose announces in the DHT are due, at most `most`.
    func dueInDHT(_ most: Int) async -> [DHTService.Due] {
        guard case .all = environment.settings.scope, !isStopping else { return [] }
        let (busy, idle, port) = (machine.busy, machine.leftAlone, listenPort)
        let now = environment.clock.timestamp
        let found: [(torrent: DormantTorrent, nearest: [NodeContact], hasTracker: Bool)]
        do {
            found = try await environment.store.perform { db throws(StoreError) in
                let ids = try db.dht.takeDue(
                    now: now, limit: most, again: DHTSettings.announceInterval, except: busy.union(idle))
                var found: [(torrent: DormantTorrent, nearest: [NodeContact], hasTracker: Bool)] = []
                for id in ids {
                    guard let row = try db.torrents.row(id) else { continue }
                    let volume = try db.volumes.trustedIdentity(of: row)
                    let nearest = try db.dht.near(id).flatMap { [NodeContact]($0) }
                    found.append(
                        (
                            DormantTorrent(row: row, trackers: [], volume: volume), nearest,
                            try db.dht.hasWorkingTracker(id)
                        ))
                }
                return found
            }
        } catch {
            log.error("could not read which torrents are due in the DHT: \(error)")
            return []
        }
        var due: [DHTService.Due] = []
        for (torrent, nearest, hasTracker) in found {
            let row = torrent.row
            guard let hash = PublicInfoHash(row.infoHash, isPrivate: row.isPrivate), await isReady(torrent),
                machine.isDormant(row.id)
            else { continue }
            let announcement = DHTAnnouncement(port: port, isSeed: row.completedBytes >= row.wantedBytes)
            due.append(
                DHTService.Due(
                    torrent: row.id,
                    announce: DHTDueAnnounce(hash, announcement, nearest: nearest, hasWorkingTracker: hasTracker)))
        }
        return due
    }

    /// Cancels the announces and scrapes of dormant torrents. Returns when none is under way, or after
    /// ``EngineSettings/goodbyeTime``, because a check of a hanging disk can't be cancelled.
    func stopAnnouncingDormant() async {
        let announcing = Array(announces.values)
        for task in announcing { task.cancel() }
        let tasks = announcing + environment.announces.onLoop { $0.cancelScrapes() }
        guard !tasks.isEmpty else { return }
        let (ended, end) = AsyncStream.makeStream(of: Never.self)
        Task {
            for task in tasks { await task.value }
            end.finish()
        }
        let limit = Task { [time = environment.settings.goodbyeTime] in
            do { try await Task.sleep(for: time) } catch { return }
            end.finish()
        }
        for await _ in ended {}
        limit.cancel()
    }

    // MARK: Folders

    /// Whether the torrent can be announced, because its output folder is on the volume where it was. A torrent whose
    /// disk is away can't serve (laws 3 and 5 of the design).
    func isInItsPlace(_ dormant: DormantTorrent) async -> Bool {
        let row = dormant.row
        let status = await folderStatus(of: row)
        let verdict = machine.verdict(
            on: row.id, volume: dormant.volume, isOffline: row.state == .offline, mayGoOffline: row.mayGoOffline,
            status, now: environment.clock.now)
        switch verdict {
        case nil: return false
        case .announce(let isBack):
            if isBack {
                await write("that \(row.name) is back") { db, now throws(StoreError) in
                    try db.torrents.comeBack(row.id, now: now)
                }
            }
            return true
        case .goOffline(let reason):
            let unseen = machine.folders.unseenTime(FileName(row.output), uptime: .now)
            await write("that \(row.name) is offline") { db, now throws(StoreError) in
                guard let row = try db.torrents.row(row.id), !row.settings.isPaused, row.mayGoOffline else { return }
                try db.torrents.goOffline([(row, reason, unseen)], pause: FolderPresence.lookAgainAfter, now: now)
            }
        case .activate: await activateToSettle(row.id)
        case .postpone: await postpone(row.id, for: FolderPresence.lookAgainAfter)
        }
        return false
    }

    /// Activates the torrent so that it finds out what is wrong, or that it has seeded enough, and updates its state.
    /// If a fault remains, its announces are postponed for a while.
    func activateToSettle(_ id: TorrentID) async {
        // The torrent will be active soon: its turn in the line comes no later than for others.
        guard !machine.isWaiting(id) else { return await postpone(id, for: machine.rules.shortPatience) }
        let finding = (await activate(id))?.onLoop { engine -> SessionMachine.Finding in
            engine.waitsForDiskAlone ? .waitsForDisk : engine.hasFault ? .hasFault : .isFine
        }
        let pause = feed { $0.lookedAt(id, finding ?? .hasFault, now: $1) }
        await departures[id]?.value
        if let pause { await postpone(id, for: pause) }
    }

    /// Whether the torrent's output folder is absent.
    func isAway(_ row: TorrentRow) async -> Bool {
        if case .away = await folderStatus(of: row) { true } else { false }
    }

    func folderStatus(of row: TorrentRow) async -> FolderStatus {
        let (folder, now) = (FileName(row.output), environment.clock.now)
        if let known = machine.folders.status(of: folder, now: now) { return known }
        let root = FilePath(text: row.output)
        let status: FolderStatus =
            switch await environment.disk.presence(of: Payload(folder: root, of: row.infoHash)) {
            case .present: .there(volume: await recordedIdentity(of: await environment.disk.volume(at: root)))
            case .absent(let error): .away("\(error)")
            }
        // The result is as old as the check.
        machine.folders.found(status, of: folder, now: now, uptime: .now)
        return status
    }

    /// Marks a complete torrent at rest as seeding, because this engine keeps serving all torrents.
    private func beginSeeding(_ row: TorrentRow) async {
        await write("that \(row.name) seeds") { db, _ throws(StoreError) in
            guard let row = try db.torrents.row(row.id), row.state == .complete, !row.settings.isPaused else { return }
            try db.torrents.setState(row.id, .seeding)
        }
    }

    private func postpone(_ id: TorrentID, for pause: Duration) async {
        await write("when torrent \(id) is checked again") { db, now throws(StoreError) in
            try db.trackers.postponeAnnounces(of: id, until: now + pause)
        }
    }
}

extension Payload {
    /// A payload with only the output folder, which is enough to check whether the folder is present.
    fileprivate convenience init(folder: FilePath, of infoHash: InfoHash) {
        guard let layout = FileLayout(files: []),
            let geometry = Geometry(totalBytes: 0, pieceLength: Geometry.blockLength)
        else {
            preconditionFailure("no files take no bytes")
        }
        self.init(infoHash: infoHash, root: folder, layout: layout, geometry: geometry)
    }
}
