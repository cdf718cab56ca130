import NIOCore
import PeerWire
import Testing
import Torrent

@Suite struct PeerMessageCodecTests {
    /// A message and its frame as BEP 3, 5, 6 and 10 write it.
    static let wire: [(PeerMessage, [UInt8])] = [
        (.keepAlive, [0, 0, 0, 0]),
        (.choke, [0, 0, 0, 1, 0]),
        (.unchoke, [0, 0, 0, 1, 1]),
        (.interested, [0, 0, 0, 1, 2]),
        (.notInterested, [0, 0, 0, 1, 3]),
        (.have(piece: 0x0102_0304), [0, 0, 0, 5, 4, 1, 2, 3, 4]),
        (.bitfield(ByteBuffer(bytes: [0xa0, 0x80])), [0, 0, 0, 3, 5, 0xa0, 0x80]),
        (.request(piece: 1, begin: 2, length: 0x4000), [0, 0, 0, 13, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0x40, 0]),
        (
            .piece(piece: 1, begin: 2, block: ByteBuffer(bytes: [7, 8])),
            [0, 0, 0, 11, 7, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8]
        ),
        (.cancel(piece: 1, begin: 2, length: 3), [0, 0, 0, 13, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        (.port(6881), [0, 0, 0, 3, 9, 0x1a, 0xe1]),
        (.suggest(piece: 5), [0, 0, 0, 5, 13, 0, 0, 0, 5]),
        (.haveAll, [0, 0, 0, 1, 14]),
        (.haveNone, [0, 0, 0, 1, 15]),
        (.reject(piece: 1, begin: 2, length: 3), [0, 0, 0, 13, 16, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        (.allowedFast(piece: 0xffff_ffff), [0, 0, 0, 5, 17, 255, 255, 255, 255]),
        (.extended(id: 3, payload: ByteBuffer(bytes: [9])), [0, 0, 0, 3, 20, 3, 9]),
        (.unknown(id: 99), [0, 0, 0, 1, 99]),
    ]

    @Test(arguments: wire.indices) func messagesMatchTheWireFormat(_ row: Int) throws {
        let (message, bytes) = Self.wire[row]
        #expect(Array(message.frame.readableBytesView) == bytes)
        var decoder = PeerMessageDecoder()
        #expect(try decoder.messages(in: ByteBuffer(bytes: bytes)) == [message])
        #expect(decoder.bufferedBytes == 0)
    }

    @Test func pieceHeaderPrecedesItsBlock() {
        let block = ByteBuffer(repeating: 7, count: 16_384)
        var buffer = ByteBuffer()
        PeerMessageEncoder.appendPieceHeader(piece: 3, begin: 16_384, blockLength: block.readableBytes, to: &buffer)
        #expect(buffer.readableBytes == PeerMessageEncoder.pieceHeaderBytes)
        buffer.writeImmutableBuffer(block)
        #expect(buffer == PeerMessage.piece(piece: 3, begin: 16_384, block: block).frame)
    }

    @Test func bodyOfAnUnknownMessageIsDropped() throws {
        var decoder = PeerMessageDecoder()
        let read = ByteBuffer(bytes: [0, 0, 0, 4, 22, 1, 2, 3, 0, 0, 0, 1, 1])
        #expect(try decoder.messages(in: read) == [.unknown(id: 22), .unchoke])
    }

    /// However the bytes are cut into reads, the messages are the same; the first way is one byte a read.
    @Test(arguments: 0..<16 as Range<UInt64>) func splitReadsDecodeToTheSameMessages(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let messages = (0..<60).map { _ in generator.message() }
        var stream = ByteBuffer()
        for message in messages { PeerMessageEncoder.append(message, to: &stream) }

        for longest in [1, 3, 17, 1_500, stream.readableBytes] {
            var decoder = PeerMessageDecoder()
            var decoded: [PeerMessage] = []
            for read in generator.reads(of: stream, upTo: longest) { decoded += try decoder.messages(in: read) }
            #expect(decoded == messages, "seed \(seed), reads of up to \(longest) bytes")
            #expect(decoder.bufferedBytes == 0)
        }
    }

    @Test func readsCanAccumulateBeforeDecoding() throws {
        var decoder = PeerMessageDecoder()
        let bytes = Self.wire.flatMap { $0.1 }
        for byte in bytes { decoder.append(ByteBuffer(bytes: [byte])) }
        #expect(decoder.bufferedBytes == bytes.count)
        #expect(try decoder.messages(in: ByteBuffer()) == Self.wire.map { $0.0 })
    }

    /// A buffer to which nobody else refers is written where it lies; another is copied first and moves.
    @Test(arguments: [0, 1, 4, 5, 12, 13, 9_000, 16_396]) func decoderReleasesReadBuffers(bytesOfTheLastFrame: Int)
        throws
    {
        var read = ByteBuffer()
        for n in 0..<8 { read.writeImmutableBuffer(Self.block(n).frame) }
        read.writeImmutableBuffer(Self.block(8).frame.getSlice(at: 0, length: bytesOfTheLastFrame) ?? ByteBuffer())
        let before = read.withUnsafeReadableBytes { $0.baseAddress }

        var decoder = PeerMessageDecoder()
        decoder.append(read)
        var count = 0
        while let message = try decoder.next() {
            #expect(message == Self.block(count))
            count += 1
        }
        #expect(count == 8)
        #expect(decoder.bufferedBytes == bytesOfTheLastFrame)
        read.setInteger(UInt8(0), at: 0)
        #expect(read.withUnsafeReadableBytes { $0.baseAddress } == before)
    }

    private static func block(_ n: Int) -> PeerMessage {
        .piece(piece: UInt32(n), begin: 0, block: ByteBuffer(repeating: UInt8(n), count: 16_384))
    }
}
