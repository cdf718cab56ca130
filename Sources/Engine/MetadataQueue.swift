import DequeModule

/// The blocks of metadata that one peer has requested and not received yet (BEP 9).
struct MetadataQueue {
    /// The most blocks that wait; further requests are rejected.
    private static let longest = 64
    /// The most bytes that are given to the socket and not sent yet.
    private static let mostUnsent = 64 << 10
    /// How often a peer may have the whole metadata on one connection, and some blocks more.
    private static let mostCopies = 4
    private static let spareBlocks = 64

    private var waiting: Deque<Int> = []
    private var unsentBytes = 0
    private var acceptedCount = 0

    var isEmpty: Bool { waiting.isEmpty }

    /// Adds a request for one of `count` blocks. Returns `false` if it has to be rejected.
    mutating func add(_ block: Int, of count: Int) -> Bool {
        guard block < count, waiting.count < Self.longest,
            acceptedCount < count * Self.mostCopies + Self.spareBlocks
        else { return false }
        acceptedCount += 1
        waiting.append(block)
        return true
    }

    /// The block to send next; `nil` while the socket holds enough.
    var next: Int? { unsentBytes < Self.mostUnsent ? waiting.first : nil }

    /// The next block was given to the socket.
    mutating func began(_ bytes: Int) {
        _ = waiting.popFirst()
        unsentBytes += bytes
    }

    /// The socket has sent these bytes, or never will.
    mutating func ended(_ bytes: Int) { unsentBytes -= bytes }
}
