import Store
import Swarm
import Torrent

/// What a torrent without metadata reports, and how it finds peers.
extension MetadataEngine {
    /// The torrent as the ways to find peers see it.
    func makeSeeker() -> PeerSeeker {
        PeerSeeker(
            situation: { [weak self] in self?.onLoop { $0.situation } },
            found: { [weak self] peers in self?.onLoop { $0.learn(peers) } },
            save: { [weak self] in await self?.savePeers() })
    }

    private var situation: PeerSeeker.Situation {
        PeerSeeker.Situation(
            isRunning: !isStopped, isAnnounced: !isStopped, isHungry: fetch.isHungry,
            progress: AnnouncedProgress(left: Self.unknownLeft, moved: TransferCounters()))
    }

    /// `nil` if the DHT is off. A torrent without metadata isn't private yet.
    nonisolated var dht: DHTAccess? { environment.dht(for: infoHash, isPrivate: false) }

    /// `nil` if local discovery is off.
    nonisolated var localDiscovery: (service: LocalDiscoveryService, hash: PublicInfoHash)? {
        guard let service = environment.localDiscovery, let hash = PublicInfoHash(infoHash, isPrivate: false) else {
            return nil
        }
        return (service, hash)
    }

    /// From now on no peers are looked for in public.
    func leavePublic() {
        exchange = nil
        dht?.forget()
        if let (service, hash) = localDiscovery { service.onLoop { $0.forget(hash) } }
    }

    func learn(_ peers: FoundPeers) {
        guard !isStopped else { return }
        dht?.found(peers)
        feed { fetch, now in fetch.learn(peers.addresses, from: peers.source, now: now) }
    }

    /// Dials peers that the user named.
    func learn(manual addresses: [PeerAddress]) {
        if let peers = FoundPeers(addresses, from: .manual, isPrivate: false) { learn(peers) }
    }

    /// Adds the trackers that are new to the torrent, and announces to them.
    func add(_ rows: [TrackerRow]) { announces.onLoop { $0.add(rows) } }

    func announceNow() {
        announces.onLoop { $0.hasten() }
        dht?.hasten()
    }

    var report: TorrentReport {
        let isAnnouncing = announces.onLoop { $0.isAnnouncing }
        let isAlone = fetch.peerCount == 0 && fetch.dialCount == 0 && !isAnnouncing
        return TorrentReport(
            activity: SlotQueue.Activity(
                work: .downloading, moved: fetch.receivedBytes, patience: isAlone ? .short : .usual),
            isBusy: true, hasWorkLeft: !isStopped)
    }

    func snapshot() -> TorrentSnapshot {
        TorrentSnapshot(
            id: id, infoHash: infoHash, name: row.name, state: .metadata, error: nil, totalBytes: 0, wantedBytes: 0,
            completedBytes: 0, pieceCount: 0, have: Bitfield(count: 0), downloadedBytes: 0, uploadedBytes: 0,
            wastedBytes: 0, downloadRate: fetch.rate(now: environment.clock.now), uploadRate: 0, peers: fetch.peerCount,
            seeders: 0, timeLeft: nil,
            unverified: 0, metadata: fetch.offer)
    }

    func liveRow() -> LiveRow {
        LiveRow(
            torrent: id, downloadRate: Int64(fetch.rate(now: environment.clock.now)), uploadRate: 0,
            peersConnected: fetch.peerCount, seeders: 0, leechers: fetch.peerCount, timeLeft: nil,
            at: environment.clock.timestamp)
    }

    /// Returns the connections.
    func livePeers(limit: Int) -> [LivePeerRow] {
        fetch.reports.prefix(limit).map { peer in
            LivePeerRow(
                address: peer.address, isIncoming: peer.isIncoming, client: peer.client.isEmpty ? nil : peer.client,
                pieces: 0, flags: [.weChoke, .itChokes], downloadRate: 0, uploadRate: 0,
                downloadedBytes: peer.receivedBytes, uploadedBytes: 0, requests: peer.requests)
        }
    }
}
