// Room: PeerWire.
// Duty: peer bytes ⇄ messages: the handshake, the frames, the extension messages and what they may weigh.
// Owns: the layout of every byte between two peers, and the limit of every frame that comes in.
// Never: does I/O, reads a clock, keeps a connection's state beyond a frame that has not ended, judges what a message
// means for a torrent. Invariants: no bytes trap; a decoder holds at most one frame that has not ended, and none of
// them is over its limit; a decoder that has failed stays failed; once a read is used up nothing here refers to its
// buffer.

import NIOCore

/// One message between peers after the handshake (BEP 3; BEP 5, 6 and 10 where noted).
///
/// The numbers are the peer's own and unchecked: `Geometry.contains` tells whether a block exists. A `ByteBuffer` here
/// may be a slice of the socket's receive buffer: copy out what has to outlive the batch, so that the receive buffer
/// can be used again.
package enum PeerMessage: Hashable, Sendable {
    case keepAlive
    case choke
    case unchoke
    case interested
    case notInterested
    case have(piece: UInt32)
    /// Read it with `Bitfield(fromPeer: bytes.readableBytesView, count:)`, which refuses a wrong length and clears
    /// spare bits.
    case bitfield(ByteBuffer)
    case request(piece: UInt32, begin: UInt32, length: UInt32)
    case piece(piece: UInt32, begin: UInt32, block: ByteBuffer)
    case cancel(piece: UInt32, begin: UInt32, length: UInt32)
    /// The UDP port of the peer's DHT node (BEP 5).
    case port(UInt16)
    /// A piece that the peer would like to send, for it is in its cache (BEP 6).
    case suggest(piece: UInt32)
    /// Instead of a bitfield in which every bit is set (BEP 6).
    case haveAll
    /// Instead of a bitfield in which no bit is set (BEP 6).
    case haveNone
    /// The answer to a request that will not be served (BEP 6).
    case reject(piece: UInt32, begin: UInt32, length: UInt32)
    /// A piece that may be requested while choked (BEP 6).
    case allowedFast(piece: UInt32)
    /// A message of the extension protocol: `id` 0 is its handshake, the others are ``Extension``'s raw values as we
    /// announced them (BEP 10).
    case extended(id: UInt8, payload: ByteBuffer)
    /// A message that this client doesn't know; its body is dropped.
    case unknown(id: UInt8)
}

/// The byte that names the type of a message (BEP 3, BEP 5, BEP 6, BEP 10).
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
