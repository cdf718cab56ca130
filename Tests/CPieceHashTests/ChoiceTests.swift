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

    @Test(arguments: [0, 1, 2, 4, 5, 8, 15, 16, 17, .max], Algorithm.allCases)
    func chosenKernelIsAvailable(_ count: Int, _ algorithm: Algorithm) {
        let portion = algorithm.choice(count)
        #expect(piece_hash_available(portion.kernel))
        #expect((1...min(max(count, 1), PIECE_HASH_MAXIMUM_LANES)).contains(portion.count))
    }

    /// What a block of each of `count` messages costs with portions that `choice` chooses, in picoseconds; `nil` where
    /// nothing could be measured.
    private func cost(_ count: Int, _ algorithm: Algorithm, _ choice: (Int) -> piece_hash_portion) -> Double? {
        var rest = count
        var total = 0.0
        while rest > 0 {
            let portion = choice(rest)
            let rate = algorithm.rate(portion.kernel, portion.count)
            guard rate > 0 else { return nil }
            total += Double(portion.count * PIECE_HASH_BLOCK_LENGTH) * 1e12 / Double(rate)
            rest -= portion.count
        }
        return total
    }

    /// On a machine that is too busy to be measured, a table chooses: then the rates are 0, for all kernels.
    @Test(arguments: 1...PIECE_HASH_MAXIMUM_LANES, Algorithm.allCases)
    func choiceIsAsCheapAsAnyKernelAlone(_ count: Int, _ algorithm: Algorithm) throws {
        let isMeasured = algorithm.rate(PIECE_HASH_PORTABLE, 1) > 0
        for kernel in Self.kernels where piece_hash_available(kernel) {
            let lanes = (1...PIECE_HASH_MAXIMUM_LANES).last { algorithm.rate(kernel, $0) > 0 }
            #expect((lanes != nil) == isMeasured, "\(String(cString: piece_hash_name(kernel)))")
            guard let lanes else { continue }
            let alone = try #require(
                cost(count, algorithm) { piece_hash_portion(kernel: kernel, count: min($0, lanes)) })
            let chosen = try #require(cost(count, algorithm, algorithm.choice))
            #expect(chosen <= alone * 1.001, "\(String(cString: piece_hash_name(kernel)))")
        }
    }

    @Test(arguments: Algorithm.allCases)
    func tableHasEveryStepOfEveryKernel(_ algorithm: Algorithm) {
        for kernel in Self.kernels where piece_hash_available(kernel) {
            let lanes = (1...PIECE_HASH_MAXIMUM_LANES).filter { algorithm.tabulatedRate(kernel, $0) > 0 }
            #expect(!lanes.isEmpty && lanes == Array(1...lanes.count), "\(String(cString: piece_hash_name(kernel)))")
        }
    }

    @Test func rateOfNoStepIsZero() {
        for algorithm in Algorithm.allCases {
            #expect(algorithm.rate(PIECE_HASH_PORTABLE, 2) == 0)
            #expect(algorithm.rate(PIECE_HASH_PORTABLE, 0) == 0)
            #expect(algorithm.rate(PIECE_HASH_PORTABLE, .max) == 0)
            #expect(algorithm.rate(piece_hash_kernel(UInt32(PIECE_HASH_KERNEL_COUNT)), 1) == 0)
        }
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
