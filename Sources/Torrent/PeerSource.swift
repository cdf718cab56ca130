/// How a peer became known.
package enum PeerSource: String, Sendable, CaseIterable {
    case tracker, manual, incoming, pex, dht, lsd, history

    /// Whether peers of a torrent may come from here.
    ///
    /// Law 8: the peers of a private torrent come from its trackers alone (BEP 27), beside those that the user names and
    /// those that know the torrent already.
    package func isAllowed(isPrivate: Bool) -> Bool {
        switch self {
        case .tracker, .manual, .incoming, .history: true
        case .pex, .dht, .lsd: !isPrivate
        }
    }
}
