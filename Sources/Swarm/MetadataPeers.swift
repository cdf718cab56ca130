import Torrent

/// The peers of a torrent without metadata: known addresses, dials, and connections with what each peer claims.
struct MetadataPeers {
    /// The most connections, because blocks of metadata are few.
    static let most = 40
    /// How long a peer that offers nothing keeps its place when others could be dialled.
    static let patience = Duration.seconds(20)
    /// How long a connection may be silent before it is closed.
    static let silenceLimit = Duration.seconds(180)
    static let keepAliveAfter = Duration.seconds(90)

    /// A connected peer.
    struct Member {
        let address: PeerAddress
        let isIncoming: Bool
        let connectedAt: Instant
        /// The size of the metadata, as the peer states it; `nil` if it has none.
        var size: Int?
        /// How often it has changed its statement.
        var changes = 0
        /// The blocks that it was asked for, and when.
        var requests: [Int: Instant] = [:]
        /// Nothing is requested before this time.
        var restsUntil: Instant?
        /// Blocks of a wrong length, and unanswered requests.
        var faults = 0
        var receivedBytes: Int64 = 0
        var heardAt: Instant
        var saidAt: Instant
        var isClosing = false

        func rests(at now: Instant) -> Bool { restsUntil.map { now < $0 } ?? false }
    }

    var book = AddressBook()
    private(set) var dialing: Set<PeerAddress> = []
    private(set) var members: [PeerKey: Member] = [:]
    private var lastKey: UInt32 = 0
    /// The most connections and dials, as far as settings allow fewer than usual.
    var limit = MetadataPeers.most
    var dialLimit = 16

    subscript(key: PeerKey) -> Member? {
        get { members[key] }
        set { members[key] = newValue }
    }

    /// The connected peers, in the order in which they connected.
    var keys: [PeerKey] { members.keys.sorted() }

    func isConnected(to address: PeerAddress) -> Bool {
        members.values.contains { $0.address == address && !$0.isClosing }
    }

    /// The peer with this address, if it is connected.
    func key(of address: PeerAddress) -> PeerKey? {
        members.first { $0.value.address == address && !$0.value.isClosing }?.key
    }

    /// Returns the key of the new connection, or why it is refused.
    mutating func connected(_ info: PeerInfo, now: Instant, unix: Int64) -> Result<PeerKey, Swarm.Refusal> {
        dialing.remove(info.address)
        let ban = info.isIncoming ? book.banReason(ofIncoming: info.address) : book[info.address]?.banReason
        var refusal: DisconnectReason?
        if let ban {
            refusal = .banned(ban)
        } else if isConnected(to: info.address) {
            return .failure(Swarm.Refusal(.duplicate))
        } else if !info.supportsExtensions {
            refusal = .protocolError("it doesn't support extensions, so it can't send metadata")
        } else if members.count >= limit {
            refusal = .tooManyPeers
        }
        if let refusal {
            if !info.isIncoming { book.released(info.address) }
            return .failure(Swarm.Refusal(refusal))
        }
        book.connected(info.address, client: info.client, at: unix)
        lastKey &+= 1
        let key = PeerKey(lastKey)
        members[key] = Member(
            address: info.address, isIncoming: info.isIncoming, connectedAt: now, heardAt: now, saidAt: now)
        return .success(key)
    }

    mutating func dialFailed(_ address: PeerAddress, unix: Int64) {
        dialing.remove(address)
        if !isConnected(to: address) { book.dialFailed(address, at: unix) }
    }

    mutating func isSelf(_ address: PeerAddress) {
        dialing.remove(address)
        book.isSelf(address)
    }

    mutating func closed(_ key: PeerKey, unix: Int64) {
        guard let member = members.removeValue(forKey: key) else { return }
        book.disconnected(member.address, downloaded: member.receivedBytes, uploaded: 0, rate: 0, at: unix)
    }

    /// Returns the next address to dial.
    mutating func takeDial(unix: Int64) -> PeerAddress? {
        guard dialing.count < dialLimit, dialing.count + members.count < limit, let address = book.next(at: unix)
        else { return nil }
        dialing.insert(address)
        return address
    }

    /// Returns the peers that give up their places: they have been silent for too long, or offer nothing although
    /// others could be dialled.
    func leavers(now: Instant) -> [(PeerKey, DisconnectReason)] {
        let isCrowded = members.count + dialing.count >= limit && book.hasCandidates
        return keys.compactMap { key in
            guard let member = members[key], !member.isClosing else { return nil }
            if now - member.heardAt > Self.silenceLimit { return (key, .silent) }
            let isUseless = isCrowded && member.size == nil && now - member.connectedAt > Self.patience
            return isUseless ? (key, .idle) : nil
        }
    }
}
