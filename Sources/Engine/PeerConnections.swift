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
    private var serves: [PeerKey: [BlockRequest]] = [:]

    init(listenPort: UInt16) { self.listenPort = listenPort }

    /// The connection of the peer; `nil` if it is closed.
    subscript(key: PeerKey) -> PeerConnection? { open[key] }

    mutating func opened(_ connection: PeerConnection, by key: PeerKey) { open[key] = connection }

    mutating func closed(_ key: PeerKey) {
        open[key] = nil
        extensions[key] = nil
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

    // MARK: Extensions

    /// The peer sent its extension handshake (BEP 10).
    mutating func extended(_ key: PeerKey, by handshake: ExtendedHandshake) {
        extensions[key, default: PeerExtensions()].update(with: handshake)
    }

    /// Returns our upload-only state as a message (BEP 21), or `nil` if the peer doesn't understand it.
    func message(_ state: UploadOnly, to key: PeerKey) -> PeerMessage? { extensions[key]?.message(state) }
}
