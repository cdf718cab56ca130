import Swarm
import Torrent

/// What an active torrent reports to the ``SessionMachine``.
extension TorrentEngine {
    var report: TorrentReport {
        TorrentReport(
            activity: activity, isBusy: isBusy || isAnnouncing, hasWorkLeft: hasWorkLeft, holder: holderWaitedFor,
            fault: lastingFault?.text)
    }

    private var activity: SlotQueue.Activity {
        if swarm.isCompleteAndRecorded {
            return SlotQueue.Activity(work: swarm.peerCount > 0 ? .seeding : .idle, moved: swarm.transfer.uploaded)
        }
        if !swarm.unverified.isEmpty, swarm.fault == nil { return SlotQueue.Activity(work: .checking) }
        return SlotQueue.Activity(
            work: .downloading, moved: swarm.transfer.downloaded - swarm.transfer.wasted, patience: patience,
            limit: swarm.settings.downloadLimit)
    }

    /// Whether a tracker is being asked.
    var isAnnouncing: Bool { announces.onLoop { $0.isAnnouncing } }

    /// How long the torrent may go without progress while others wait.
    private var patience: SlotQueue.Patience {
        switch swarm.shownFault?.kind {
        // All torrents share the database, so no other would do better.
        case .database, .databaseFull: .endless
        case .diskFull: .long
        case .offline, .input, .ownership, .readOnly: .short
        case nil:
            swarm.peerCount == 0 && swarm.dialCount == 0 && !isAnnouncing && swarm.busyWebSeedCount == 0
                ? .short : .usual
        }
    }
}
