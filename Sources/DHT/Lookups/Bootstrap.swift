import Torrent

/// When and where to look for nodes while there are too few.
struct Bootstrap {
    /// While there are fewer good nodes than this, the search is repeated.
    static let enough = 8
    /// The first pause and the longest; it doubles each time.
    static let pauses = Duration.seconds(5)...Duration.seconds(300)
    /// The most addresses of each kind that are remembered.
    static let mostEntries = 64

    enum Kind {
        /// The user gave it. It may become a node of the table, and stays until the end.
        case given
        /// A peer has it, or named it. It may become a node of the table; newer ones replace it.
        case heard
        /// A bootstrap server: asked for nodes, but never kept, announced to or told to others.
        case router
    }

    private var given: [PeerAddress] = []
    private var heard: [PeerAddress] = []
    private(set) var routers: [PeerAddress] = []
    private(set) var nextTry: Instant?
    private var pause = Self.pauses.lowerBound

    /// Addresses that may become nodes, the newest last.
    var entries: [PeerAddress] { heard + given }
    var hasEntries: Bool { !heard.isEmpty || !given.isEmpty }

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

    /// Returns whether the address is new. A new one replaces the oldest of its kind when there are too many.
    mutating func add(_ address: PeerAddress, _ kind: Kind) -> Bool {
        func add(to list: inout [PeerAddress]) -> Bool {
            guard !list.contains(address) else { return false }
            if list.count >= Self.mostEntries { list.removeFirst() }
            list.append(address)
            return true
        }
        guard address.isUsable else { return false }
        switch kind {
        case .given: return add(to: &given)
        case .heard: return !given.contains(address) && add(to: &heard)
        case .router: return add(to: &routers)
        }
    }

    func isRouter(_ address: PeerAddress) -> Bool { routers.contains(address) }
}
