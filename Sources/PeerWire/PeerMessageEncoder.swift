package import NIOCore

/// Encodes messages and appends them to a buffer, so that many messages need only one write.
package enum PeerMessageEncoder {
    /// The size in bytes of a `piece` frame without its block: prefix, ID, piece and begin.
    package static let pieceHeaderBytes = 13

    /// Appends the message. To send a block, ``appendPieceHeader(piece:begin:blockLength:to:)`` is faster, because it
    /// doesn't copy the block.
    package static func append(_ message: PeerMessage, to buffer: inout ByteBuffer) {
        switch message {
        case .keepAlive: buffer.writeInteger(UInt32(0))
        case .choke: appendBare(.choke, to: &buffer)
        case .unchoke: appendBare(.unchoke, to: &buffer)
        case .interested: appendBare(.interested, to: &buffer)
        case .notInterested: appendBare(.notInterested, to: &buffer)
        case .haveAll: appendBare(.haveAll, to: &buffer)
        case .haveNone: appendBare(.haveNone, to: &buffer)
        case .unknown(let id): buffer.writeMultipleIntegers(UInt32(1), id)
        case .have(let piece): buffer.writeMultipleIntegers(UInt32(5), MessageID.have.rawValue, piece)
        case .suggest(let piece): buffer.writeMultipleIntegers(UInt32(5), MessageID.suggest.rawValue, piece)
        case .allowedFast(let piece): buffer.writeMultipleIntegers(UInt32(5), MessageID.allowedFast.rawValue, piece)
        case .port(let port): buffer.writeMultipleIntegers(UInt32(3), MessageID.port.rawValue, port)
        case .request(let piece, let begin, let length): appendBlock(.request, piece, begin, length, to: &buffer)
        case .cancel(let piece, let begin, let length): appendBlock(.cancel, piece, begin, length, to: &buffer)
        case .reject(let piece, let begin, let length): appendBlock(.reject, piece, begin, length, to: &buffer)
        case .bitfield(let bytes):
            buffer.writeMultipleIntegers(prefix(1, bytes), MessageID.bitfield.rawValue)
            buffer.writeImmutableBuffer(bytes)
        case .extended(let id, let payload):
            buffer.writeMultipleIntegers(prefix(2, payload), MessageID.extended.rawValue, id)
            buffer.writeImmutableBuffer(payload)
        case .piece(let piece, let begin, let block):
            appendPieceHeader(piece: piece, begin: begin, blockLength: block.readableBytes, to: &buffer)
            buffer.writeImmutableBuffer(block)
        }
    }

    /// Appends a `piece` message without its block. The caller writes the block after it without a copy.
    package static func appendPieceHeader(piece: UInt32, begin: UInt32, blockLength: Int, to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(UInt32(9 + blockLength), MessageID.piece.rawValue, piece, begin)
    }

    private static func appendBare(_ type: MessageID, to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(UInt32(1), type.rawValue)
    }

    private static func appendBlock(
        _ type: MessageID, _ piece: UInt32, _ begin: UInt32, _ length: UInt32, to buffer: inout ByteBuffer
    ) {
        buffer.writeMultipleIntegers(UInt32(13), type.rawValue, piece, begin, length)
    }

    /// The length always fits in 32 bits, because NIO's buffers are limited to 4 GiB and the body was created by this
    /// client.
    private static func prefix(_ headBytes: Int, _ body: ByteBuffer) -> UInt32 {
        UInt32(headBytes + body.readableBytes)
    }
}
