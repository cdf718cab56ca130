import NIOCore
import PeerWire
import Testing
import Torrent

@Suite struct HandshakeTests {
    private static func handshake(_ reserved: Handshake.Reserved) throws -> Handshake {
        Handshake(
            reserved: reserved,
            infoHash: try #require(InfoHash((0..<20).map { UInt8($0) })),
            peerID: try #require(PeerID((0..<20).map { UInt8($0 + 100) })))
    }

    @Test func handshakeMatchesTheWireFormat() throws {
        let handshake = try Self.handshake([.extensionProtocol, .fast, .dht])
        var buffer = ByteBuffer()
        handshake.append(to: &buffer)
        let expected =
            [19] + Array("BitTorrent protocol".utf8) + [0, 0, 0, 0, 0, 0x10, 0, 0x05] + (0..<20) + (100..<120)
        #expect(Array(buffer.readableBytesView) == expected)
    }

    @Test(arguments: [0, 0x10_0000, 0x04, 0x01, 0x8000_0000_0010_0005, .max] as [UInt64]) func everyReservedBitIsKept(
        _ bits: UInt64
    ) throws {
        let handshake = try Self.handshake(.init(rawValue: bits))
        var buffer = ByteBuffer()
        handshake.append(to: &buffer)
        buffer.writeInteger(UInt32(0))
        let decoded = try Handshake.decode(&buffer)
        #expect(decoded == handshake)
        #expect(decoded?.reserved.contains(.fast) == (bits & 4 != 0))
        #expect(buffer.readableBytes == 4)
    }

    @Test func handshakeIsDecodedByteByByte() throws {
        let handshake = try Self.handshake(.fast)
        var whole = ByteBuffer(bytes: [1, 2, 3])
        whole.moveReaderIndex(forwardBy: 3)
        handshake.append(to: &whole)
        for count in 0...Handshake.byteCount {
            var part = whole
            part.moveWriterIndex(to: part.readerIndex + count)
            #expect(try Handshake.infoHash(in: part) == (count >= 48 ? handshake.infoHash : nil))
            #expect(try Handshake.decode(&part) == (count == Handshake.byteCount ? handshake : nil))
            #expect(part.readableBytes == (count == Handshake.byteCount ? 0 : count))
        }
    }

    @Test(arguments: 0..<20) func handshakeIsRejectedAtItsFirstWrongByte(offset: Int) throws {
        var buffer = ByteBuffer()
        try Self.handshake([]).append(to: &buffer)
        buffer.setInteger(UInt8(0xff), at: offset)
        for count in 0...Handshake.byteCount {
            var part = buffer
            part.moveWriterIndex(to: count)
            if count <= offset {
                #expect(try Handshake.decode(&part) == nil)
            } else {
                #expect(throws: PeerWireError.notBitTorrent(offset: offset)) { try Handshake.decode(&part) }
                #expect(throws: PeerWireError.notBitTorrent(offset: offset)) { try Handshake.infoHash(in: part) }
            }
        }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\n", "\u{16}\u{3}\u{1}", "\u{13}BitTorrent Protocol", "SSH-2.0-x"])
    func otherProtocolsAreRejected(_ text: String) {
        var buffer = ByteBuffer(string: text)
        #expect(throws: PeerWireError.self) { try Handshake.decode(&buffer) }
    }
}
