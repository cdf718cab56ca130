package import Torrent

/// The nodes of one family that we know, more of them the closer they are to our own id (BEP 5).
///
/// Bucket `n` has the nodes that share exactly `n` leading bits with our id; the last bucket also has all closer ones,
/// and is split when it is full. A bucket keeps spare nodes, of which nothing but a query to us or an earlier answer is
/// known; they take a place only after they have answered.
package struct RoutingTable {
    /// The nodes of a bucket, and of an answer.
    static let bucketSize = 8
    /// The first buckets are wider, because most lookups begin in them (libtorrent's extended routing table).
    static let wideBuckets = [128, 64, 32, 16]
    /// A real network of 10 million nodes fills about 21 buckets. More than this have been made up.
    package static let mostBuckets = 50
    /// A node that nothing can replace is removed after this many unanswered queries.
    package static let mostFailures = 20
    /// A node that was stored by an earlier run, and hasn't answered in this one, is removed sooner.
    static let mostFailuresUnverified = 3

    private struct Bucket {
        var nodes: [KnownNode] = []
        var spares: [KnownNode] = []
    }

    package let own: NodeID
    private var buckets = [Bucket()]
    private var idOfAddress: [PeerAddress: NodeID] = [:]
    /// How many nodes of the internet each subscriber has here: at most one.
    private var subscribers: Set<PeerAddress.Host> = []

    package init(own: NodeID) { self.own = own }

    // MARK: Questions

    package var count: Int { idOfAddress.count }
    package var bucketCount: Int { buckets.count }
    package var spareCount: Int { buckets.reduce(0) { $0 + $1.spares.count } }
    package var goodCount: Int { buckets.reduce(0) { $0 + $1.nodes.count(where: \.isGood) } }
    package var nodes: [KnownNode] { buckets.flatMap(\.nodes) }

    package func node(at address: PeerAddress) -> KnownNode? {
        guard let id = idOfAddress[address] else { return nil }
        return buckets[index(of: id)].nodes.first { $0.id == id }
    }

    /// The closest nodes to the target, the closest first. Only good ones are told to others; our own lookups may also
    /// use nodes that haven't answered yet in this run.
    package func closest(to target: NodeID, count: Int, onlyGood: Bool) -> [KnownNode] {
        var best: [(distance: NodeID, node: KnownNode)] = []
        func take(_ bucket: Bucket) {
            for node in bucket.nodes where onlyGood ? node.isGood : node.failures < 2 {
                let distance = node.id ^ target
                if best.count == count, let last = best.last, !(distance < last.distance) { continue }
                let place = best.firstIndex { distance < $0.distance } ?? best.count
                best.insert((distance, node), at: place)
                if best.count > count { best.removeLast() }
            }
        }
        // Nodes that share more bits with the target than our id does are in its bucket. All buckets beyond that one
        // are closer to the target than those before it, of which the later ones are closer.
        let home = index(of: target)
        take(buckets[home])
        if best.count < count { for bucket in buckets[(home + 1)...] { take(bucket) } }
        for bucket in buckets[..<home].reversed() where best.count < count { take(bucket) }
        return best.map(\.node)
    }

    // MARK: Changes

    /// A node that an earlier run stored.
    package mutating func restore(_ contact: NodeContact) {
        guard isAcceptable(contact), idOfAddress[contact.address] == nil, !isCrowded(contact.address) else { return }
        let index = index(of: contact.id)
        guard !buckets[index].nodes.contains(where: { $0.id == contact.id }) else { return }
        if buckets[index].nodes.count < capacity(index) {
            add(KnownNode(contact), to: index)
        } else if canSplit(index) {
            split()
            restore(contact)
        }
    }

    /// Whether a query of a node fits what we know of its address. If the address is known under another id, the node
    /// has restarted, or someone uses its address: only an answer can tell.
    package func isConsistent(_ contact: NodeContact) -> Bool {
        idOfAddress[contact.address].map { $0 == contact.id } ?? true
    }

    /// A node queried us, or another node told of it. It becomes a spare node.
    package mutating func heardOf(_ contact: NodeContact) {
        guard isAcceptable(contact), idOfAddress[contact.address] == nil, !isCrowded(contact.address) else { return }
        spare(KnownNode(contact))
    }

    /// A node answered a query of ours.
    package mutating func answered(_ contact: NodeContact, roundTrip: Duration, now: Instant) {
        guard isAcceptable(contact) else { return }
        if let known = idOfAddress[contact.address] {
            guard known == contact.id else {
                remove(at: contact.address)
                return
            }
            update(contact.id) {
                $0.answeredAt = now
                $0.failures = 0
                $0.roundTrip = $0.roundTrip.map { ($0 * 3 + roundTrip) / 4 } ?? roundTrip
            }
            return
        }
        var node = KnownNode(contact)
        node.answeredAt = now
        node.roundTrip = roundTrip
        node.queriedAt = now
        insert(node)
    }

    /// A query to the node was sent.
    mutating func queried(_ address: PeerAddress, now: Instant) {
        if let id = idOfAddress[address] { update(id) { $0.queriedAt = now } }
    }

    /// The node at the address didn't answer, or answered with an error.
    ///
    /// While no node answers, the network is to blame: then no node is removed, so that the table survives any outage.
    package mutating func failed(_ address: PeerAddress, othersAnswer: Bool = true) {
        guard let id = idOfAddress[address] else {
            for index in buckets.indices { buckets[index].spares.removeAll { $0.contact.address == address } }
            return
        }
        let index = index(of: id)
        guard let place = buckets[index].nodes.firstIndex(where: { $0.id == id }) else { return }
        guard othersAnswer || buckets[index].nodes[place].failures == 0 else { return }
        buckets[index].nodes[place].failures += 1
        guard othersAnswer else { return }
        let node = buckets[index].nodes[place]
        // Spare nodes that have answered take its place at once; the others are pinged first.
        if let spare = buckets[index].spares.firstIndex(where: { $0.isGood && !isCrowded($0.contact.address) }) {
            let replacement = buckets[index].spares.remove(at: spare)
            remove(at: address)
            add(replacement, to: index)
        } else if node.failures >= (node.isVerified ? Self.mostFailures : Self.mostFailuresUnverified) {
            remove(at: address)
        }
    }

    /// Removes the node at the address: it answered with another id.
    mutating func remove(at address: PeerAddress) {
        guard let id = idOfAddress.removeValue(forKey: address) else { return }
        buckets[index(of: id)].nodes.removeAll { $0.id == id }
        if address.host.reach == .everywhere { subscribers.remove(address.host.subscriber) }
    }

    /// The node that was queried least recently, to refresh its bucket, and whether the bucket has room.
    func stalest() -> (node: KnownNode, bucketHasRoom: Bool, sharing: Int)? {
        var found: (KnownNode, Bool, Int)?
        for (index, bucket) in buckets.enumerated() {
            for node in bucket.nodes {
                if let best = found?.0.queriedAt, let at = node.queriedAt, at >= best { continue }
                if found != nil, found?.0.queriedAt == nil { continue }
                found = (node, bucket.nodes.count < capacity(index), index)
            }
        }
        return found
    }

    /// Takes a spare node that could be of use: its bucket has room, or a failing node.
    mutating func takeUsefulSpare() -> NodeContact? {
        for index in buckets.indices.reversed() {
            let bucket = buckets[index]
            guard bucket.nodes.count < capacity(index) || bucket.nodes.contains(where: { $0.failures > 0 }),
                let place = bucket.spares.lastIndex(where: { !isCrowded($0.contact.address) })
            else { continue }
            return buckets[index].spares.remove(at: place).contact
        }
        return nil
    }

    /// The same nodes around another id.
    package func rehomed(to id: NodeID) -> RoutingTable {
        var table = RoutingTable(own: id)
        for node in nodes.sorted(by: { $0.id.isCloser(than: $1.id, to: id) }) where node.id != id {
            if node.isVerified { table.insert(node) } else { table.restore(node.contact) }
        }
        return table
    }

    // MARK: Parts

    private func isAcceptable(_ contact: NodeContact) -> Bool {
        contact.id != own && contact.id != .zero && contact.address.isUsable
    }

    private func isCrowded(_ address: PeerAddress) -> Bool {
        address.host.reach == .everywhere && subscribers.contains(address.host.subscriber)
    }

    private func index(of id: NodeID) -> Int { min(own.sharedPrefix(with: id), buckets.count - 1) }
    private func capacity(_ index: Int) -> Int {
        index < Self.wideBuckets.count ? Self.wideBuckets[index] : Self.bucketSize
    }

    private func canSplit(_ index: Int) -> Bool { index == buckets.count - 1 && buckets.count < Self.mostBuckets }

    private mutating func update(_ id: NodeID, _ change: (inout KnownNode) -> Void) {
        let index = index(of: id)
        guard let place = buckets[index].nodes.firstIndex(where: { $0.id == id }) else { return }
        change(&buckets[index].nodes[place])
    }

    private mutating func add(_ node: KnownNode, to index: Int) {
        buckets[index].nodes.append(node)
        buckets[index].spares.removeAll { $0.contact.address == node.contact.address || $0.id == node.id }
        idOfAddress[node.contact.address] = node.id
        if node.contact.address.host.reach == .everywhere { subscribers.insert(node.contact.address.host.subscriber) }
    }

    private mutating func spare(_ node: KnownNode) {
        let index = index(of: node.id)
        let isNew = !buckets[index].spares.contains {
            $0.id == node.id || $0.contact.address == node.contact.address
                || node.contact.address.host.reach == .everywhere
                    && $0.contact.address.host.subscriber == node.contact.address.host.subscriber
        }
        guard isNew, !buckets[index].nodes.contains(where: { $0.id == node.id }) else { return }
        // As many spare nodes as nodes.
        if buckets[index].spares.count >= capacity(index) {
            // Nodes that have answered stay; of the others, the oldest leaves.
            guard
                let oldest = buckets[index].spares.firstIndex(where: { !$0.isVerified }) ?? (node.isVerified ? 0 : nil)
            else { return }
            buckets[index].spares.remove(at: oldest)
        }
        buckets[index].spares.append(node)
    }

    /// Inserts a node that has answered, at the place of a worse one if there must be.
    private mutating func insert(_ node: KnownNode) {
        guard !isCrowded(node.contact.address) else { return }
        let index = index(of: node.id)
        if let known = buckets[index].nodes.first(where: { $0.id == node.id }) {
            // Another address has the same id. Who was here first stays while it answers.
            guard known.failures > 0 || !known.isVerified else { return }
            remove(at: known.contact.address)
        }
        if buckets[index].nodes.count < capacity(index) { return add(node, to: index) }
        if canSplit(index) {
            split()
            return insert(node)
        }
        guard let worse = worse(than: node, in: index) else { return spare(node) }
        remove(at: worse.contact.address)
        add(node, to: index)
        if worse.isGood { spare(worse) }
    }

    /// A node of a full bucket that should give its place to another one.
    private func worse(than node: KnownNode, in index: Int) -> KnownNode? {
        let nodes = buckets[index].nodes
        if let dead = nodes.filter({ $0.failures > 0 || !$0.isVerified }).max(by: { $0.failures < $1.failures }) {
            return dead
        }
        // A bucket is of most use if its nodes are spread evenly, one in each of its parts.
        let bits = capacity(index).trailingZeroBitCount
        func part(_ node: KnownNode) -> Int { node.id.bits(after: index + 1, count: bits) }
        func rank(_ node: KnownNode) -> (Int, Duration) { (node.isSecure ? 0 : 1, node.roundTrip ?? .zero) }
        let mine = part(node)
        let beside = nodes.filter { part($0) == mine }
        guard beside.isEmpty else {
            // Nodes that suit their address come first. A known node isn't replaced because it is slower: whoever is
            // close to us could otherwise take over the table.
            return node.isSecure ? beside.first { !$0.isSecure } : nil
        }
        let sizes = Dictionary(grouping: nodes, by: part).filter { $0.value.count > 1 }
        guard let crowd = sizes.max(by: { ($0.value.count, $1.key) < ($1.value.count, $0.key) })?.value else {
            return nil
        }
        return crowd.max { rank($0) < rank($1) }
    }

    /// Moves the nodes of the last bucket that are closer to our id to a new bucket.
    private mutating func split() {
        let last = buckets.count - 1
        let old = buckets[last]
        buckets[last] = Bucket()
        buckets.append(Bucket())
        func isCloser(_ node: KnownNode) -> Bool { own.sharedPrefix(with: node.id) > last }
        buckets[last].nodes = old.nodes.filter { !isCloser($0) }
        buckets[last].spares = old.spares.filter { !isCloser($0) }
        buckets[last + 1].nodes = old.nodes.filter(isCloser)
        buckets[last + 1].spares = Array(old.spares.filter(isCloser).suffix(capacity(last + 1)))
        // A narrower bucket may not hold all of them.
        guard buckets[last + 1].nodes.count > capacity(last + 1) else { return }
        if buckets.count < Self.mostBuckets { split() }
        trim(last + 1)
    }

    private mutating func trim(_ index: Int) {
        while buckets[index].nodes.count > capacity(index), let last = buckets[index].nodes.last {
            remove(at: last.contact.address)
            if last.isGood { spare(last) }
        }
    }
}
