import NIOCore
import PeerWire
import Testing
import Torrent

/// Messages about other peers are written as BEP 11 has them, and read leniently.
@Suite struct PeerExchangeMessageTests {
    private static let four = PeerAddress(.v4(0x0102_0304), port: 0x1a2b)
    private static let six = PeerAddress(.v6(0x2001_0db8_0000_0000, 9), port: 0x1a2b)

    @Test func messageIsWrittenAndRead() throws {
        let message = PeerExchangeMessage(
            added: [PeerHint(Self.four, [.isSeed, .isReachable]), PeerHint(Self.six, .speaksUTP)],
            dropped: [Self.six, Self.four])
        let bytes = Array(message.payload.readableBytesView)
        let text = String(decoding: bytes, as: UTF8.self)
        for key in ["5:added6:", "7:added.f1:", "6:added618:", "8:added6.f1:", "7:dropped6:", "8:dropped618:"] {
            #expect(text.contains(key), "\(key)")
        }
        let read = try PeerExchangeMessage(payload: message.payload)
        #expect(read.added == message.added && Set(read.dropped) == Set(message.dropped))
        #expect(try PeerExchangeMessage(payload: PeerExchangeMessage().payload) == PeerExchangeMessage())
    }

    private static func read(_ text: String) throws -> PeerExchangeMessage {
        // Address bytes below 128, so that the text has them as they are.
        try PeerExchangeMessage(payload: ByteBuffer(string: text))
    }

    @Test func flagsMayBeMissingOrOfWrongLength() throws {
        let address = PeerAddress(.v4(0x6162_6364), port: 0x6566)
        #expect(try Self.read("d5:added6:abcdefe").added == [PeerHint(address)])
        #expect(try Self.read("d5:added6:abcdef7:added.f0:e").added == [PeerHint(address)])
        #expect(try Self.read("d5:added6:abcdef7:added.f2:zze").added == [PeerHint(address)])
        // 0x7e: bits without a meaning are taken away.
        let flags = PeerHint.Flags(rawValue: 0x1e)
        #expect(try Self.read("d5:added6:abcdef7:added.f1:~e").added == [PeerHint(address, flags)])
    }

    @Test func incompleteAddressesAndWrongTypesAreIgnored() throws {
        #expect(try Self.read("d5:added8:abcdefgh7:droppedi7e8:dropped65:abcdee").added.count == 1)
        #expect(try Self.read("d5:addedi7e6:added6le7:droppeddee") == PeerExchangeMessage())
        #expect(try Self.read("de") == PeerExchangeMessage())
        for text in ["", "d", "le", "i0e", "<html>", "d5:added6:abce"] {
            #expect(throws: PeerWireError.self) { try Self.read(text) }
        }
    }

    @Test func listsAreReadWithinTheirLimit() throws {
        let many = String(repeating: "abcdef", count: 3000)
        let message = try Self.read("d5:added\(many.utf8.count):\(many)e")
        #expect(message.added.count == PeerExchangeMessage.mostRead)
        let tooLong = String(repeating: "abcdef", count: 6000)
        #expect(throws: PeerWireError.self) { try Self.read("d5:added\(tooLong.utf8.count):\(tooLong)e") }
    }

    /// Whatever a peer sends, reading it ends with a message or an error.
    @Test(arguments: 0..<100 as Range<UInt64>) func anyBytesAreReadWithoutATrap(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let whole = PeerExchangeMessage(
            added: [PeerHint(Self.four, .isSeed), PeerHint(Self.six)], dropped: [Self.four, Self.six]
        ).payload
        for _ in 0..<50 {
            var bytes = Array(whole.readableBytesView)
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            guard let message = try? PeerExchangeMessage(payload: ByteBuffer(bytes: bytes)) else { continue }
            #expect(message.added.count <= 2 * PeerExchangeMessage.mostRead)
            _ = try PeerExchangeMessage(payload: message.payload)
        }
    }
}
