import DequeModule
package import Store

/// A queue of waiting torrents. Appending, prepending, removing and popping take constant time, however long the line
/// is.
package struct WaitingLine {
    private struct Entry {
        let id: TorrentID
        let ticket: UInt64
        /// When the entry's rest ends; in the past if it doesn't rest.
        let restsUntil: Int64
    }

    private var entries: Deque<Entry> = []
    /// The tickets of waiting torrents. An entry with another ticket was removed.
    private var tickets: [TorrentID: UInt64] = [:]
    private var lastTicket: UInt64 = 0

    package init() {}

    package var count: Int { tickets.count }
    var isEmpty: Bool { tickets.isEmpty }

    package func contains(_ id: TorrentID) -> Bool { tickets[id] != nil }

    mutating func reserve(_ count: Int) {
        entries.reserveCapacity(entries.count + count)
        tickets.reserveCapacity(tickets.count + count)
    }

    package mutating func append(_ id: TorrentID, restsUntil: Int64 = .min) {
        entries.append(Entry(id: id, ticket: newTicket(id), restsUntil: restsUntil))
        dropRemoved()
    }

    package mutating func prepend(_ id: TorrentID) {
        entries.prepend(Entry(id: id, ticket: newTicket(id), restsUntil: .min))
        dropRemoved()
    }

    package mutating func remove(_ id: TorrentID) {
        tickets[id] = nil
        dropRemoved()
    }

    /// Removes and returns the first torrent.
    package mutating func popFirst() -> TorrentID? {
        while let entry = entries.popFirst() {
            guard tickets[entry.id] == entry.ticket else { continue }
            tickets[entry.id] = nil
            return entry.id
        }
        return nil
    }

    /// Removes and returns the first torrent if its rest has ended.
    mutating func popFirst(restedAt now: Int64) -> TorrentID? {
        while let entry = entries.first {
            if tickets[entry.id] == entry.ticket {
                guard entry.restsUntil <= now else { return nil }
                return popFirst()
            }
            entries.removeFirst()
        }
        return nil
    }

    /// Sorts the line by rank; torrents of one rank keep their order. This takes longer than constant time.
    mutating func sort(by rank: (TorrentID) -> Int64) {
        let waiting = entries.filter { tickets[$0.id] == $0.ticket }.map { (rank: rank($0.id), entry: $0) }
        entries = Deque(
            waiting.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
                .map(\.element.entry))
    }

    private mutating func newTicket(_ id: TorrentID) -> UInt64 {
        lastTicket += 1
        tickets[id] = lastTicket
        return lastTicket
    }

    /// Drops removed entries when they are the majority.
    private mutating func dropRemoved() {
        guard entries.count > 64, entries.count > 2 * tickets.count else { return }
        entries = Deque(entries.filter { tickets[$0.id] == $0.ticket })
    }
}
