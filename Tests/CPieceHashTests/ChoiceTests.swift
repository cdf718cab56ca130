import CPieceHash
import Testing
import Torrent

@Suite struct ChoiceTests {
    private static let kernels = (0..<PIECE_HASH_KERNEL_COUNT).map { piece_hash_kernel(UInt32($0)) }

    @Test func everySupportedKernelPassesTheSelfTest() { #expect(piece_hash_self_test()) }

    @Test func portableKernelIsAlwaysAvailable() { #expect(piece_hash_available(PIECE_HASH_PORTABLE)) }

    @Test func everyKernelHasAUniqueName() {
        #expect(Set(Self.kernels.map { String(cString: piece_hash_name($0)) }).count == PIECE_HASH_KERNEL_COUNT)
        #expect(Self.kernels.allSatisfy { String(cString: piece_hash_name($0)) != "unknown" })
    }

    @Test(arguments: [UInt32(PIECE_HASH_KERNEL_COUNT), .max])
    func unknownKernelIsNotAvailable(_ value: UInt32) {
        let kernel = piece_hash_kernel(value)
        #expect(!piece_hash_available(kernel))
        #expect(String(cString: piece_hash_name(kernel)) == "unknown")
        for algorithm in Algorithm.allCases {
            #expect(algorithm.hash(Messages(lengths: [3], seed: 1), with: kernel) == nil)
        }
    }

    @Test(arguments: [0, 1, 2, 4, 5, 8, 15, 16, 17, .max])
    func chosenKernelIsAvailable(_ count: Int) {
        #expect(piece_hash_available(piece_hash_sha1_choice(count)))
        #expect(piece_hash_available(piece_hash_sha256_choice(count)))
    }

    @Test(
        .enabled(
            if: piece_hash_available(PIECE_HASH_SHA_NI) && piece_hash_available(PIECE_HASH_AVX512),
            "This CPU lacks SHA-NI or AVX-512."))
    func fewMessagesUseSHAInstructionsAndManyUseLanes() {
        for count in 1...4 { #expect(piece_hash_sha1_choice(count) == PIECE_HASH_SHA_NI) }
        #expect(piece_hash_sha1_choice(16) == PIECE_HASH_AVX512)
        #expect(piece_hash_sha1_choice(1000) == PIECE_HASH_AVX512)
    }

    /// Every count takes another way through the kernels.
    @Test(arguments: 1...40, Algorithm.allCases)
    func anyNumberOfMessagesIsHashedCorrectly(_ count: Int, _ algorithm: Algorithm) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        let messages = Messages(
            lengths: (0..<count).map { _ in Int.random(in: 0...1500, using: &generator) }, seed: UInt64(count))
        let digests = try #require(algorithm.hash(messages))
        #expect(digests == (0..<count).map { algorithm.reference(messages[$0]) })
    }
}
