package import Recovery
package import Store
import System
package import Torrent

/// Reads the status of torrents at one moment.
extension Library {
    /// The fewest numbers of torrents that pay for readers on other threads.
    private static let fewestForReaders: Int64 = 4096

    /// Calls `body` in one read transaction with the status of the named torrents, or of all; with labels, of those
    /// that have every one of them. `body` must be fast, because the database's log grows meanwhile.
    package func readStatus<Value>(
        of names: [String], labels: [String] = [], _ body: (StatusReading) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        let isOfAll = names.isEmpty && labels.isEmpty
        let readers = isOfAll ? try readers() : nil
        defer { readers?.end() }
        return try connection.transaction(.deferred) { () throws(StoreError) in
            let engine = try engine()
            var choice = StatusQuery.Choice.all
            if !isOfAll {
                choice = .listed(try connection.findTorrents(TorrentChoice(names, labels: labels)).map(\.id))
            }
            return try body(StatusReading(engine: engine, choice: choice, connection: connection, readers: readers))
        }
    }

    private func readers() throws(StoreError) -> ReaderGroup? {
        // Numbers begin with 1; others, that only damage could leave behind, are read without arithmetic.
        guard let numbers = try connection.torrents.numbers(), numbers.lowerBound.rawValue > 0,
            numbers.upperBound.rawValue < Int64.max / 2,
            numbers.upperBound.rawValue - numbers.lowerBound.rawValue >= Self.fewestForReaders
        else { return nil }
        return ReaderGroup(connection, count: Parallel.width - 1)
    }
}

/// The status of some torrents at one moment.
package struct StatusReading {
    /// How many numbers of torrents a stripe has at least, and into how many a list is divided at most: fast threads
    /// take more of them than slow ones, and what is made of a stripe fits into a core's cache.
    private static let (leastStripe, mostStripes) = (Int64(512), Int64(128))

    /// The most torrents that memory is reserved for.
    private static let mostExpected: Int64 = 8192

    package let engine: EngineState
    /// The selected torrents.
    let choice: StatusQuery.Choice
    let connection: Connection
    /// Readers that share the work on all torrents; `nil` if there are none.
    let readers: ReaderGroup?

    /// Whether the reading covers all torrents.
    package var isOfAll: Bool { if case .all = choice { true } else { false } }

    /// The results of `read` for one part of the torrents after another, in the order of the torrents. Long lists are
    /// read on several cores; `read` runs on any of them, with a reading of its own.
    package func inStripes<Part: Sendable>(
        _ read: @escaping @Sendable (StatusReading) throws(StoreError) -> Part
    ) throws(StoreError) -> [Part] {
        guard let readers, isOfAll, let numbers = try connection.torrents.numbers() else { return [try read(self)] }
        let stripes = Self.stripes(numbers)
        let parts = Parts<Part>(stripes.count)
        let engine = engine
        let readNext: @Sendable (Connection) throws(StoreError) -> Bool = { (connection) throws(StoreError) in
            guard let number = parts.claim() else { return false }
            let reading = StatusReading(
                engine: engine, choice: .range(stripes[number]), connection: connection, readers: nil)
            parts.put(try read(reading), at: number)
            return true
        }
        readers.begin { connection in
            // A stripe that fails is read again by the leader, which reports what it meets.
            do throws(StoreError) { while try readNext(connection) {} } catch {}
        }
        do throws(StoreError) {
            while try readNext(connection) {}
        } catch {
            parts.abandon()
            throw error
        }
        readers.wait()
        return try zip(stripes, parts.all).map { (stripe, part) throws(StoreError) in
            if let part { return part }
            return try read(
                StatusReading(engine: engine, choice: .range(stripe), connection: connection, readers: nil))
        }
    }

    private static func stripes(_ numbers: ClosedRange<TorrentID>) -> [ClosedRange<TorrentID>] {
        let (first, last) = (numbers.lowerBound.rawValue, numbers.upperBound.rawValue)
        let length = max(leastStripe, (last - first) / mostStripes + 1)
        return stride(from: first, through: last, by: Int(length)).map {
            TorrentID($0)...TorrentID(min(last, $0 + length - 1))
        }
    }

    /// How many torrents a stripe may have, for reserving memory: at most some thousands, because numbers may lie far
    /// apart. 0 if the reading isn't of a stripe.
    package var expectedTorrents: Int {
        guard case .range(let range) = choice else { return 0 }
        return Int(min(range.upperBound.rawValue - range.lowerBound.rawValue + 1, Self.mostExpected))
    }

    package func recovery() throws(StoreError) -> RecoveryNote? { try RecoveryNote.latest(in: connection, now: .now()) }

    package func queue() throws(StoreError) -> QueueState? { try QueueState(engine, connection) }

    package func limits() throws(StoreError) -> LimitState? { try LimitState(engine, connection) }

    /// How many pieces of all torrents are damaged and not repaired. Reads only an index.
    package func damagedCount() throws(StoreError) -> Int { try connection.damage.standingCount() }

    /// The torrents to which these pieces belong.
    package func damagedTorrents() throws(StoreError) -> Set<TorrentID> { Set(try connection.damage.torrents()) }

    /// Complete torrents that wait to move to their own folder, with the reason.
    package func waitingForFolders() throws(StoreError) -> [DestinationRow] {
        try connection.destinations.problems().filter { row in
            if case .listed(let ids) = choice { ids.contains(row.torrent) } else { true }
        }
    }

    package func forEachRow(_ body: (StatusRow) throws(StoreError) -> Void) throws(StoreError) {
        try connection.status.forEachRow(of: choice, body)
    }

    package func forEachLine(_ body: (StatusLine) throws(StoreError) -> Void) throws(StoreError) {
        try connection.status.forEachLine(of: choice, body)
    }

    /// The pieces of the torrent that the database records as present.
    package func have(_ torrent: StatusLine) throws(StoreError) -> Bitfield {
        try connection.pieces.have(of: torrent.id, count: torrent.pieceCount)
    }
}
