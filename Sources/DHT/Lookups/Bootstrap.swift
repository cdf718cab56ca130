import Torrent

/// When and where to look for nodes while there are too few.
struct Bootstrap {
    /// While there are fewer good nodes than this, the search is repeated.
    static let enough = 8
    /// The first pause and the longest; it doubles each time.
    static let pauses = Duration.seconds(5)...Duration.seconds(300)
    /// The most addresses of each kind that are remembered.
    static let mostEntries = 64

    /// Addresses of nodes that the user gave, or that peers named. They may become nodes of the table.
    private(set) var entries: [PeerAddress] = []
    /// Addresses of bootstrap servers: asked for nodes, but never kept, announced to or told to others.
    private(set) var routers: [PeerAddress] = []
    private(set) var nextTry: Instant?
    private var pause = Self.pauses.lowerBound

    /// The network is there, or has changed: look for nodes at once.
    mutating func begin(now: Instant) {
        pause = Self.pauses.lowerBound
        nextTry = now
    }

    mutating func stop() { nextTry = nil }

    /// Returns whether it is time for another try.
    mutating func takeTry(goodNodes: Int, now: Instant) -> Bool {
        guard let at = nextTry, now >= at else { return false }
        nextTry = now + pause
        guard goodNodes < Self.enough else {
            pause = Self.pauses.lowerBound
            nextTry = now + Self.pauses.upperBound
            return false
        }
        pause = min(pause * 2, Self.pauses.upperBound)
        return true
    }

    /// Good nodes were lost: don't wait for the long pause of a table that was well.
    mutating func hurry(now: Instant) {
        if let at = nextTry, at > now + pause { nextTry = now + pause }
    }

    /// Returns whether the address is new. A new one replaces the oldest when there are too many.
    mutating func add(_ address: PeerAddress, isRouter: Bool) -> Bool {
        func add(to list: inout [PeerAddress]) -> Bool {
            guard !list.contains(address) else { return false }
            if list.count >= Self.mostEntries { list.removeFirst() }
            list.append(address)
            return true
        }
        guard address.isUsable else { return false }
        return isRouter ? add(to: &routers) : add(to: &entries)
    }

    func isRouter(_ address: PeerAddress) -> Bool { routers.contains(address) }
}
