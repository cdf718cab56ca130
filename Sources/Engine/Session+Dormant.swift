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
    /// The number of turns between two scrapes, so that many torrents share one.
    private static let turnsPerScrape = 10
    /// How long a torrent is not announced if it can't be activated, has a fault when active, or has seeded enough.
    static let leftAloneFor = Duration.seconds(3600)

    /// Performs one turn: saves tracker answers, then announces the torrents that are due.
    func announceForSleepers() async {
        guard case .all = environment.settings.scope, !isStopping else { return }
        await saveSleepers()
        guard !isStopping else { return }
        scrapeForSleepers()
        let room = min(Self.announcesPerSecond, Self.announcesAtOnce - dormantTorrents.announcing.count)
        guard room > 0 else { return }
        // Torrents whose answers arrived during the save are excluded too, because their rows still say that they are
        // due.
        let busy = Set(dormantTorrents.announcing.keys).union(
            (dormantTorrents.learned + dormantTorrents.beingSaved).map(\.torrent)
        ).union(
            engines.keys
        ).union(waking.keys)
        let idle = troubled.union(retired)
        let away = foldersAway
        let unseen = away.reduce(into: [:]) { $0[$1.key] = unseenTime($1.key) }
        let now = environment.clock.timestamp
        do {
            let due = try await environment.store.perform { db throws(StoreError) -> [DormantTorrent] in
                var due: [DormantTorrent] = []
                var offline: [(row: TorrentRow, reason: String, unseen: Duration)] = []
                let limit = away.isEmpty ? room : room + Self.foundOfflinePerSecond
                for id in try db.trackers.dueTorrents(now: now, limit: limit, except: busy) where due.count < room {
                    if idle.contains(id) {
                        try db.trackers.postponeAnnounces(of: id, until: now + Self.leftAloneFor)
                    } else if let row = try db.torrents.row(id) {
                        if let reason = away[FileName(row.output)], row.mayGoOffline {
                            offline.append((row, reason, unseen[FileName(row.output)] ?? .zero))
                            continue
                        }
                        due.append(
                            DormantTorrent(
                                row: row, trackers: try db.trackers.rows(of: id),
                                volume: try row.volume.flatMap { volume throws(StoreError) in
                                    try db.volumes.row(volume)?.identity
                                }))
                    }
                }
                if !offline.isEmpty { try db.torrents.goOffline(offline, pause: Self.lookAgainAfter, now: now) }
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
            return await lookAwake(row.id)
        }
        guard await isInItsPlace(dormant) else { return }
        let goal = row.settings.seedGoal.over(environment.settings.seedGoal)
        let mayRest = goal.isReached(uploaded: row.uploadedBytes, wanted: row.wantedBytes, seedTime: row.seedTime)
        guard !mayRest else { return await lookAwake(row.id) }
        if row.state == .complete { await beginSeeding(row) }
        var shuffle = SeededGenerator(seed: random.next())
        var announcer = Announcer(rows: dormant.trackers, since: environment.clock.unixOrigin, using: &shuffle)
        announcer.start(now: environment.clock.timestamp.rawValue)
        var leechers: [PeerAddress] = []
        while case let actions = announcer.due(now: environment.clock.timestamp.rawValue, isHungry: false),
            !actions.isEmpty
        {
            for action in actions where !Task.isCancelled { leechers += await ask(action, &announcer, row) }
            // An announce that the session cancelled says nothing about the trackers.
            guard !Task.isCancelled else { return }
        }
        // The torrent was activated meanwhile and has its own announcer, so these answers are dropped.
        guard !isStopping, engines[row.id] == nil, waking[row.id] == nil else { return }
        let known = Dictionary(dormant.trackers.map { ($0.url, $0) }) { first, _ in first }
        dormantTorrents.learned += announcer.rows(of: row.id).filter { known[$0.url] != $0 }
        // Saved at once, so that after a kill the tracker isn't contacted too early and its error isn't lost.
        await saveSleepers()
        guard !leechers.isEmpty, connectionCount < environment.settings.maximumPeers, admits(row) else { return }
        await wake(row.id)?.onLoop { [leechers] engine in
            engine.feed { swarm, now in swarm.learn(leechers, from: .tracker, now: now) }
        }
    }

    /// Announces to one tracker. Returns the peers that it named, unless it has no leechers.
    private func ask(_ action: Announcer.Action, _ announcer: inout Announcer, _ row: TorrentRow) async -> [PeerAddress]
    {
        let clock = environment.clock
        let url: TrackerURL
        do { url = try TrackerURL(action.url) } catch {
            announcer.failed(
                action.url, reason: "\(error)", retryIn: Announcer.longestInterval, now: clock.timestamp.rawValue)
            return []
        }
        if let wait = environment.hosts.reasonToWait(for: url, now: clock.timestamp) {
            announcer.failed(action.url, reason: wait.reason, retryIn: wait.seconds, now: clock.timestamp.rawValue)
            return []
        }
        let request = AnnounceRequest(
            action, of: row.infoHash, environment, port: listenPort, left: max(0, row.wantedBytes - row.completedBytes),
            moved: dormantTorrents.moved[row.id] ?? .init())
        do throws(TrackerError) {
            let answer = try await environment.trackers.announce(url, request)
            let now = clock.timestamp.rawValue
            environment.hosts.answered(url)
            announcer.answered(action.url, event: action.event, Announcer.Answer(answer), now: now)
            if answer.complete == nil { dormantTorrents.uncounted[action.url, default: [:]][row.infoHash] = row.id }
            return answer.incomplete == 0 ? [] : answer.peers
        } catch {
            let now = clock.timestamp
            // An announce that the session cancelled says nothing about the tracker.
            guard !Task.isCancelled else { return [] }
            do throws(StoreError) { try await environment.hosts.failed(url, error, now: now) } catch {
                log.error("could not save the retry time that \(url.server) asked for: \(error)")
            }
            announcer.failed(action.url, reason: "\(error)", retryIn: error.retrySeconds, now: now.rawValue)
            return []
        }
    }

    /// Cancels the announces and scrapes of dormant torrents. Returns when none is under way, or after
    /// ``EngineSettings/goodbyeTime``, because a check of a hanging disk can't be cancelled.
    func stopAnnouncingForSleepers() async {
        let tasks = Array(dormantTorrents.announcing.values) + dormantTorrents.scrapes.values
        guard !tasks.isEmpty else { return }
        for task in tasks { task.cancel() }
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

    // MARK: What was learned

    /// Writes tracker answers to the database, many in one transaction.
    func saveSleepers() async {
        // The save under way doesn't include the answers that arrived since it began.
        if let saving = dormantTorrents.saving { await saving.value }
        if let saving = dormantTorrents.saving { return await saving.value }
        guard !dormantTorrents.learned.isEmpty else { return }
        let saving = Task { await self.writeSleepers() }
        dormantTorrents.saving = saving
        await saving.value
    }

    private func writeSleepers() async {
        let learned = dormantTorrents.learned
        dormantTorrents.learned = []
        dormantTorrents.beingSaved = learned
        do {
            try await environment.store.perform { db throws(StoreError) in
                try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
                    for tracker in learned { try db.trackers.save(tracker) }
                }
            }
        } catch {
            // Lost answers would cause announces too early, but keeping all of them forever would grow without limit.
            if dormantTorrents.learned.count < Self.announcesPerSecond {
                dormantTorrents.learned = learned + dormantTorrents.learned
            }
            log.error("could not save tracker responses: \(error)")
        }
        dormantTorrents.beingSaved = []
        dormantTorrents.saving = nil
    }

    /// Scrapes the counts of many torrents at once (BEP 48).
    private func scrapeForSleepers() {
        dormantTorrents.turns += 1
        guard dormantTorrents.turns % Self.turnsPerScrape == 0 else { return }
        let wanted = dormantTorrents.uncounted
        dormantTorrents.uncounted = [:]
        for (text, torrents) in wanted {
            if dormantTorrents.scrapes[text] == nil {
                dormantTorrents.scrapes[text] = Task { await self.scrape(text, torrents) }
            } else {
                dormantTorrents.uncounted[text] = torrents
            }
        }
    }

    private func scrape(_ text: String, _ torrents: [InfoHash: TorrentID]) async {
        defer { dormantTorrents.scrapes[text] = nil }
        do {
            let url = try TrackerURL(text)
            let counts = try await environment.trackers.scrape(url, Array(torrents.keys)).torrents
            let now = environment.clock.timestamp
            guard !isStopping else { return }
            try await environment.store.perform { db throws(StoreError) in
                try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
                    for (infoHash, id) in torrents {
                        guard let count = counts[infoHash] else { continue }
                        try db.trackers.saveScrape(
                            id, text, seeders: count.complete, leechers: count.incomplete, downloads: count.downloaded,
                            now: now)
                    }
                }
            }
        } catch {
            log.debug("could not scrape \(MaskedURL.text(text)): \(error)")
        }
    }
}
