import Disk
import Logging
import Net
import Store
import Swarm
import Torrent
import TrackerWire

/// Announces dormant torrents from their rows. A torrent is activated only when a peer wants its data.
extension Session {
    /// The most torrents announced per second, and the most that wait for answers at once.
    private static let announcesPerSecond = 100
    private static let announcesAtOnce = 50
    /// The most torrents found offline per second, in addition to those announced. When a disk is away, all of its
    /// torrents are found offline within five minutes.
    private static let foundOfflinePerSecond = 500
    /// How long a torrent is not announced if it can't be activated, has a fault when active, or has seeded enough.
    static let leftAloneFor = Duration.seconds(3600)

    /// Performs one turn: saves tracker answers, then announces the torrents that are due.
    func announceDormant() async {
        guard case .all = environment.settings.scope, !isStopping else { return }
        await environment.announces.save()
        guard !isStopping else { return }
        environment.announces.onLoop { $0.scrapeIfDue() }
        let room = min(Self.announcesPerSecond, Self.announcesAtOnce - dormantTorrents.announcing.count)
        guard room > 0 else { return }
        // Torrents whose answers arrived during the save are excluded too, because their rows still say that they are
        // due.
        let busy = Set(dormantTorrents.announcing.keys).union(environment.announces.onLoop { $0.unsavedTorrents })
            .union(engines.keys).union(activating.keys)
        let idle = troubled.union(retired)
        let away = foldersAway
        let unseen = away.reduce(into: [:]) { $0[$1.key] = unseenSeconds($1.key) }
        let now = environment.clock.timestamp
        do {
            let due = try await environment.store.perform { db throws(StoreError) -> [DormantTorrent] in
                var due: [DormantTorrent] = []
                var offline: [(row: TorrentRow, reason: String, unseen: Int64)] = []
                let limit = away.isEmpty ? room : room + Self.foundOfflinePerSecond
                for id in try db.dueTorrents(now: now, limit: limit, except: busy) where due.count < room {
                    if idle.contains(id) {
                        try db.postponeAnnounces(of: id, until: now + Self.leftAloneFor)
                    } else if let row = try db.torrent(id) {
                        if let reason = away[FileName(row.output)], row.mayGoOffline {
                            offline.append((row, reason, unseen[FileName(row.output)] ?? 0))
                            continue
                        }
                        due.append(
                            DormantTorrent(
                                row: row, trackers: try db.trackers(of: id),
                                volume: try row.volume.flatMap { volume throws(StoreError) in
                                    try db.volume(volume)?.identity
                                }))
                    }
                }
                if !offline.isEmpty { try db.goOffline(offline, now: now) }
                return due
            }
            guard !isStopping else { return }
            for dormant in due { dormantTorrents.announcing[dormant.row.id] = Task { await self.announce(dormant) } }
        } catch {
            log.error("could not announce dormant torrents: \(error)")
        }
    }

    private func announce(_ dormant: DormantTorrent) async {
        let row = dormant.row
        defer { dormantTorrents.announcing[row.id] = nil }
        guard row.damage == nil, DormantTorrent.restingStates.contains(row.state) else {
            return await activateToSettle(row.id)
        }
        guard await isInItsPlace(dormant) else { return }
        let goal = row.settings.seedGoal.over(environment.settings.seedGoal)
        let mayRest = goal.isReached(uploaded: row.uploadedBytes, wanted: row.wantedBytes, seedTime: row.seedTime)
        guard !mayRest else { return await activateToSettle(row.id) }
        if row.state == .complete { await beginSeeding(row) }
        let progress = AnnouncedProgress(
            left: max(0, row.wantedBytes - row.completedBytes), moved: dormantTorrents.moved[row.id] ?? .init())
        guard let answer = await environment.announces.announce(dormant, progress, seed: random.next()) else { return }
        // The torrent was activated meanwhile and has its own announces, so these answers are dropped.
        guard !isStopping, engines[row.id] == nil, activating[row.id] == nil else { return }
        // Saved at once, so that after a kill the tracker isn't contacted too early and its error isn't lost.
        await environment.announces.save(answer.rows)
        guard let peers = answer.peers, connectionCount < environment.settings.maximumPeers, admits(row) else { return }
        await activate(row.id)?.onLoop { $0.learn(peers) }
    }

    /// Cancels the announces and scrapes of dormant torrents. Returns when none is under way, or after
    /// ``EngineSettings/goodbyeTime``, because a check of a hanging disk can't be cancelled.
    func stopAnnouncingDormant() async {
        let announcing = Array(dormantTorrents.announcing.values)
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
}
