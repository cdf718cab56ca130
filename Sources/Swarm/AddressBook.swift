import Torrent

/// What is known of the peers of a torrent, connected or not: whom to dial next, whom never again.
///
/// Bounded by ``capacity``: a new address pushes out the worst that isn't connected. What changed is handed to the
/// store in batches (``takeChanges()``), so that the next start dials first who was good (law 2 of the design).
package struct AddressBook {
    /// One peer's history; times are unix seconds.
    package struct Entry: Sendable {
        package let address: PeerAddress
        package var source: PeerSource
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
        /// Connections that were ended because they only cost us work.
        fileprivate var strikes = 0
        /// Whether the address is only where the peer dialled from: nobody answers there.
        fileprivate var isInboundOnly = false
        /// The order in which addresses were learned, which decides among equals.
        fileprivate var number = 0

        package init(address: PeerAddress, source: PeerSource, at now: Int64) {
            self.address = address
            self.source = source
            firstSeen = now
            lastSeen = now
        }

        /// Higher is dialled earlier: given by hand, then good in the past, then fresh.
        fileprivate var merit: Int {
            (source == .manual ? 1 << 30 : 0) + min(Int(downloadedBytes >> 20), 1 << 16) * 16
                + min(bestRate >> 10, 1 << 20)
                + (lastConnected == nil ? 0 : 64) - failures * 256
        }
    }

    package static let capacity = 2000
    /// Addresses of one host that are believed when its peers say where they listen: a host could otherwise fill the
    /// book.
    package static let addressesOfHost = 4
    /// Dials that failed in a row after which a peer is forgotten, unless it was given by hand.
    package static let maximumFailures = 5
    /// Seconds until a failed dial is tried again: doubled each time, up to the last.
    private static let retry: [Int64] = [5, 15, 60, 300, 900]
    /// Seconds between two sorts of all addresses while some still wait.
    private static let refillPause: Int64 = 2
    /// Addresses that are chosen at once to make room.
    private static let leaversAtOnce = 100
    /// Seconds before a peer that closed a good connection is dialled again.
    private static let redial: Int64 = 5

    private var entries: [PeerAddress: Entry] = [:]
    private var busy: Set<PeerAddress> = []
    private var changed: Set<PeerAddress> = []
    /// Addresses that may be dialled, best last; made anew when it runs out, or when it is stale and ``refillPause``
    /// has passed.
    private var queue: [PeerAddress] = []
    private var queueIsStale = true
    private var filledAt = Int64.min
    private var nextNumber = 0
    /// Those who make room next, the first of them last; whether they are banned; when none was found.
    private var leavers: [PeerAddress] = []
    private var leaversAreBanned = false
    private var leaversVainAt: Int64?
    /// Our own listening addresses, once found out: never dialled.
    private var own: Set<PeerAddress> = []

    package init() {}

    package var count: Int { entries.count }
    package subscript(address: PeerAddress) -> Entry? { entries[address] }
    package var banned: [Entry] { entries.values.filter { $0.banReason != nil }.sorted { $0.number < $1.number } }

    /// Learns of an address; whether it was new.
    @discardableResult
    package mutating func learn(_ address: PeerAddress, from source: PeerSource, at now: Int64) -> Bool {
        guard address.isDialable, !own.contains(address) else { return false }
        if var known = entries[address] {
            known.lastSeen = now
            if known.isInboundOnly {
                // Somebody knows it as one that listens.
                known.isInboundOnly = false
                known.source = source
            }
            if source == .manual {
                known.source = .manual
                known.failures = 0
                known.lastTried = nil
                known.banReason = nil
                changed.insert(address)
                filledAt = .min
            }
            entries[address] = known
            queueIsStale = true
            return false
        }
        if source == .incoming, entries.values.count(where: { $0.address.host == address.host }) >= Self.addressesOfHost
        {
            return false
        }
        guard entries.count < Self.capacity || source == .manual || evict(at: now) else { return false }
        add(Entry(address: address, source: source, at: now))
        changed.insert(address)
        if source == .manual { filledAt = .min }
        return true
    }

    /// Takes over what the store remembered. Who is banned and came in is known by its host: it would come back from
    /// another port.
    package mutating func restore(_ entry: Entry) {
        guard entry.address.isDialable, entries[entry.address] != nil || entries.count < Self.capacity else { return }
        var entry = entry
        entry.isInboundOnly = entry.source == .incoming && entry.banReason != nil
        add(entry)
    }

    private mutating func add(_ entry: Entry) {
        var entry = entry
        entry.number = nextNumber
        nextNumber += 1
        entries[entry.address] = entry
        queueIsStale = true
    }

    package func isBanned(_ address: PeerAddress) -> Bool { entries[address]?.banReason != nil }

    /// Why a peer that dials us is refused: it, or one that dialled from its host before and never said where it
    /// listens, is banned. It would come back from another port; others behind that host can still be dialled.
    package func banReason(ofIncoming address: PeerAddress) -> String? {
        entries[address]?.banReason
            ?? entries.values.first { $0.isInboundOnly && $0.banReason != nil && $0.address.host == address.host }?
            .banReason
    }

    /// The next peer to dial, marked as busy.
    package mutating func next(at now: Int64) -> PeerAddress? {
        if queue.isEmpty || queueIsStale && (filledAt == .min || now >= filledAt + Self.refillPause || now < filledAt) {
            fill(at: now)
        }
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
    package var hasCandidates: Bool {
        entries.values.contains { $0.banReason == nil && !$0.isInboundOnly && !busy.contains($0.address) }
    }

    /// A connection to or from the address stands.
    package mutating func connected(_ address: PeerAddress, client: String, at now: Int64) {
        busy.insert(address)
        update(address) {
            $0.lastConnected = now
            $0.lastSeen = now
            $0.client = client
        }
    }

    /// The connection to the address wasn't taken, for no fault of the peer's.
    package mutating func released(_ address: PeerAddress) { busy.remove(address) }

    /// A peer that dialled us from `old` says that it listens at `new`.
    package mutating func listens(_ old: PeerAddress, at new: PeerAddress, now: Int64) {
        busy.remove(old)
        if let entry = entries[old], entry.isInboundOnly {
            forget(old)
            if entry.banReason != nil, entries[new] == nil { add(Entry(address: new, source: .incoming, at: now)) }
            if let reason = entry.banReason { ban(new, reason: reason, at: now) }
        }
        learn(new, from: .incoming, at: now)
        busy.insert(new)
    }

    package mutating func dialFailed(_ address: PeerAddress, at now: Int64) {
        busy.remove(address)
        update(address) { $0.failures += 1 }
        queueIsStale = true
        forgetIfHopeless(address)
    }

    package mutating func disconnected(
        _ address: PeerAddress, downloaded: Int64, uploaded: Int64, rate: Int, at now: Int64
    ) {
        busy.remove(address)
        update(address) {
            $0.downloadedBytes += downloaded
            $0.uploadedBytes += uploaded
            $0.bestRate = max(rate, $0.bestRate / 2)
            $0.lastSeen = now
            $0.lastTried = now
            // One that closes without a byte is as good as one that doesn't answer.
            $0.failures = downloaded + uploaded > 0 ? 0 : $0.failures + 1
        }
        queueIsStale = true
        forgetIfHopeless(address)
    }

    /// A connection that we had made was ended because it only cost us work: banned when that came too often.
    mutating func strike(_ address: PeerAddress) -> Bool {
        update(address) { $0.strikes += 1 }
        return entries[address].map { $0.strikes >= HostBans.strikes } ?? false
    }

    package mutating func hashFailed(_ address: PeerAddress) { update(address) { $0.hashFailures += 1 } }

    /// The address is never dialled or taken again, until it is given by hand.
    package mutating func ban(_ address: PeerAddress, reason: String, at now: Int64) {
        if entries[address] == nil {
            guard entries.count < Self.capacity || evict(at: now) else { return }
            var entry = Entry(address: address, source: .incoming, at: now)
            entry.isInboundOnly = true
            add(entry)
        }
        update(address) { $0.banReason = reason }
    }

    /// The address turned out to be our own.
    package mutating func isSelf(_ address: PeerAddress) {
        own.insert(address)
        busy.remove(address)
        forget(address)
    }

    /// The entries that changed since the last call.
    package mutating func takeChanges() -> [Entry] {
        defer { changed = [] }
        return changed.compactMap { entries[$0] }.sorted { $0.number < $1.number }
    }

    private mutating func update(_ address: PeerAddress, _ change: (inout Entry) -> Void) {
        guard var entry = entries[address] else { return }
        change(&entry)
        entries[address] = entry
        changed.insert(address)
    }

    private mutating func forgetIfHopeless(_ address: PeerAddress) {
        guard let entry = entries[address], entry.failures >= Self.maximumFailures, entry.source != .manual,
            entry.banReason == nil,
            entry.downloadedBytes == 0
        else { return }
        forget(address)
    }

    private mutating func forget(_ address: PeerAddress) {
        entries[address] = nil
        changed.remove(address)
    }

    private func isDue(_ entry: Entry, at now: Int64) -> Bool {
        guard entry.banReason == nil, !entry.isInboundOnly, !busy.contains(entry.address) else { return false }
        guard let tried = entry.lastTried else { return true }
        let pause = entry.failures == 0 ? Self.redial : Self.retry[min(entry.failures, Self.retry.count) - 1]
        // A clock that was set back must not hold a peer for ever.
        return now >= tried + pause || now < tried
    }

    private mutating func fill(at now: Int64) {
        queueIsStale = false
        filledAt = now
        queue = entries.values.filter { isDue($0, at: now) }.map {
            (merit: $0.merit, number: $0.number, address: $0.address)
        }
        .sorted { ($0.merit, $1.number) < ($1.merit, $0.number) }
        .map(\.address)
    }

    /// Makes room: the worst that isn't connected goes, or the oldest ban when bans fill half of the book.
    ///
    /// Looks at the whole book once for a hundred addresses, and for those that are in vain once in ``refillPause``: a
    /// tracker may name thousands.
    private mutating func evict(at now: Int64) -> Bool {
        if forgetLeaver() { return true }
        if let vainAt = leaversVainAt, now < vainAt + Self.refillPause, now >= vainAt { return false }
        findLeavers()
        leaversVainAt = leavers.isEmpty ? now : nil
        return forgetLeaver()
    }

    private mutating func forgetLeaver() -> Bool {
        while let address = leavers.popLast() {
            guard let entry = entries[address], mayLeave(entry), (entry.banReason != nil) == leaversAreBanned else {
                continue
            }
            forget(address)
            return true
        }
        return false
    }

    private mutating func findLeavers() {
        let free = entries.values.filter { mayLeave($0) }
        let banned = free.filter { $0.banReason != nil }
        leaversAreBanned = banned.count > Self.capacity / 2
        let leaving =
            leaversAreBanned
            ? banned.sorted { $0.number < $1.number }.prefix(banned.count - Self.capacity / 2)
            : free.filter { $0.banReason == nil }.sorted {
                ($0.merit, $0.lastSeen, $0.number) < ($1.merit, $1.lastSeen, $1.number)
            }[...]
        leavers = leaving.prefix(Self.leaversAtOnce).reversed().map(\.address)
    }

    /// Whether the entry may make room: bans may when there are many, others when they were never of use.
    private func mayLeave(_ entry: Entry) -> Bool {
        guard !busy.contains(entry.address), entry.source != .manual else { return false }
        return entry.banReason != nil || entry.merit <= 0
    }
}
