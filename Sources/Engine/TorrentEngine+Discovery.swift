import Store
import Swarm
import Torrent

/// How an active torrent finds peers.
extension TorrentEngine {
    /// The torrent as the ways to find peers see it.
    func makeSeeker() -> PeerSeeker {
        PeerSeeker(
            situation: { [weak self] in self?.onLoop { $0.situation } },
            found: { [weak self] peers in self?.onLoop { $0.learn(peers) } },
            save: { [weak self] in await self?.savePeersAndCounters() })
    }

    private var situation: PeerSeeker.Situation {
        PeerSeeker.Situation(
            isRunning: swarm.isRunning, isAnnounced: swarm.isRunning && swarm.fault?.kind != .offline,
            isHungry: swarm.isHungry,
            progress: AnnouncedProgress(
                left: max(0, row.wantedBytes - completedBytes(swarm.have)), moved: movedInThisRun),
            isVerified: swarm.unverified.isEmpty)
    }

    func learn(_ peers: FoundPeers) {
        guard peers.source.isAllowed(isPrivate: row.isPrivate) else { return }
        dht?.found(peers)
        feed { swarm, now in swarm.learn(peers.addresses, from: peers.source, now: now) }
    }

    /// Dials peers that the user named.
    func learn(manual addresses: [PeerAddress]) {
        if let peers = FoundPeers(addresses, from: .manual, isPrivate: row.isPrivate) { learn(peers) }
    }

    /// `nil` if the torrent is private, or the DHT is off.
    nonisolated var dht: DHTAccess? { environment.dht(for: infoHash, isPrivate: metainfo.isPrivate) }

    /// The torrent as public ways to find peers may see it; `nil` if it is private (law 8).
    nonisolated var publicHash: PublicInfoHash? { PublicInfoHash(infoHash, isPrivate: metainfo.isPrivate) }

    /// The local discovery of a public torrent; `nil` if the torrent is private, or local discovery is off.
    nonisolated var localDiscovery: (service: LocalDiscoveryService, hash: PublicInfoHash)? {
        guard let service = environment.localDiscovery, let publicHash else { return nil }
        return (service, publicHash)
    }

    func announceIfDue() { announces.onLoop { $0.announceIfDue() } }

    /// The bytes to report to trackers: the torrent's transfers since this run of the engine first announced it (BEP
    /// 3).
    var movedInThisRun: TransferCounters { history.inThisRun(swarm.transfer) }
}
