import NIOCore
import PeerWire

/// What a peer has said about itself before the number of pieces was known: its pieces, whether it chokes us, and its
/// extension handshakes. It is repeated to the brain of the torrent when the metadata has arrived.
struct HeardMessages {
    /// The most bytes that are kept of one peer: the longest bitfield, and as much again.
    private static let mostBytes = 1 << 20
    private static let mostHaves = 4096
    private static let mostHandshakes = 4
    private static let mostFastPieces = 64

    private var handshakes: [ByteBuffer] = []
    /// A bitfield, have-all or have-none.
    private var pieces: PeerMessage?
    private var haves: [UInt32] = []
    private var fastPieces: [UInt32] = []
    private var chokes: PeerMessage?
    private var interest: PeerMessage?
    /// Whether too much was said to be kept: the peer then has to be dialled again.
    private(set) var isOverflowing = false

    /// The bytes that are kept.
    private(set) var bytes = 0

    mutating func hear(_ message: PeerMessage) {
        switch message {
        case .bitfield(let bits):
            take(bits.readableBytes)
            // The buffer is a slice of the receive buffer, which is used again.
            if !isOverflowing { pieces = .bitfield(ByteBuffer(bytes: bits.readableBytesView)) }
            haves = []
        case .haveAll, .haveNone:
            pieces = message
            haves = []
        case .have(let piece):
            guard haves.count < Self.mostHaves else { return isOverflowing = true }
            haves.append(piece)
        case .allowedFast(let piece):
            if fastPieces.count < Self.mostFastPieces { fastPieces.append(piece) }
        case .choke, .unchoke: chokes = message
        case .interested, .notInterested: interest = message
        case .extended(ExtendedHandshake.messageID, let payload):
            guard handshakes.count < Self.mostHandshakes else { return isOverflowing = true }
            take(payload.readableBytes)
            if !isOverflowing { handshakes.append(ByteBuffer(bytes: payload.readableBytesView)) }
        default: break
        }
    }

    private mutating func take(_ count: Int) {
        bytes += count
        if bytes > Self.mostBytes { isOverflowing = true }
    }

    /// The messages that lead to the same state as all that were heard.
    var messages: [PeerMessage] {
        var all = [pieces].compactMap(\.self)
        all += handshakes.map { .extended(id: ExtendedHandshake.messageID, payload: $0) }
        all += haves.map { .have(piece: $0) } + fastPieces.map { .allowedFast(piece: $0) }
        return all + [chokes, interest].compactMap(\.self)
    }
}
