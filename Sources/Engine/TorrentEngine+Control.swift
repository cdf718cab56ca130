import Disk
import Logging
import Store
import Swarm
import Torrent

/// What the session wants of an active torrent.
extension TorrentEngine {
    nonisolated var fileCount: Int { assumeIsolated { $0.metainfo.layout.files.count } }

    var hasFault: Bool { swarm.fault != nil }

    /// What has stopped it without a break, and since when.
    var lastingFault: (since: Instant, text: String)? {
        guard let fault = swarm.shownFault, let faultSince else { return nil }
        return (faultSince, fault.text)
    }

    /// Whether something is to be downloaded or checked, and nothing stands in the way.
    var hasUnfinishedWork: Bool { !swarm.isCompleteAndRecorded && swarm.fault == nil }

    /// Whether it has peers, or something to do.
    var isBusy: Bool { swarm.peerCount > 0 || !swarm.isCompleteAndRecorded || swarm.fault != nil }

    /// Whether the disk is away, and nothing else is to be done.
    var waitsForDiskAlone: Bool { swarm.fault?.kind == .offline && swarm.isCompleteAndRecorded && swarm.peerCount == 0 }

    /// Whether an engine that ends by itself has to wait for it.
    var hasWorkLeft: Bool {
        if isStopped || waitsForUser { return false }
        guard swarm.isCompleteAndRecorded, !swarm.isInspecting else { return true }
        return row.settings.seedGoal.over(environment.settings.seedGoal) != .none && !goalWasTold
    }

    /// What its row says once it has come to rest.
    func restingState(isSeeding: Bool) -> (TorrentState, String?) {
        if let fault = swarm.shownFault { return (fault.kind == .offline ? .offline : .error, fault.text) }
        guard swarm.isComplete, swarm.doubtful.isEmpty else { return (.queued, nil) }
        return (isSeeding ? .seeding : .complete, nil)
    }

    /// Whether a file that was skipped so far is among the wanted: then the torrent has to come to rest, so that the
    /// part file is read when nobody writes to it.
    func mustRest(for wanted: [Bool]) -> Bool {
        metainfo.layout.files.contains { file in
            guard wanted[file.index], case .part = payload.placement[file.index] else { return false }
            return true
        }
    }

    /// The settings or the selection in the row are others than before. Files that aren't wanted any more stay where
    /// they are.
    func apply(_ new: TorrentRow, wanted: [Bool]) {
        row = new
        goalWasTold = false
        let flags = zip(wanted, metainfo.layout.files).map { $0 && !$1.isPad }
        guard flags != selection.wanted, let selection = FileSelection(layout: metainfo.layout, wanted: flags) else {
            return
        }
        self.selection = selection
        let pieces = selection.wantedPieces(geometry: metainfo.geometry)
        feed { swarm, now in swarm.select(pieces, now: now) }
        saveState()
    }

    /// What it transfers now, in bytes per second.
    var demand: (download: Int, upload: Int) { swarm.rates(now: environment.clock.now) }

    /// Its part of what all torrents share; its own limits hold too.
    func limit(peers: Int, download: Int?, upload: Int?) {
        var settings = SwarmSettings(row, over: environment.settings.swarm)
        settings.maximumPeers = row.settings.limits.peers ?? peers
        settings.downloadLimit = [settings.downloadLimit, download].compactMap(\.self).min()
        settings.uploadLimit = [settings.uploadLimit, upload].compactMap(\.self).min()
        guard settings != swarm.settings else { return }
        feed { swarm, now in swarm.change(settings, now: now) }
    }

    /// Everything that is claimed is hashed again, unless it can't be reached: then nothing is doubted that nobody can
    /// look at.
    func verifyAll() {
        guard swarm.fault?.kind != .offline else { return }
        resumeNote = "requested by the user"
        feed { swarm, now in swarm.doubt(swarm.have, now: now) }
        saveState()
    }

    /// Adds the trackers that are new to the torrent, and announces to them.
    func add(_ rows: [TrackerRow]) {
        for row in rows where savedTrackers[row.url] == nil {
            savedTrackers[row.url] = row
            announcer.add(Announcer.Tracker(row))
        }
        announceIfDue()
    }

    func announceNow() {
        announcer.hasten(now: unixNow)
        announceIfDue()
    }
}
