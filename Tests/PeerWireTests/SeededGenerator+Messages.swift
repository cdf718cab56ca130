import NIOCore
import PeerWire
import Torrent

extension SeededGenerator {
    mutating func number() -> UInt32 { UInt32(truncatingIfNeeded: next()) }

    mutating func bytes(_ count: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) })
    }

    /// The bytes of `stream`, cut into reads of 1 to `longest` bytes.
    mutating func reads(of stream: ByteBuffer, upTo longest: Int) -> [ByteBuffer] {
        var rest = stream
        var reads: [ByteBuffer] = []
        while let read = rest.readSlice(length: min(rest.readableBytes, Int.random(in: 1...longest, using: &self))),
            read.readableBytes > 0
        {
            reads.append(read)
        }
        return reads
    }

    /// Some message of the types that have a wire form that can be read back.
    mutating func message() -> PeerMessage {
        switch Int.random(in: 0..<18, using: &self) {
        case 0: .keepAlive
        case 1: .choke
        case 2: .unchoke
        case 3: .interested
        case 4: .notInterested
        case 5: .have(piece: number())
        case 6: .bitfield(bytes(Int.random(in: 0...300, using: &self)))
        case 7: .request(piece: number(), begin: number(), length: number())
        case 8: .piece(piece: number(), begin: number(), block: bytes(Int.random(in: 0...2_000, using: &self)))
        case 9: .cancel(piece: number(), begin: number(), length: number())
        case 10: .port(UInt16(truncatingIfNeeded: number()))
        case 11: .suggest(piece: number())
        case 12: .haveAll
        case 13: .haveNone
        case 14: .reject(piece: number(), begin: number(), length: number())
        case 15: .allowedFast(piece: number())
        case 16:
            .extended(id: UInt8(truncatingIfNeeded: number()), payload: bytes(Int.random(in: 0...300, using: &self)))
        default: .unknown(id: UInt8.random(in: 21...255, using: &self))
        }
    }
}
extension PeerMessage {
    /// The message's frame.
    var frame: ByteBuffer {
        var buffer = ByteBuffer()
        PeerMessageEncoder.append(self, to: &buffer)
        return buffer
    }
}

extension PeerMessageDecoder {
    /// Every message that a read completes.
    mutating func messages(in read: ByteBuffer) throws(PeerWireError) -> [PeerMessage] {
        append(read)
        var messages: [PeerMessage] = []
        while let message = try next() { messages.append(message) }
        return messages
    }
}
