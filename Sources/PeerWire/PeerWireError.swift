/// A violation of the protocol by a peer. It is always the peer's fault and closes the connection, except for
/// ``malformedExtension(name:reason:)``.
package enum PeerWireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The byte of the handshake at `offset` is wrong.
    case notBitTorrent(offset: Int)
    /// A frame announces more bytes than any message may have; accepting it would let the peer use up memory.
    case frameTooLong(length: Int, limit: Int)
    /// A frame announces a length that its message type never has. The stream is out of step, or isn't BitTorrent; all
    /// clients then close the connection.
    case wrongLength(messageID: UInt8, length: Int, allowed: ClosedRange<Int>)
    /// The body of an extension message can't be read. Such a message is ignored, because it isn't worth closing the
    /// connection.
    case malformedExtension(name: String, reason: String)

    package var description: String {
        switch self {
        case .notBitTorrent(let offset):
            "The peer does not speak BitTorrent (byte \(offset) of its handshake is wrong); drop the connection."
        case .frameTooLong(let length, let limit):
            "The peer announced a frame of \(length) bytes, over the limit of \(limit); drop the connection."
        case .wrongLength(let id, let length, let allowed):
            "The peer announced \(length) bytes for message \(id), which must have \(Self.text(allowed)); drop the connection."
        case .malformedExtension(let name, let reason):
            "The peer's \(name) message can't be read (\(reason)); ignore it."
        }
    }

    private static func text(_ range: ClosedRange<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }
}
