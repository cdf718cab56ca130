import Torrent

/// What is known of the peers of a torrent, connected or not: whom to dial next, whom never again.
///
/// Bounded by ``capacity``: a new address pushes out the worst that isn't connected. What changed is handed to the store
/// in batches (``takeChanges()``), so that the next start dials first who was good (law 2 of the design).
package struct AddressBook {
    package enum Source: String, Sendable, CaseIterable {
        case tracker, manual, incoming, history, pex, dht, lsd
    }

    /// One peer's history; times are unix seconds.
    package struct Entry: Sendable {
        package let address: PeerAddress
        package var source: Source
        package var firstSeen: Int64
        package var lastSeen: Int64
        package var lastTried: Int64?
        package var lastConnected: Int64?
        /// Failed dials since the last success.
        package var failures = 0
        package var downloadedBytes: Int64 = 0
        package var uploadedBytes: Int64 = 0
        package var hashFailures = 0
        package var banReason: String?
        package var client: String?
        /// The best recent rate at which it sent, in bytes per second.
        package var bestRate = 0

        package init(address: PeerAddress, source: Source, at now: Int64) {
            self.address = address
            self.source = source
            firstSeen = now
            lastSeen = now
        }

        /// Higher is dialled earlier: given by hand, then good in the past, then fresh.
        fileprivate var merit: Int {
            (source == .manual ? 1 << 30 : 0) + min(Int(downloadedBytes >> 20), 1 << 16) * 16 + min(bestRate >> 10, 1 << 20)
                + (lastConnected == nil ? 0 : 64) - failures * 256
        }
    }

    package static let capacity = 2000
    /// Dials that failed in a row after which a peer is forgotten, unless it was given by hand.
    package static let maximumFailures = 5
    /// Seconds until a failed dial is tried again: doubled each time, up to the last.
    private static let retry: [Int64] = [5, 15, 60, 300, 900]
    /// Seconds before a peer that closed a good connection is dialled again.
    private static let redial: Int64 = 5

    private var entries: [PeerAddress: Entry] = [:]
    private var busy: Set<PeerAddress> = []
    private var changed: Set<PeerAddress> = []
    /// Addresses that may be dialled, best last; made anew when it runs out.
    private var queue: [PeerAddress] = []
    private var queueIsStale = true
    /// Our own listening addresses, once found out: never dialled.
    private var own: Set<PeerAddress> = []

    package init() {}

    package var count: Int { entries.count }
    package subscript(address: PeerAddress) -> Entry? { entries[address] }
    package var banned: [Entry] { entries.values.filter { $0.banReason != nil } }

    /// Learns of an address; whether it was new.
    @discardableResult
    package mutating func learn(_ address: PeerAddress, from source: Source, at now: Int64) -> Bool {
        guard address.isDialable, !own.contains(address) else { return false }
        if var known = entries[address] {
            known.lastSeen = now
            if source == .manual {
                known.source = .manual
                known.failures = 0
                known.lastTried = nil
                known.banReason = nil
                queueIsStale = true
            }
            entries[address] = known
            return false
        }
        if entries.count >= Self.capacity, source != .manual, !evict() { return false }
        entries[address] = Entry(address: address, source: source, at: now)
        changed.insert(address)
        queueIsStale = true
        return true
    }

    /// Takes over what the store remembered.
    package mutating func restore(_ entry: Entry) {
        entries[entry.address] = entry
        queueIsStale = true
    }

    package func isBanned(_ address: PeerAddress) -> Bool { entries[address]?.banReason != nil }

    /// The next peer to dial, marked as busy.
    package mutating func next(at now: Int64) -> PeerAddress? {
        if queueIsStale || queue.isEmpty { fill(at: now) }
        while let address = queue.popLast() {
            guard let entry = entries[address], isDue(entry, at: now) else { continue }
            entries[address]?.lastTried = now
            busy.insert(address)
            changed.insert(address)
            return address
        }
        return nil
    }

    /// Whether some address waits to be dialled, now or after its pause.
    package var hasCandidates: Bool { entries.values.contains { $0.banReason == nil && !busy.contains($0.address) } }

    /// A connection to or from the address stands.
    package mutating func connected(_ address: PeerAddress, client: String, at now: Int64) {
        busy.insert(address)
        update(address) {
            $0.lastConnected = now
            $0.lastSeen = now
            $0.failures = 0
            $0.client = client
        }
    }

    package mutating func dialFailed(_ address: PeerAddress, at now: Int64) {
        busy.remove(address)
        update(address) { $0.failures += 1 }
        queueIsStale = true
        if let entry = entries[address], entry.failures >= Self.maximumFailures, entry.source != .manual, entry.downloadedBytes == 0 {
            forget(address)
        }
    }

    package mutating func disconnected(_ address: PeerAddress, downloaded: Int64, uploaded: Int64, rate: Int, at now: Int64) {
        busy.remove(address)
        update(address) {
            $0.downloadedBytes += downloaded
            $0.uploadedBytes += uploaded
            $0.bestRate = max(rate, $0.bestRate / 2)
            $0.lastSeen = now
            $0.lastTried = now
            // One that closes at once without a byte is as good as one that doesn't answer.
            if downloaded == 0, uploaded == 0 { $0.failures += 1 }
        }
        queueIsStale = true
    }

    package mutating func hashFailed(_ address: PeerAddress) { update(address) { $0.hashFailures += 1 } }
    package mutating func ban(_ address: PeerAddress, reason: String) { update(address) { $0.banReason = reason } }

    /// The address turned out to be our own.
    package mutating func isSelf(_ address: PeerAddress) {
        own.insert(address)
        busy.remove(address)
        forget(address)
    }

    /// The entries that changed since the last call.
    package mutating func takeChanges() -> [Entry] {
        defer { changed = [] }
        return changed.compactMap { entries[$0] }
    }

    private mutating func update(_ address: PeerAddress, _ change: (inout Entry) -> Void) {
        guard var entry = entries[address] else { return }
        change(&entry)
        entries[address] = entry
        changed.insert(address)
    }

    private mutating func forget(_ address: PeerAddress) {
        entries[address] = nil
        changed.remove(address)
    }

    private func isDue(_ entry: Entry, at now: Int64) -> Bool {
        guard entry.banReason == nil, !busy.contains(entry.address) else { return false }
        guard let tried = entry.lastTried else { return true }
        let pause = entry.failures == 0 ? Self.redial : Self.retry[min(entry.failures, Self.retry.count) - 1]
        // A clock that was set back must not hold a peer for ever.
        return now >= tried + pause || now < tried
    }

    private mutating func fill(at now: Int64) {
        queueIsStale = false
        queue = entries.values.filter { isDue($0, at: now) }
            .sorted { $0.merit != $1.merit ? $0.merit < $1.merit : $1.address.compact.lexicographicallyPrecedes($0.address.compact) }
            .map(\.address)
    }

    private mutating func evict() -> Bool {
        let worst = entries.values.filter { !busy.contains($0.address) && $0.source != .manual && $0.banReason == nil }
            .min { ($0.merit, $0.lastSeen) < ($1.merit, $1.lastSeen) }
        guard let worst, worst.merit <= 0 else { return false }
        forget(worst.address)
        return true
    }
}
