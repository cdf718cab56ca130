package import Torrent

/// A message from the brain to a peer, other than ``Effect/request(_:_:)`` and ``Effect/cancel(_:_:)``. The shell
/// encodes it for the wire.
package enum Outgoing: Equatable, Sendable {
    case keepAlive
    case choke
    case unchoke
    case interested
    case notInterested
    case have(PieceIndex)
    /// A piece that was announced to the peer isn't present any more (BEP 54).
    case dontHave(PieceIndex)
    /// The first message: the pieces that are present, in the shortest form that the peer understands.
    case pieces(Bitfield)
    case reject(BlockRequest)
    /// Whether we want nothing more (BEP 21).
    case uploadOnly(Bool)
}
