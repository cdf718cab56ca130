/// How a peer became known.
package enum PeerSource: String, Sendable, CaseIterable {
    case tracker, manual, incoming, pex, dht, lsd, history

    /// Whether peers of a torrent may come from here.
    ///
    /// Law 8: the peers of a private torrent come only from its trackers (BEP 27), from the user, and from connections
    /// that other peers make.
    package func isAllowed(isPrivate: Bool) -> Bool {
        switch self {
        case .tracker, .manual, .incoming, .history: true
        case .pex, .dht, .lsd: !isPrivate
        }
    }
}
