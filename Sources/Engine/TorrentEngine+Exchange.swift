import Net
import PeerWire
import Store
import Swarm
import Torrent

/// Peer exchange: addresses of peers that other peers send.
extension TorrentEngine: PeerDiscovery {
    /// What connected peers tell.
    package static let source = PeerSource.pex

    /// Tells peers of others, if it is time.
    func exchangePeersIfDue() {
        let now = environment.clock.now
        guard !isStopped, swarm.isRunning, exchange?.isDue(now: now) ?? false,
            let messages = exchange?.messages(swarm.contacts, now: now)
        else { return }
        for (key, news) in messages {
            let message = PeerExchangeMessage(added: news.added, dropped: news.dropped)
            guard let wire = connections.message(message, to: key) else { continue }
            connections.connection(toSendTo: key)?.send(wire)
        }
        perform()
    }

    /// A peer told of others.
    func toldOf(_ hints: [PeerHint], by key: PeerKey, now: Instant) {
        guard let sender = connections[key]?.remote else { return }
        switch exchange?.received(hints, from: key, at: sender, now: now) {
        case .take(let addresses):
            guard let peers = Self.found(addresses, isPrivate: row.isPrivate), !peers.addresses.isEmpty else { return }
            dht?.found(peers)
            swarm.learn(peers.addresses, toldBy: key, now: now)
        case .disconnect: swarm.misbehaved(key, "too many messages about other peers", now: now)
        case .ignore, nil: break
        }
    }
}
