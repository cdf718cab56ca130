import Store

/// Complete torrents that rest because an earlier engine didn't seed begin to seed, some at a time, so that a start
/// doesn't wait for all.
package struct SeedingSweep {
    /// The most torrents looked at per second.
    package static let most = 500

    private enum State {
        case begins(after: TorrentID?)
        case underWay(after: TorrentID?)
        case done
    }

    private var state = State.begins(after: nil)

    /// Begins again, because the engine's goal changed.
    mutating func begin() { state = .begins(after: nil) }

    /// Returns the torrent after which to look, if it is time to; answered by ``ended(_:count:)``.
    mutating func next() -> TorrentID?? {
        guard case .begins(let last) = state else { return nil }
        state = .underWay(after: last)
        return .some(last)
    }

    /// `last` is the last of `count` torrents that were looked at; the count is `nil` if that failed.
    mutating func ended(_ last: TorrentID?, count: Int?) {
        guard case .underWay(let before) = state else { return }
        state = count.map { $0 < Self.most } ?? false ? .done : .begins(after: last ?? before)
    }
}
