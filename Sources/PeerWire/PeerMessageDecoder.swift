package import NIOCore
import Torrent

/// Decodes the bytes after the handshake into messages.
///
/// Pass each read to ``append(_:)``, then call ``next()`` until it returns `nil`:
///
///     decoder.append(read)
///     while let message = try decoder.next() { … }
///
/// A frame that lies entirely in one read is decoded in place, and its payload is a slice of that read. A frame that is
/// split between reads is copied into a separate buffer. So once ``next()`` has returned `nil`, the decoder no longer
/// refers to the read, and the channel can reuse its receive buffer as soon as the messages' slices are released too.
package struct PeerMessageDecoder: Sendable {
    /// The maximum number of bytes that are reserved for an unfinished frame: a usual block. The buffer of a longer
    /// frame grows as data arrives, because a peer's announced length is not to be trusted.
    private static let reservedBytes = FrameLimits.prefixBytes + 9 + Geometry.blockLength

    private var limits = FrameLimits()
    /// The rest of the last read.
    private var read = ByteBuffer()
    /// The beginning of an unfinished frame; empty if there is none.
    private var partial = ByteBuffer()
    private var failure: PeerWireError?

    package init(pieceCount: Int? = nil) { self.pieceCount = pieceCount }

    /// The number of pieces in the torrent. Once it is set, a bitfield of another length is rejected, because it
    /// belongs to another torrent.
    package var pieceCount: Int? {
        get { limits.pieceCount }
        set {
            precondition(newValue.map { (0...Geometry.maximumPieceCount).contains($0) } ?? true)
            limits.pieceCount = newValue
        }
    }

    /// The number of bytes that are held and not decoded yet.
    package var bufferedBytes: Int { partial.readableBytes + read.readableBytes }

    /// The memory in bytes that the unfinished frame takes.
    package var partialCapacity: Int { partial.capacity }

    /// Accepts the bytes of one read; discards them after an error.
    package mutating func append(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        if read.readableBytes == 0 { read = bytes } else { read.writeImmutableBuffer(bytes) }
    }

    /// The next message, or `nil` if more bytes are needed. An error is final: it is thrown again by every later call,
    /// and all held bytes are released.
    package mutating func next() throws(PeerWireError) -> PeerMessage? {
        if let failure { throw failure }
        do {
            return partial.readableBytes == 0 ? try nextInPlace() : try nextFromPartial()
        } catch {
            failure = error
            read = ByteBuffer()
            partial = ByteBuffer()
            throw error
        }
    }

    private mutating func nextInPlace() throws(PeerWireError) -> PeerMessage? {
        let frame = try frame(in: read)
        if let frame, frame.bytes <= read.readableBytes { return try take(frame, from: &read) }
        if read.readableBytes > 0 {
            partial.reserveCapacity(min(frame?.bytes ?? 0, Self.reservedBytes))
            partial.writeImmutableBuffer(read)
        }
        read = ByteBuffer()
        return nil
    }

    /// Continues the frame that began in an earlier read. Only its missing bytes are copied: first the prefix, then the
    /// ID, then the body.
    private mutating func nextFromPartial() throws(PeerWireError) -> PeerMessage? {
        while true {
            let frame = try frame(in: partial)
            let wanted =
                frame?.bytes
                ?? (partial.readableBytes < FrameLimits.prefixBytes
                    ? FrameLimits.prefixBytes : FrameLimits.prefixBytes + 1)
            let missing = wanted - partial.readableBytes
            if let frame, missing == 0 {
                let message = try take(frame, from: &partial)
                partial = ByteBuffer()
                return message
            }
            guard var slice = read.readSlice(length: min(missing, read.readableBytes)), slice.readableBytes > 0 else {
                read = ByteBuffer()
                return nil
            }
            partial.reserveCapacity(min(wanted, Self.reservedBytes))
            partial.writeBuffer(&slice)
        }
    }

    /// A frame whose length is known and allowed.
    private struct Frame {
        /// The length of the frame in bytes, including the prefix.
        let bytes: Int
        /// The message ID; `nil` for a keep-alive, which is only a prefix.
        let id: UInt8?
    }

    /// The frame at the front of the buffer; `nil` until its prefix and ID have arrived. Throws if no message with this
    /// ID has this length.
    private func frame(in buffer: ByteBuffer) throws(PeerWireError) -> Frame? {
        guard let (prefix, id) = buffer.getMultipleIntegers(at: buffer.readerIndex, as: (UInt32, UInt8).self) else {
            return try frameWithoutID(in: buffer)
        }
        guard prefix > 0 else { return Frame(bytes: FrameLimits.prefixBytes, id: nil) }
        let allowed = limits.allowed(id)
        guard allowed.contains(Int(prefix)) else {
            throw .wrongLength(messageID: id, length: Int(prefix), allowed: allowed)
        }
        return Frame(bytes: FrameLimits.prefixBytes + Int(prefix), id: id)
    }

    private func frameWithoutID(in buffer: ByteBuffer) throws(PeerWireError) -> Frame? {
        guard let prefix = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        guard prefix <= FrameLimits.longest else {
            throw .frameTooLong(length: Int(prefix), limit: FrameLimits.longest)
        }
        return prefix == 0 ? Frame(bytes: FrameLimits.prefixBytes, id: nil) : nil
    }

    /// Removes a complete frame from the buffer and decodes it.
    private func take(_ frame: Frame, from buffer: inout ByteBuffer) throws(PeerWireError) -> PeerMessage {
        defer { buffer.moveReaderIndex(forwardBy: frame.bytes) }
        guard let id = frame.id else { return .keepAlive }
        guard let type = MessageID(rawValue: id) else { return .unknown(id: id) }
        let head = FrameLimits.prefixBytes + 1
        guard let body = buffer.getSlice(at: buffer.readerIndex + head, length: frame.bytes - head),
            let message = Self.message(type, body)
        else {
            // This can't happen: all bytes are present, and a body too short for its type was rejected with its prefix.
            throw .wrongLength(
                messageID: id, length: frame.bytes - FrameLimits.prefixBytes, allowed: limits.allowed(id))
        }
        return message
    }

    /// The message; `nil` if the body is too short, which ``FrameLimits`` prevents.
    private static func message(_ type: MessageID, _ body: ByteBuffer) -> PeerMessage? {
        var body = body
        switch type {
        case .choke: return .choke
        case .unchoke: return .unchoke
        case .interested: return .interested
        case .notInterested: return .notInterested
        case .haveAll: return .haveAll
        case .haveNone: return .haveNone
        case .bitfield: return .bitfield(body)
        case .have: return body.readInteger().map { .have(piece: $0) }
        case .suggest: return body.readInteger().map { .suggest(piece: $0) }
        case .allowedFast: return body.readInteger().map { .allowedFast(piece: $0) }
        case .port: return body.readInteger().map { .port($0) }
        case .extended: return body.readInteger().map { .extended(id: $0, payload: body) }
        case .piece:
            return body.readMultipleIntegers(as: (UInt32, UInt32).self).map {
                .piece(piece: $0, begin: $1, block: body)
            }
        case .request: return block(&body).map { .request(piece: $0, begin: $1, length: $2) }
        case .cancel: return block(&body).map { .cancel(piece: $0, begin: $1, length: $2) }
        case .reject: return block(&body).map { .reject(piece: $0, begin: $1, length: $2) }
        }
    }

    private static func block(_ body: inout ByteBuffer) -> (UInt32, UInt32, UInt32)? { body.readMultipleIntegers() }
}
