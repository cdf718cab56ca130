import Torrent

/// The metadata of one size, as some peers claim it: which of its blocks are here, who sent them, and which are
/// requested.
///
/// Memory grows with the blocks that arrive and are requested, never with the claimed size.
struct MetadataClaim {
    /// How long a block stays with one peer before another is asked for it as well.
    static let askAgainAfter = Duration.seconds(3)

    /// The requests for one block.
    private struct Asked {
        var peers: Int
        var last: Instant
    }

    let size: Int
    let blockCount: Int
    /// Who sent each block that has arrived.
    private(set) var senders: [Int: PeerAddress] = [:]
    /// Blocks that have arrived and aren't stored yet.
    private var unstored: Set<Int> = []
    private var asked: [Int: Asked] = [:]
    /// Blocks that were requested in vain.
    private var returned: Set<Int> = []
    /// No block from here on was ever requested.
    private var next = 0
    /// Whether the blocks are being hashed.
    private(set) var isHashing = false
    /// Whether a hash has failed although several peers sent the blocks: one of them lies, so that the blocks are
    /// fetched from one peer at a time.
    private(set) var isSuspicious: Bool
    /// The only peer that is asked while the claim is suspicious.
    private(set) var sole: PeerAddress?
    /// When the sole peer was chosen, or last sent a block.
    private(set) var soleSince = Instant.origin
    /// What each peer sent when the hash failed: it shows who lied once the metadata is known.
    private var evidence: [Int: (sender: PeerAddress, digest: SHA1Digest)] = [:]

    init(size: Int, isSuspicious: Bool = false) {
        self.size = size
        self.isSuspicious = isSuspicious
        blockCount = (size + Geometry.blockLength - 1) / Geometry.blockLength
    }

    // MARK: Queries

    var isComplete: Bool { senders.count == blockCount }
    var isStored: Bool { isComplete && unstored.isEmpty }
    /// Whether there may be a block to request.
    var mayLackRequests: Bool { !isHashing && !isComplete }

    /// The length of the block: the last one is never empty, even if the size is a multiple of the others' length.
    func length(of block: Int) -> Int { min(Geometry.blockLength, size - block * Geometry.blockLength) }

    func lacks(_ block: Int) -> Bool { block >= 0 && block < blockCount && senders[block] == nil }

    /// The senders, and how many blocks each has sent.
    var shares: [PeerAddress: Int] { senders.values.reduce(into: [:]) { $0[$1, default: 0] += 1 } }

    // MARK: Requests

    /// Returns the next block to request from a peer that isn't asked for `own`; `nil` if all are requested.
    mutating func takeBlock(except own: Dictionary<Int, Instant>.Keys, now: Instant) -> Int? {
        guard mayLackRequests else { return nil }
        if let block = returned.min() {
            returned.remove(block)
            return ask(block, now)
        }
        while next < blockCount {
            defer { next += 1 }
            if senders[next] == nil, asked[next] == nil { return ask(next, now) }
        }
        let late = asked.filter { now - $0.value.last >= Self.askAgainAfter && !own.contains($0.key) }
        guard let block = late.min(by: { ($0.value.last, $0.key) < ($1.value.last, $1.key) })?.key else { return nil }
        return ask(block, now)
    }

    private mutating func ask(_ block: Int, _ now: Instant) -> Int {
        asked[block] = Asked(peers: (asked[block]?.peers ?? 0) + 1, last: now)
        return block
    }

    /// The peer won't deliver the block.
    mutating func gaveUp(_ block: Int) {
        guard var known = asked[block] else { return }
        known.peers -= 1
        asked[block] = known.peers > 0 ? known : nil
        if known.peers == 0, lacks(block) { returned.insert(block) }
    }

    // MARK: Blocks

    /// A block that was stored by an earlier run.
    mutating func restore(_ block: Int, from sender: PeerAddress) {
        if block >= 0, block < blockCount { senders[block] = sender }
    }

    mutating func arrived(_ block: Int, from sender: PeerAddress, now: Instant) {
        senders[block] = sender
        unstored.insert(block)
        asked[block] = nil
        returned.remove(block)
        if sender == sole { soleSince = now }
    }

    mutating func stored(_ block: Int) { unstored.remove(block) }

    /// The block couldn't be stored.
    mutating func lost(_ block: Int) {
        guard unstored.remove(block) != nil else { return }
        senders[block] = nil
        returned.insert(block)
    }

    mutating func hashingBegan() { isHashing = true }

    /// Forgets the blocks, except those of one sender.
    mutating func drop(exceptOf sender: PeerAddress? = nil) {
        isHashing = false
        senders = senders.filter { $0.value == sender }
        unstored = unstored.filter { senders[$0] != nil }
        returned = []
        asked = [:]
        next = 0
    }

    // MARK: Suspicion

    /// The hash failed, and several peers had sent blocks. `digests` are those of the blocks.
    mutating func suspect(_ digests: [SHA1Digest]) {
        isSuspicious = true
        for (block, sender) in senders where digests.indices.contains(block) {
            evidence[block] = (sender, digests[block])
        }
    }

    /// From now on only this peer is asked; `nil` if none is connected.
    mutating func choose(_ peer: PeerAddress?, now: Instant) {
        sole = peer
        soleSince = now
    }

    /// The peers that sent something else than the metadata, whose blocks have these digests.
    func liars(_ digests: [SHA1Digest]) -> Set<PeerAddress> {
        Set(
            evidence.compactMap { block, seen in
                digests.indices.contains(block) && digests[block] != seen.digest ? seen.sender : nil
            })
    }
}
