package import NIOCore

/// One message between peers after the handshake (BEP 3; BEP 5, 6 and 10 where noted).
///
/// The numbers come from the peer and are unchecked; `Geometry.contains` determines whether a block exists. A
/// `ByteBuffer` may be a slice of the socket's receive buffer. Copy whatever has to outlive the batch, so that the
/// receive buffer can be reused.
package enum PeerMessage: Hashable, Sendable {
    case keepAlive
    case choke
    case unchoke
    case interested
    case notInterested
    case have(piece: UInt32)
    /// The pieces that the peer has. Read them with `Bitfield(fromPeer: bytes.readableBytesView, count:)`, which
    /// rejects a wrong length and clears spare bits.
    case bitfield(ByteBuffer)
    case request(piece: UInt32, begin: UInt32, length: UInt32)
    case piece(piece: UInt32, begin: UInt32, block: ByteBuffer)
    case cancel(piece: UInt32, begin: UInt32, length: UInt32)
    /// The UDP port of the peer's DHT node (BEP 5).
    case port(UInt16)
    /// A piece that the peer suggests because it is in the peer's cache (BEP 6).
    case suggest(piece: UInt32)
    /// The peer has all pieces; replaces a bitfield with every bit set (BEP 6).
    case haveAll
    /// The peer has no pieces; replaces a bitfield with no bit set (BEP 6).
    case haveNone
    /// The peer will not serve the request (BEP 6).
    case reject(piece: UInt32, begin: UInt32, length: UInt32)
    /// A piece that may be requested while choked (BEP 6).
    case allowedFast(piece: UInt32)
    /// A message of the extension protocol (BEP 10). `id` 0 is its handshake; the other IDs are the raw values of
    /// ``Extension`` that we announced.
    case extended(id: UInt8, payload: ByteBuffer)
    /// A message that this client doesn't know; its body is discarded.
    case unknown(id: UInt8)
}

/// The byte that identifies the type of a message (BEP 3, BEP 5, BEP 6, BEP 10).
enum MessageID: UInt8, CaseIterable {
    case choke = 0
    case unchoke = 1
    case interested = 2
    case notInterested = 3
    case have = 4
    case bitfield = 5
    case request = 6
    case piece = 7
    case cancel = 8
    case port = 9
    case suggest = 13
    case haveAll = 14
    case haveNone = 15
    case reject = 16
    case allowedFast = 17
    case extended = 20
}
