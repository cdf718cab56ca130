import NIOCore
import PeerWire
import Testing
import Torrent

@Suite struct FrameLimitsTests {
    /// Lengths that are refused as soon as prefix and id are there.
    static let refused: [(id: UInt8, length: UInt32)] = [
        (0, 2), (1, 2), (2, 0x1_0000), (3, 2), (4, 4), (4, 6), (5, 1 + 512 << 10 + 1), (6, 12), (6, 14), (7, 8),
        (7, 9 + 128 << 10 + 1), (8, 12),
        (9, 2), (9, 4),
        (13, 4), (14, 2), (15, 2), (16, 12), (16, 17), (17, 6), (20, 1), (20, 2 + 1 << 20 + 1), (99, 1 << 20),
        (7, .max), (200, .max),
    ]

    @Test(arguments: refused.indices) func wrongLengthIsRejectedBeforeTheBody(_ row: Int) throws {
        let (id, length) = Self.refused[row]
        var decoder = PeerMessageDecoder()
        var read = ByteBuffer(integer: length)
        read.writeInteger(id)
        #expect(throws: PeerWireError.self) { try decoder.messages(in: read) }
    }

    /// The longest frame of each type is taken, and one byte more is not.
    @Test(arguments: [UInt8](0...24)) func frameLimitsAreExact(id: UInt8) throws {
        let allowed = FrameLimits().allowed(id)
        for (length, isAllowed) in [
            (allowed.lowerBound, true), (allowed.upperBound, true), (allowed.upperBound + 1, false),
        ] {
            var decoder = PeerMessageDecoder()
            var read = ByteBuffer(integer: UInt32(length))
            read.writeInteger(id)
            read.writeRepeatingByte(0, count: length - 1)
            if isAllowed {
                #expect(try decoder.messages(in: read).count == 1)
            } else {
                #expect(throws: PeerWireError.wrongLength(messageID: id, length: length, allowed: allowed)) {
                    try decoder.messages(in: read)
                }
            }
            #expect(allowed.upperBound <= FrameLimits.longest)
        }
    }

    @Test func overlongFrameIsRejectedBeforeItsID() {
        var decoder = PeerMessageDecoder()
        decoder.append(ByteBuffer(integer: UInt32(FrameLimits.longest)))
        #expect(throws: Never.self) { try decoder.next() }
        decoder = PeerMessageDecoder()
        decoder.append(ByteBuffer(integer: UInt32(FrameLimits.longest + 1)))
        #expect(throws: PeerWireError.frameTooLong(length: FrameLimits.longest + 1, limit: FrameLimits.longest)) {
            try decoder.next()
        }
    }

    @Test func decodingFailureIsFinal() throws {
        var decoder = PeerMessageDecoder()
        var read = PeerMessage.unchoke.frame
        read.writeBytes([0, 0, 0, 2, 0])
        decoder.append(read)
        #expect(try decoder.next() == .unchoke)
        let error = try #require(#expect(throws: PeerWireError.self) { try decoder.next() })
        decoder.append(PeerMessage.unchoke.frame)
        #expect(decoder.bufferedBytes == 0)
        #expect(throws: error) { try decoder.next() }
    }

    /// Count of pieces, bytes of the bitfield, whether it is taken: spare bits name no piece, and another length is
    /// that of another torrent.
    static let bitfields: [(Int, [UInt8], Bool)] = [
        (0, [], true), (0, [0], false),
        (1, [0x80], true), (1, [0x40], true), (1, [0x81], true), (1, [], false), (1, [0, 0], false),
        (8, [0xff], true), (8, [0xff, 0], false),
        (9, [0xff, 0x80], true), (9, [0xff, 0xc0], true), (9, [0xff], false), (9, [0xff, 0x80, 0], false),
        (15, [0xff, 0xfe], true), (15, [0xff, 0xff], true),
    ]

    @Test(arguments: bitfields.indices) func bitfieldMustFitTheTorrent(_ row: Int) throws {
        let (count, bytes, isTaken) = Self.bitfields[row]
        let message = PeerMessage.bitfield(ByteBuffer(bytes: bytes))
        var decoder = PeerMessageDecoder(pieceCount: count)
        if isTaken {
            #expect(try decoder.messages(in: message.frame) == [message])
        } else {
            #expect(throws: PeerWireError.self) { try decoder.messages(in: message.frame) }
        }
        #expect((Bitfield(fromPeer: bytes, count: count) != nil) == isTaken)

        var ignorant = PeerMessageDecoder()
        #expect(try ignorant.messages(in: message.frame) == [message])
    }

    @Test func pieceCountCanBeSetLater() throws {
        var decoder = PeerMessageDecoder()
        #expect(try decoder.messages(in: ByteBuffer(bytes: [0, 0, 0])).isEmpty)
        decoder.pieceCount = 3
        #expect(throws: PeerWireError.wrongLength(messageID: 5, length: 3, allowed: 2...2)) {
            try decoder.messages(in: ByteBuffer(bytes: [3, 5, 0x10, 0]))
        }
    }
}
