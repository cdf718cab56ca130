import Logging
import Store
import Swarm
import Torrent

/// Local discovery of torrents at rest (BEP 14): they are announced in turn, and one that a peer on the local network
/// announces becomes active.
extension Session {
    /// Runs once a second.
    func serveLocalNetwork() async {
        guard let service = environment.localDiscovery, !isStopping else { return }
        for other in service.onLoop({ $0.takeOthers() }) { await found(other.hash, at: other.address) }
        await service.announceDormant { await self.publicSeeds(after: $0, most: $1) }
    }

    private func publicSeeds(after last: TorrentID?, most: Int) async -> (hashes: [PublicInfoHash], last: TorrentID?) {
        guard !isStopping else { return ([], nil) }
        do {
            return try await environment.store.perform { db throws(StoreError) in
                try db.torrents.publicSeeds(after: last, limit: most)
            }
        } catch {
            log.error("could not read which torrents to announce on the local network: \(error)")
            return ([], nil)
        }
    }

    /// A peer on the local network announced the torrent. If it is ours, public and at rest, it becomes active and
    /// dials the peer, as far as there are slots and connections.
    private func found(_ infoHash: InfoHash, at address: PeerAddress) async {
        guard !isStopping, connectionCount < environment.settings.maximumPeers, byHash[infoHash] == nil,
            fetchByHash[infoHash] == nil
        else { return }
        do {
            let row = try await environment.store.perform { db throws(StoreError) in try db.torrents.row(infoHash) }
            guard let row, let peers = LocalDiscoveryService.found([address], isPrivate: row.isPrivate),
                row.hasMetadata, row.damage == nil, !row.settings.isPaused, admits(row)
            else { return }
            await activate(row.id)?.onLoop { $0.learn(peers) }
        } catch {
            log.error("\(error)")
        }
    }
}
