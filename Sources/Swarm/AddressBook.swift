package import Torrent

/// The known peers of a torrent, connected or not: which to dial next, and which are banned.
///
/// The book holds at most ``capacity`` addresses: a new one evicts the worst that isn't connected. The store receives
/// changes in batches (``takeChanges()``), so that the next start dials good peers first (law 2 of the design).
package struct AddressBook {
    /// The history of one peer. Times are Unix seconds.
    package struct Entry: Sendable {
        package let address: PeerAddress
        package var source: PeerSource
        package var firstSeen: Int64
        package var lastSeen: Int64
        package var lastTried: Int64?
        package var lastConnected: Int64?
        /// The number of failed dials since the last success.
        package var failures = 0
        package var downloadedBytes: Int64 = 0
        package var uploadedBytes: Int64 = 0
        package var hashFailures = 0
        package var banReason: String?
        package var client: String?
        /// The best recent rate at which the peer sent, in bytes per second.
        package var bestRate = 0
        /// How many of the peers that this one told of were good, and how many were not.
        package var toldGood = 0
        package var toldBad = 0
        /// The peers that told of this one, each of another host, while it isn't known whether it is good.
        fileprivate var tellers: [PeerAddress] = []
        /// Whether several peers told of this one.
        fileprivate var isWellKnown = false
        /// The number of connections that we ended because they only cost us work.
        fileprivate var strikes = 0
        /// Whether the address is only the one from which the peer dialled us, where no client listens.
        fileprivate var isInboundOnly = false
        /// The order in which addresses were learned, which breaks ties.
        fileprivate var number = 0

        package init(address: PeerAddress, source: PeerSource, at now: Int64) {
            self.address = address
            self.source = source
            firstSeen = now
            lastSeen = now
        }

        /// The dialling priority, higher first: added by hand, then good in the past, then new.
        fileprivate var merit: Int {
            (source == .manual ? 1 << 30 : 0) + min(Int(downloadedBytes >> 20), 1 << 16) * 16
                + min(bestRate >> 10, 1 << 20)
                + (lastConnected == nil ? 0 : 64) + (isWellKnown ? 32 : 0) - failures * 256
        }
    }

    package static let capacity = 2000
    /// The most peers that are remembered for having told of another.
    package static let mostTellers = 4
    /// A peer isn't believed after this many bad addresses, if they are four times as many as the good ones.
    package static let mostBadHints = 20
    /// The most listening addresses accepted from incoming peers of one host, which could otherwise fill the book.
    package static let addressesOfHost = 4
    /// The number of consecutive failed dials after which a peer is forgotten, unless it was added by hand.
    package static let maximumFailures = 5
    /// Seconds until a failed dial is retried, by the number of failures; the last value repeats.
    private static let retry: [Int64] = [5, 15, 60, 300, 900]
    /// The least number of seconds between two sorts of all addresses while dialable ones remain.
    private static let refillPause: Int64 = 2
    /// The number of addresses that are chosen for eviction at once.
    private static let leaversAtOnce = 100
    /// Seconds before a peer is redialled after a connection that transferred data.
    private static let redial: Int64 = 5

    private var entries: [PeerAddress: Entry] = [:]
    private var busy: Set<PeerAddress> = []
    private var changed: Set<PeerAddress> = []
    /// Addresses that may be dialled, best last. The queue is rebuilt when it is empty, or when it is stale and
    /// ``refillPause`` has passed.
    private var queue: [PeerAddress] = []
    private var queueIsStale = true
    private var filledAt = Int64.min
    private var nextNumber = 0
    /// The addresses to evict next, the first of them last; whether they are banned; and when a search last found none.
    private var leavers: [PeerAddress] = []
    private var leaversAreBanned = false
    private var leaversVainAt: Int64?
    /// Our own listening addresses, once discovered; they are never dialled.
    private var own: Set<PeerAddress> = []
    /// Our address as others see it, which decides whom to dial among peers of equal merit (BEP 40).
    private var ownAddress: PeerAddress?

    package init() {}

    /// Others see us at this address.
    package mutating func seenAt(_ address: PeerAddress) {
        guard address.host.reach == .everywhere, address != ownAddress else { return }
        ownAddress = address
        queueIsStale = true
    }

    /// The priority of a connection with the address (BEP 40); `nil` while our own address isn't known, and for the
    /// other family.
    func priority(of address: PeerAddress) -> UInt32? { ownAddress.flatMap { PeerPriority.of($0, address) } }

    package var count: Int { entries.count }
    /// The addresses whose source fulfils the condition.
    func addresses(where isMeant: (PeerSource) -> Bool) -> Set<PeerAddress> {
        Set(entries.values.filter { isMeant($0.source) }.map(\.address))
    }
    package subscript(address: PeerAddress) -> Entry? { entries[address] }
    package var banned: [Entry] { entries.values.filter { $0.banReason != nil }.sorted { $0.number < $1.number } }

    /// Adds an address. Returns whether it was new.
    @discardableResult
    package mutating func learn(_ address: PeerAddress, from source: PeerSource, at now: Int64) -> Bool {
        guard address.isDialable, !own.contains(address) else { return false }
        if var known = entries[address] {
            known.lastSeen = now
            if known.isInboundOnly {
                // Another source knows the address as one that listens.
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

    /// Adds an address of which a peer told. What becomes of it is credited to the peer, or blamed on it. A peer whose
    /// addresses were mostly bad isn't believed.
    package mutating func learn(_ address: PeerAddress, toldBy teller: PeerAddress, at now: Int64) {
        if let known = entries[teller], known.toldBad >= Self.mostBadHints, known.toldBad > known.toldGood * 4 {
            return
        }
        let isNew = learn(address, from: .pex, at: now)
        guard var entry = entries[address], isNew || !entry.tellers.isEmpty,
            entry.tellers.count < Self.mostTellers,
            !entry.tellers.contains(where: { $0.host.subscriber == teller.host.subscriber })
        else { return }
        entry.tellers.append(teller)
        if entry.tellers.count > 1 { entry.isWellKnown = true }
        entries[address] = entry
        queueIsStale = true
    }

    /// It is known now whether the address is good, of which others told.
    private mutating func judge(_ address: PeerAddress, isGood: Bool) {
        guard let tellers = entries[address]?.tellers, !tellers.isEmpty else { return }
        entries[address]?.tellers = []
        for teller in tellers {
            update(teller) { if isGood { $0.toldGood += 1 } else { $0.toldBad += 1 } }
        }
    }

    /// Restores an entry from the store. A banned incoming peer is matched by its host, because it would return from
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

    /// Returns the reason to reject an incoming peer, or `nil`. The peer is rejected if its address is banned, or if
    /// its host has a banned incoming peer that never reported its listening port: such a peer would return from
    /// another port. Other peers at that host can still be dialled.
    package func banReason(ofIncoming address: PeerAddress) -> String? {
        entries[address]?.banReason
            ?? entries.values.first { $0.isInboundOnly && $0.banReason != nil && $0.address.host == address.host }?
            .banReason
    }

    /// Returns the next peer to dial and marks it as busy.
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

    /// Whether any address can be dialled, now or after its pause.
    package var hasCandidates: Bool {
        entries.values.contains { $0.banReason == nil && !$0.isInboundOnly && !busy.contains($0.address) }
    }

    /// A connection to or from the address is established.
    package mutating func connected(_ address: PeerAddress, client: String, at now: Int64) {
        busy.insert(address)
        judge(address, isGood: true)
        update(address) {
            $0.lastConnected = now
            $0.lastSeen = now
            $0.client = client
        }
    }

    /// The torrent turned out to be private: forgets these addresses.
    mutating func forget(_ addresses: Set<PeerAddress>) {
        for address in addresses { forget(address) }
        queue = []
        queueIsStale = true
        leavers = []
    }

    /// A connection to the address is about to be taken over, so it isn't dialled.
    package mutating func reserve(_ address: PeerAddress) { busy.insert(address) }

    /// The connection to the address was rejected, through no fault of the peer.
    package mutating func released(_ address: PeerAddress) { busy.remove(address) }

    /// A peer that dialled us from `old` reported that it listens at `new`.
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
        judge(address, isGood: false)
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
            // A connection that closes without transferring a byte counts as a failed dial.
            $0.failures = downloaded + uploaded > 0 ? 0 : $0.failures + 1
        }
        queueIsStale = true
        forgetIfHopeless(address)
    }

    /// Counts a connection that we dialled and ended because it only cost us work. Returns whether the address has had
    /// too many and must be banned.
    mutating func strike(_ address: PeerAddress) -> Bool {
        update(address) { $0.strikes += 1 }
        return entries[address].map { $0.strikes >= HostBans.strikes } ?? false
    }

    package mutating func hashFailed(_ address: PeerAddress) { update(address) { $0.hashFailures += 1 } }

    /// Bans the address: it is neither dialled nor accepted again, until it is added by hand.
    package mutating func ban(_ address: PeerAddress, reason: String, at now: Int64) {
        if entries[address] == nil {
            guard entries.count < Self.capacity || evict(at: now) else { return }
            var entry = Entry(address: address, source: .incoming, at: now)
            entry.isInboundOnly = true
            add(entry)
        }
        judge(address, isGood: false)
        update(address) { $0.banReason = reason }
    }

    /// The address turned out to be our own.
    package mutating func isSelf(_ address: PeerAddress) {
        own.insert(address)
        busy.remove(address)
        forget(address)
    }

    /// Returns the entries that changed since the last call.
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
        // A clock that was set back must not delay a peer forever.
        return now >= tried + pause || now < tried
    }

    private mutating func fill(at now: Int64) {
        queueIsStale = false
        filledAt = now
        queue = entries.values.filter { isDue($0, at: now) }.map {
            let address = $0.address
            return (
                merit: $0.merit, priority: priority(of: address) ?? 0, number: $0.number,
                address: address
            )
        }
        .sorted { ($0.merit, $0.priority, $1.number) < ($1.merit, $1.priority, $0.number) }
        .map(\.address)
    }

    /// Makes room by evicting the worst address that isn't connected, or the oldest ban when bans fill half of the
    /// book.
    ///
    /// One search of the book finds up to a hundred addresses, and a search that finds none is repeated only after
    /// ``refillPause``, because a tracker may name thousands of peers.
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

    /// Whether the entry may be evicted: a ban, or an address that was never useful.
    private func mayLeave(_ entry: Entry) -> Bool {
        guard !busy.contains(entry.address), entry.source != .manual else { return false }
        return entry.banReason != nil || entry.merit <= 0
    }
}
