/// What a peer sent that no peer may send: always the peer's fault, and the end of its connection.
package enum PeerWireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The handshake's byte at `offset` is not the protocol's.
    case notBitTorrent(offset: Int)
    /// A frame announces more bytes than any message may have.
    case frameTooLong(length: Int, limit: Int)
    /// A frame announces a length that its type of message never has.
    case wrongLength(messageID: UInt8, length: Int, allowed: ClosedRange<Int>)
    /// A bitfield has a bit set behind the last piece (BEP 3).
    case spareBits(pieceCount: Int)
    /// The body of an extension message can't be read.
    case malformedExtension(name: String, reason: String)

    package var description: String {
        switch self {
        case .notBitTorrent(let offset):
            "The peer does not speak BitTorrent (byte \(offset) of its handshake is wrong); drop the connection."
        case .frameTooLong(let length, let limit):
            "The peer announced a frame of \(length) bytes where \(limit) are the most; drop the connection."
        case .wrongLength(let id, let length, let allowed):
            "The peer announced \(length) bytes for message \(id) where \(Self.text(allowed)) are allowed; drop the connection."
        case .spareBits(let pieceCount):
            "The peer's bitfield claims pieces behind the last of \(pieceCount); drop the connection."
        case .malformedExtension(let name, let reason):
            "The peer's \(name) message can't be read (\(reason)); drop the connection."
        }
    }

    private static func text(_ range: ClosedRange<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }
}
