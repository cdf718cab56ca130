import DequeModule
import Torrent

/// The blocks that one peer requested: those that wait, and those that are being read or sent.
struct ServeQueue {
    private var waiting: Deque<BlockRequest> = []
    /// The bytes that are being read or sent.
    private(set) var bytesUnderWay = 0
    /// Since when the peer has read none of the data that is being sent to it.
    private var unreadSince = Instant.origin
    private(set) var lastServedAt: Instant?
    private var uploaded = RateMeter()

    /// The request that waits longest.
    var next: BlockRequest? { waiting.first }

    var isIdle: Bool { waiting.isEmpty && bytesUnderWay == 0 }

    /// The total bytes of blocks that were sent.
    var uploadedTotal: Int64 { uploaded.total }

    /// Returns the upload rate of the last seconds in bytes per second.
    mutating func uploadRate(at now: Instant) -> Int { uploaded.rate(at: now) }

    /// Whether data is being sent to the peer and it has read none of it for longer than `limit`.
    func isUnread(for limit: Duration, now: Instant) -> Bool { bytesUnderWay > 0 && now - unreadSince > limit }

    /// Adds a request. Returns `false` if the queue is full.
    mutating func add(_ request: BlockRequest) -> Bool {
        guard waiting.count < Swarm.longestServeQueue else { return false }
        waiting.append(request)
        return true
    }

    /// Removes a request that waits. Returns whether there was one.
    mutating func cancel(_ request: BlockRequest) -> Bool {
        guard let index = waiting.firstIndex(of: request) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// The block that was requested first is read and sent from now on.
    mutating func beginNext(now: Instant) {
        let request = waiting.removeFirst()
        if bytesUnderWay == 0 { unreadSince = now }
        bytesUnderWay += request.length
    }

    mutating func served(_ request: BlockRequest, now: Instant) {
        uploaded.add(request.length, at: now)
        bytesUnderWay -= request.length
        lastServedAt = now
        unreadSince = now
    }

    /// The block was not sent.
    mutating func failed(_ request: BlockRequest) { bytesUnderWay -= request.length }

    /// Removes and returns the requests that wait.
    mutating func drop() -> Deque<BlockRequest> {
        defer { waiting = [] }
        return waiting
    }
}
