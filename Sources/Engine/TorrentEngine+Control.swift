import Disk
import Logging
import Store
import Swarm
import Torrent

/// Requests from the session to an active torrent.
extension TorrentEngine {
    nonisolated var fileCount: Int { assumeIsolated { $0.metainfo.layout.files.count } }

    nonisolated var isProtectedByUser: Bool { assumeIsolated { $0.row.settings.isReadOnly } }

    var hasFault: Bool { swarm.fault != nil }

    /// The current fault, and since when the torrent has had a fault without a break.
    var lastingFault: (since: Instant, text: String)? {
        guard let fault = swarm.shownFault, let since = faultTimes.since else { return nil }
        return (since, fault.text)
    }

    /// Whether something remains to be downloaded or checked, and no fault prevents it.
    var hasUnfinishedWork: Bool { !swarm.isCompleteAndRecorded && swarm.fault == nil }

    /// Whether the torrent has peers, work left, or a fault.
    var isBusy: Bool { swarm.peerCount > 0 || !swarm.isCompleteAndRecorded || swarm.fault != nil }

    /// Whether the torrent only waits for its disk to return.
    var waitsForDiskAlone: Bool { swarm.fault?.kind == .offline && swarm.isCompleteAndRecorded && swarm.peerCount == 0 }

    /// Whether an engine that ends by itself must wait for this torrent.
    var hasWorkLeft: Bool {
        if isStopped || waitsForUser { return false }
        guard swarm.isCompleteAndRecorded, !swarm.isInspecting else { return true }
        return row.settings.seedGoal.over(environment.settings.seedGoal) != .none && !history.seeding.isGoalReported
    }

    /// Returns the state and error to store when the torrent has come to rest.
    func restingState(isSeeding: Bool) -> (TorrentState, Fault?) {
        if let fault = swarm.shownFault { return (fault.kind == .offline ? .offline : .error, fault) }
        guard swarm.isComplete, swarm.unverified.isEmpty else { return (.queued, nil) }
        return (isSeeding ? .seeding : .complete, nil)
    }

    /// Whether the wanted files include one that was skipped so far. The torrent must then come to rest, so that the
    /// part file is read while nothing writes to it.
    func mustRest(for wanted: [Bool]) -> Bool {
        metainfo.layout.files.contains { file in
            guard wanted[file.index], case .part = payload.placement[file.index] else { return false }
            return true
        }
    }

    /// The current transfer rates, in bytes per second.
    var demand: RateAllocator.Demand {
        let rates = swarm.rates(now: environment.clock.now)
        return RateAllocator.Demand(download: rates.download, upload: rates.upload)
    }

    /// Applies the torrent's share of the common limits; its own limits apply too.
    func limit(_ share: RateAllocator.Share) {
        var settings = SwarmSettings(row, over: environment.settings.swarm)
        settings.maximumPeers = row.settings.limits.peers ?? share.peers
        settings.downloadLimit = [settings.downloadLimit, share.download].compactMap(\.self).min()
        settings.uploadLimit = [settings.uploadLimit, share.upload].compactMap(\.self).min()
        guard settings != swarm.settings else { return }
        feed { swarm, now in swarm.change(settings, now: now) }
    }

    /// Adds the trackers that are new to the torrent, and announces to them.
    func add(_ rows: [TrackerRow]) { announces.onLoop { $0.add(rows) } }

    func announceNow() {
        announces.onLoop { $0.hasten() }
        dht?.hasten()
    }
}
