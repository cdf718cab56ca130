import CPieceHash
import Testing
import Torrent

@Suite struct StreamTests {
    @Test(arguments: Algorithm.allCases)
    func finishingDoesNotChangeTheStream(_ algorithm: Algorithm) {
        var generator = SeededGenerator(seed: 3)
        let message = generator.bytes(1000)
        var stream = piece_hash_stream()
        algorithm.begin(&stream)
        for length in [0, 63, 64, 65, 1000] {
            let tail = Array(message.prefix(length))
            #expect(algorithm.finish(stream, tail: tail) == algorithm.reference(tail))
        }
        #expect(stream.bytes == 0)
    }

    @Test(arguments: Algorithm.allCases)
    func emptyUpdateChangesNothing(_ algorithm: Algorithm) {
        var stream = piece_hash_stream()
        algorithm.begin(&stream)
        withUnsafeMutablePointer(to: &stream) { pointer in
            #expect(algorithm.update([pointer], [nil], blocks: 0, count: 1))
            #expect(algorithm.update([], [], blocks: 1, count: 0))
        }
        #expect(algorithm.finish(stream, tail: []) == algorithm.reference([]))
    }

    /// The count of bits no longer fits 32 bits.
    @Test(arguments: Algorithm.allCases)
    func messageOver512MiBIsHashedCorrectly(_ algorithm: Algorithm) {
        let part = [UInt8](repeating: 0x5a, count: 1 << 20)
        var stream = piece_hash_stream()
        algorithm.begin(&stream)
        part.withUnsafeBufferPointer { bytes in
            withUnsafeMutablePointer(to: &stream) { pointer in
                for _ in 0..<513 {
                    #expect(
                        algorithm.update(
                            [pointer], [bytes.baseAddress], blocks: part.count / PIECE_HASH_BLOCK_LENGTH, count: 1))
                }
            }
        }
        #expect(stream.bytes == 513 << 20)
        #expect(algorithm.finish(stream, tail: []) == algorithm.reference(repeating: part, count: 513))
    }
}

@Suite struct SwiftFaceTests {
    @Test(arguments: [0, 1, 55, 56, 64, 1000, 100_000])
    func swiftInterfaceMatchesTheReference(_ length: Int) {
        var generator = SeededGenerator(seed: UInt64(length))
        let message = generator.bytes(length)
        #expect(Array(SHA1.hash(message)) == Algorithm.sha1.reference(message))
        #expect(Array(SHA256.hash(message)) == Algorithm.sha256.reference(message))
        message.withUnsafeBytes { bytes in
            #expect(Array(SHA1.hash(bytes)) == Algorithm.sha1.reference(message))
            #expect(Array(SHA256.hash(bytes)) == Algorithm.sha256.reference(message))
        }
    }
}
