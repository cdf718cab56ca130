import NIOCore
import PeerWire
import Testing
import Torrent

@Suite struct MetadataMessageTests {
    @Test(arguments: [
        (MetadataMessage(block: 0, .request), "d8:msg_typei0e5:piecei0ee"),
        (MetadataMessage(block: 3, .reject), "d8:msg_typei2e5:piecei3ee"),
        (
            MetadataMessage(block: 3, .data(bytes: ByteBuffer(string: "xxxx"), total: 34256)),
            "d8:msg_typei1e5:piecei3e10:total_sizei34256eexxxx"
        ),
    ]) func messageOfTheSpecificationIsWrittenAndRead(message: MetadataMessage, bytes: String) throws {
        #expect(message.payload == ByteBuffer(string: bytes))
        #expect(try MetadataMessage(payload: ByteBuffer(string: bytes)) == message)
    }

    /// The block begins where the dictionary ends, even if it looks like more bencode.
    @Test(arguments: ["", "e", "d1:ae", "4:info", "i1e", "d8:msg_typei0e5:piecei0ee"])
    func bytesAfterTheDictionaryAreTheBlock(block: String) throws {
        let message = try MetadataMessage(
            payload: ByteBuffer(string: "d8:msg_typei1e5:piecei0e10:total_sizei9ee" + block))
        #expect(message.body == .data(bytes: ByteBuffer(string: block), total: 9))
    }

    /// Some clients send numbers as text, keys in another order, or a wrong or no total.
    @Test(arguments: [
        "d5:piece1:28:msg_typei1ee", "d5:piecei2e8:msg_type1:1e", "d8:msg_typei1e5:piecei2e10:total_size0:e",
        "d1:x3:abc8:msg_typei1e5:piecei2ee",
    ]) func sloppyMessageIsRead(text: String) throws {
        let message = try MetadataMessage(payload: ByteBuffer(string: text + "data"))
        #expect(message == MetadataMessage(block: 2, .data(bytes: ByteBuffer(string: "data"), total: nil)))
    }

    @Test func unknownTypeIsNoError() throws {
        let message = try MetadataMessage(payload: ByteBuffer(string: "d8:msg_typei7e5:piecei0ee"))
        #expect(message.body == .unknown(7))
    }

    @Test(arguments: [
        "", "d", "de", "i0e", "le", "4:spam", "<html>", "d8:msg_typei0ee", "d5:piecei0ee", "d8:msg_typei0e5:piecei-1ee",
        "d8:msg_typei0e5:piecei10240ee", "d8:msg_typei0e5:piecei9223372036854775807ee", "d8:msg_typele5:piecei0ee",
        "dlllllllllleeeeeeeeee",
    ]) func unreadableMessageIsRejected(text: String) {
        #expect(throws: PeerWireError.self) { try MetadataMessage(payload: ByteBuffer(string: text)) }
    }

    /// Whatever a peer sends, reading it ends with a message or an error, and what was read can be written.
    @Test(arguments: 0..<200 as Range<UInt64>) func anyBytesAreReadWithoutATrap(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let sample = "d8:msg_typei1e5:piecei3e10:total_sizei34256eexxxx"
        var bytes = Array(sample.utf8)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.insert(UInt8.random(in: 0x2d...0x6c, using: &random), at: place)
            default: if bytes.count > 1 { bytes.remove(at: place) }
            }
        }
        do throws(PeerWireError) {
            let message = try MetadataMessage(payload: ByteBuffer(bytes: bytes))
            #expect(try MetadataMessage(payload: message.payload) == message)
        } catch {
            #expect(!error.description.isEmpty)
        }
    }
}
