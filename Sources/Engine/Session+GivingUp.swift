import Logging
import Store
import Swarm
import Torrent

/// An engine that ends by itself doesn't wait forever: a disk that is never mounted would keep a cron(8) job running
/// for days.
extension Session {
    /// Stops when local faults have blocked every torrent with work left for ``EngineSettings/giveUpAfter``.
    ///
    /// Torrents that wait for peers or trackers are not given up, because nothing is wrong on this machine.
    func giveUpIfStuck() async {
        let settings = environment.settings
        guard let patience = settings.giveUpAfter, settings.endsWhenComplete, !isStopping, waking.isEmpty else {
            return
        }
        let now = environment.clock.now
        var stuck: [TorrentID: String] = [:]
        for (id, engine) in engines where engine.onLoop({ $0.hasWorkLeft }) {
            guard let (_, text) = engine.onLoop({ $0.lastingFault }) else { return stuckSince = nil }
            stuck[id] = text
        }
        // When torrents take turns, each is active only briefly, so this measures how long all of them have been
        // blocked.
        guard !stuck.isEmpty else { return }
        let since = stuckSince ?? now
        stuckSince = since
        guard now - since >= patience else { return }
        log.info("gave up: local faults have blocked \(stuck.count) torrents for \(patience)")
        givenUp = stuck
        await stop()
    }

    /// Activates complete torrents that are stored as offline or failed, to update their states. A dormant torrent
    /// keeps its state from the last run, but an engine that ends by itself reports the state of each.
    func lookAtComplete() async throws {
        guard environment.settings.endsWhenComplete, case .all = environment.settings.scope else { return }
        let rows = try await environment.store.perform { db throws(StoreError) in
            try (db.torrents.rows(in: .offline) + db.torrents.rows(in: .error)).filter {
                $0.isComplete && $0.damage == nil && !$0.settings.isPaused
            }
        }
        for row in rows where !isStopping && engines[row.id] == nil {
            // One check of a folder is enough for all of its torrents.
            guard row.state == .error || foldersAway[FileName(row.output)] == nil else { continue }
            if row.state == .offline, await isAway(row) { continue }
            guard let engine = await wake(row.id), !engine.onLoop({ $0.hasUnfinishedWork }) else { continue }
            await putToSleep(row.id, sayingGoodbye: false)
        }
    }
}
