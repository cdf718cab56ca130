import NIOCore
import PeerWire
import Testing
import Torrent

@Suite struct PeerMessageFuzzTests {
    /// The most that may be held: one frame of the longest kind that has not ended, and a read of this test.
    private static let heldBytes = FrameLimits.prefixBytes + FrameLimits.longest

    /// 5,000 streams: noise, noise with small prefixes, and valid streams with some bytes changed. None traps, and none
    /// makes the decoder hoard.
    @Test(arguments: 0..<50 as Range<UInt64>) func garbageNeverTraps(batch: UInt64) {
        for seed in batch * 100..<batch * 100 + 100 {
            var generator = SeededGenerator(seed: seed)
            let stream = Self.stream(of: seed % 3, &generator)
            var decoder = PeerMessageDecoder(pieceCount: seed % 2 == 0 ? nil : Int(seed % 300))
            var isFailed = false
            for read in generator.reads(of: stream, upTo: 120) {
                do {
                    let messages = try decoder.messages(in: read)
                    #expect(!isFailed, "seed \(seed): decoded \(messages.count) messages after a failure")
                    #expect(decoder.bufferedBytes <= Self.heldBytes, "seed \(seed)")
                } catch {
                    isFailed = true
                    #expect(decoder.bufferedBytes == 0, "seed \(seed)")
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }

    private static func stream(of kind: UInt64, _ generator: inout SeededGenerator) -> ByteBuffer {
        switch kind {
        case 0: return generator.bytes(200)
        case 1:
            var stream = ByteBuffer()
            for _ in 0..<12 {
                let length = Int.random(in: 0...20, using: &generator)
                stream.writeInteger(UInt32(length))
                stream.writeImmutableBuffer(generator.bytes(length))
            }
            return stream
        default:
            var stream = ByteBuffer()
            while stream.readableBytes < 300 { PeerMessageEncoder.append(generator.message(), to: &stream) }
            for _ in 0..<4 {
                stream.setInteger(
                    UInt8(truncatingIfNeeded: generator.next()), at: Int.random(in: 0..<300, using: &generator))
            }
            return stream
        }
    }

    /// A peer that sends a byte of a long frame now and then costs what it has sent, not what it has announced.
    @Test func announcedLengthReservesNoMemory() throws {
        var decoder = PeerMessageDecoder()
        var read = ByteBuffer(integer: UInt32(2 + FrameLimits.extendedBytes))
        read.writeInteger(UInt8(20))
        for bytes in [read, ByteBuffer(bytes: [0]), ByteBuffer(bytes: [1, 2])] {
            #expect(try decoder.messages(in: bytes).isEmpty)
            #expect(decoder.partialCapacity <= 64 << 10)
        }
    }
}
