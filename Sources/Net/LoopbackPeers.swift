import NIOCore
import Torrent
import TrackerWire

extension AnnounceResponse {
    /// The response without peers at loopback addresses, unless the tracker itself is in the local network. Otherwise,
    /// a remote tracker could make this client connect to any port of its own machine. Private addresses are kept,
    /// because peers behind the same router have them.
    func withoutLoopbackPeers(from tracker: SocketAddress?, _ reach: ReachTest) -> AnnounceResponse {
        guard peers.contains(where: { $0.host.reach == .loopback }) else { return self }
        if let host = tracker.flatMap({ PeerAddress($0) })?.host, reach.isLocal(host) { return self }
        var answer = self
        answer.peers.removeAll { $0.host.reach == .loopback }
        return answer
    }
}

extension UDPTrackerMachine.Answer {
    func withoutLoopbackPeers(from tracker: SocketAddress, _ reach: ReachTest) -> Self {
        guard case .announce(let response) = self else { return self }
        return .announce(response.withoutLoopbackPeers(from: tracker, reach))
    }
}
