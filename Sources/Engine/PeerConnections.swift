import Net
import PeerWire
import Swarm
import Torrent

/// The open connections of one torrent: which of them hold messages to flush, which blocks they are to be sent, and
/// which extension messages each peer understands.
struct PeerConnections {
    /// Our port, as reported to peers; 0 if we don't listen.
    let listenPort: UInt16
    private var open: [PeerKey: PeerConnection] = [:]
    private var extensions: [PeerKey: PeerExtensions] = [:]
    /// The peers with messages that aren't flushed yet.
    private var unflushed: Set<PeerKey> = []
    private var adopted: Set<PeerKey> = []
    private var metadata: [PeerKey: MetadataQueue] = [:]
    private var serves: [PeerKey: [BlockRequest]] = [:]

    init(listenPort: UInt16) { self.listenPort = listenPort }

    /// The connection of the peer; `nil` if it is closed.
    subscript(key: PeerKey) -> PeerConnection? { open[key] }

    mutating func opened(_ connection: PeerConnection, by key: PeerKey, isAdopted: Bool) {
        open[key] = connection
        if isAdopted { adopted.insert(key) }
    }

    /// Whether the connection was opened before the metadata was known.
    func isAdopted(_ key: PeerKey) -> Bool { adopted.contains(key) }

    mutating func closed(_ key: PeerKey) {
        open[key] = nil
        extensions[key] = nil
        adopted.remove(key)
        metadata[key] = nil
    }

    // MARK: Messages

    /// Returns the connection to send a message on, which is flushed later; `nil` if it is closed.
    mutating func connection(toSendTo key: PeerKey) -> PeerConnection? {
        guard let connection = open[key] else { return nil }
        unflushed.insert(key)
        return connection
    }

    /// Whether messages wait for a flush.
    var hasUnflushed: Bool { !unflushed.isEmpty }

    /// Returns the peers whose connections must be flushed now.
    mutating func takeUnflushed() -> Set<PeerKey> {
        defer { unflushed = [] }
        return unflushed
    }

    /// A block was added to the peer's connection.
    mutating func sentBlock(to key: PeerKey) { unflushed.insert(key) }

    // MARK: Serving

    /// Queues a block to be read and sent to the peer.
    mutating func serve(_ request: BlockRequest, to key: PeerKey) { serves[key, default: []].append(request) }

    /// Returns the queued blocks, by peer.
    mutating func takeServes() -> [PeerKey: [BlockRequest]] {
        guard !serves.isEmpty else { return [:] }
        defer { serves = [:] }
        return serves
    }

    // MARK: Metadata

    /// The peer requests a block of metadata. Returns `false` if the request has to be rejected.
    mutating func addMetadata(_ block: Int, of count: Int, for key: PeerKey) -> Bool {
        guard open[key] != nil else { return false }
        return metadata[key, default: MetadataQueue()].add(block, of: count)
    }

    /// The peers that wait for metadata.
    var awaitingMetadata: [PeerKey] { metadata.filter { !$0.value.isEmpty }.keys.sorted() }

    func isMetadataDone(for key: PeerKey) -> Bool { metadata[key]?.isEmpty ?? true }

    /// The block of metadata to send to the peer now.
    func nextMetadata(for key: PeerKey) -> Int? { metadata[key]?.next }

    mutating func beganMetadata(_ bytes: Int, for key: PeerKey) { metadata[key]?.began(bytes) }

    mutating func endedMetadata(_ bytes: Int, for key: PeerKey) { metadata[key]?.ended(bytes) }

    // MARK: Extensions

    /// The peer sent its extension handshake (BEP 10).
    mutating func extended(_ key: PeerKey, by handshake: ExtendedHandshake) {
        extensions[key, default: PeerExtensions()].update(with: handshake)
    }

    func supports(_ type: Extension, _ key: PeerKey) -> Bool { extensions[key]?.supports(type) ?? false }

    /// Returns the extension's message for the peer, or `nil` if the peer doesn't understand it.
    func message(_ body: some ExtensionMessage, to key: PeerKey) -> PeerMessage? { extensions[key]?.message(body) }
}
