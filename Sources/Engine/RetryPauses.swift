import Store

/// The pauses before the activation of torrents whose disk failed is retried. Each is twice as long as the torrent's
/// last one, up to ``longest``.
package struct RetryPauses {
    private static let first = Duration.seconds(5)
    package static let longest = Duration.seconds(300)
    /// The pause if the row of a torrent couldn't be read.
    static let ofRead = Duration.seconds(1)

    /// The last pause of each torrent that is retried.
    private var pauses: [TorrentID: Duration] = [:]

    /// The torrents that are retried.
    var torrents: some Collection<TorrentID> { pauses.keys }

    func isRetried(_ id: TorrentID) -> Bool { pauses[id] != nil }

    /// The torrent's disk has failed, once more if it is retried already. Returns the pause until the retry.
    mutating func failed(_ id: TorrentID) -> Duration {
        let pause = min(Self.longest, pauses[id].map { $0 * 2 } ?? Self.first)
        pauses[id] = pause
        return pause
    }

    /// The torrent isn't retried any more: it has started, it was changed or removed, or it has another error.
    mutating func end(_ id: TorrentID) { pauses[id] = nil }
}
