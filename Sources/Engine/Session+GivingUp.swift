import Logging
import Store
import Swarm
import Torrent

/// An engine that ends by itself doesn't wait for ever: a disk that nobody mounts would keep a job of cron(8) for days.
extension Session {
    /// Stops when every torrent that has something left to do has been stopped by a fault of this machine for
    /// ``EngineSettings/giveUpAfter``.
    ///
    /// Torrents that wait for peers or trackers are not given up: nothing is wrong here.
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
        // Where torrents take turns, each is active for a short while: what counts is how long nobody could go on.
        guard !stuck.isEmpty else { return }
        let since = stuckSince ?? now
        stuckSince = since
        guard now - since >= patience else { return }
        log.info("gave up: local faults have blocked \(stuck.count) torrents for \(patience)")
        givenUp = stuck
        await stop()
    }

    /// A complete torrent that was out of reach, or had failed, when an engine saw it last sleeps on with that state.
    /// An engine that ends by itself says how each torrent is, so it looks again first.
    func lookAtComplete() async throws {
        guard environment.settings.endsWhenComplete, case .all = environment.settings.scope else { return }
        let rows = try await environment.store.perform { db throws(StoreError) in
            try (db.torrents(in: .offline) + db.torrents(in: .error)).filter {
                $0.isComplete && $0.damage == nil && !$0.settings.isPaused
            }
        }
        for row in rows where !isStopping && engines[row.id] == nil {
            // One look at a folder is enough for all of its torrents.
            guard row.state == .error || foldersAway[FileName(row.output)] == nil else { continue }
            if row.state == .offline, await isAway(row) { continue }
            guard let engine = await wake(row.id), !engine.onLoop({ $0.hasUnfinishedWork }) else { continue }
            await putToSleep(row.id, sayingGoodbye: false)
        }
    }
}
