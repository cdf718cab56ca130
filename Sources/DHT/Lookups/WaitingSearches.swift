import DequeModule
import Torrent

/// Searches of one family that wait for a place, or for nodes.
struct WaitingSearches {
    /// The most of them; more are refused.
    static let most = 4096

    private var searches = Deque<DHTSearch>()

    var count: Int { searches.count }
    var isEmpty: Bool { searches.isEmpty }

    /// Returns whether there was room.
    mutating func add(_ search: DHTSearch) -> Bool {
        guard searches.count < Self.most else { return false }
        searches.append(search)
        return true
    }

    /// Takes the first one that can begin.
    mutating func takeFirst(where canBegin: (DHTSearch) -> Bool) -> DHTSearch? {
        guard let place = searches.firstIndex(where: canBegin) else { return nil }
        return searches.remove(at: place)
    }

    mutating func forget(_ hash: PublicInfoHash) { searches.removeAll { $0.hash == hash } }

    mutating func takeAll() -> [DHTSearch] {
        defer { searches.removeAll() }
        return Array(searches)
    }
}
