import Store

/// Limits how many dormant torrents are announced at once, and per second.
package struct AnnouncePacing {
    /// The most torrents announced per second, and the most that wait for answers at once.
    static let perSecond = 100
    package static let atOnce = 50

    /// The torrents that are being announced.
    private(set) var announcing: Set<TorrentID> = []
    private var isFinding = false

    /// Returns how many torrents may be found this second, if any; answered by ``found(_:)``.
    mutating func room() -> Int? {
        let room = min(Self.perSecond, Self.atOnce - announcing.count)
        guard room > 0, !isFinding else { return nil }
        isFinding = true
        return room
    }

    /// Returns those of the torrents that are to be announced; answer each with ``ended(_:)``.
    mutating func found(_ ids: [TorrentID]) -> [TorrentID] {
        isFinding = false
        let due = ids.filter { !announcing.contains($0) }
        announcing.formUnion(due)
        return due
    }

    mutating func ended(_ id: TorrentID) { announcing.remove(id) }
}
