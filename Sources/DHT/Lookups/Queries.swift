import DequeModule
import Torrent

/// Our queries that aren't answered yet, with their deadlines.
struct Queries {
    /// How long an answer may take at most (libtorrent's).
    static let timeout = Duration.seconds(15)
    /// After this time the end of a lookup doesn't wait for the answer.
    static let patience = Duration.seconds(3)
    /// The bounds of the time after which a query no longer holds its slot in a lookup.
    static let shortTimeouts = Duration.milliseconds(300)...Duration.seconds(1)
    /// The most queries at once; there are more only if we send more than 136 a second without an answer.
    static let most = 2048

    enum Purpose: Equatable {
        case ping
        /// Asks for nodes near our id, or near another one.
        case nodes
        case lookup(Int)
        case announce(Int)
    }

    struct Query {
        let address: PeerAddress
        /// The id under which the node is known; `nil` if only its address is.
        let id: NodeID?
        let purpose: Purpose
        let sentAt: Instant
    }

    enum Stage {
        case overdue, late, failed
    }

    private var queries: [UInt32: Query] = [:]
    private var countOfAddress: [PeerAddress: Int] = [:]
    private var overdue = Deque<(at: Instant, number: UInt32)>()
    private var late = Deque<(at: Instant, number: UInt32)>()
    private var failed = Deque<(at: Instant, number: UInt32)>()
    /// The smoothed round trip and its variation (RFC 6298).
    private var roundTrip: (smooth: Duration, variation: Duration)?

    var count: Int { queries.count }
    var isFull: Bool { queries.count >= Self.most }

    /// Whether an answer from this address is to come.
    func expects(_ address: PeerAddress) -> Bool { countOfAddress[address] != nil }

    /// Adds a query and returns its transaction id, which can't be guessed.
    mutating func add(_ query: Query, using random: inout SecretGenerator) -> [UInt8] {
        var number: UInt32
        repeat { number = UInt32(truncatingIfNeeded: random.next()) } while queries[number] != nil
        queries[number] = query
        countOfAddress[query.address, default: 0] += 1
        // In the order of time, though the short timeout may have become shorter.
        overdue.append((max(overdue.last?.at ?? query.sentAt, query.sentAt + shortTimeout), number))
        late.append((query.sentAt + Self.patience, number))
        failed.append((query.sentAt + Self.timeout, number))
        return stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
    }

    /// Takes the query to which a message from this address is the answer.
    mutating func take(_ transaction: [UInt8], from address: PeerAddress) -> Query? {
        guard transaction.count == 4 else { return nil }
        let number = transaction.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard queries[number]?.address == address else { return nil }
        return remove(number)
    }

    /// Learns from an answer how long the next ones may take.
    mutating func measured(_ sample: Duration) {
        guard let (smooth, variation) = roundTrip else {
            roundTrip = (sample, sample / 2)
            return
        }
        let difference = sample > smooth ? sample - smooth : smooth - sample
        roundTrip = ((smooth * 7 + sample) / 8, (variation * 3 + difference) / 4)
    }

    private var shortTimeout: Duration {
        guard let (smooth, variation) = roundTrip else { return Self.shortTimeouts.upperBound }
        return min(max(smooth + variation * 4, Self.shortTimeouts.lowerBound), Self.shortTimeouts.upperBound)
    }

    /// Returns a query whose next deadline has passed.
    mutating func nextPassed(now: Instant) -> (Stage, Query)? {
        while let first = overdue.first, first.at <= now {
            overdue.removeFirst()
            if let query = queries[first.number] { return (.overdue, query) }
        }
        while let first = late.first, first.at <= now {
            late.removeFirst()
            if let query = queries[first.number] { return (.late, query) }
        }
        while let first = failed.first, first.at <= now {
            failed.removeFirst()
            if let query = remove(first.number) { return (.failed, query) }
        }
        return nil
    }

    /// When the next deadline is; it may be that of a query that has been answered.
    mutating func nextDeadline() -> Instant? {
        func trim(_ deadlines: inout Deque<(at: Instant, number: UInt32)>) -> Instant? {
            while let first = deadlines.first, queries[first.number] == nil { deadlines.removeFirst() }
            return deadlines.first?.at
        }
        return [trim(&overdue), trim(&late), trim(&failed)].compactMap(\.self).min()
    }

    /// Drops all queries: the socket is closed, or the network is another one.
    mutating func removeAll() -> [Query] {
        let rest = queries.values.sorted { $0.sentAt < $1.sentAt }
        self = Queries()
        return rest
    }

    private mutating func remove(_ number: UInt32) -> Query? {
        guard let query = queries.removeValue(forKey: number) else { return nil }
        let count = (countOfAddress[query.address] ?? 1) - 1
        countOfAddress[query.address] = count > 0 ? count : nil
        return query
    }
}
