import CPieceHash
import Testing
import Torrent

/// What every kernel has to stand: its digests are compared with those of an independent library.
enum KernelCheck: CaseIterable, Sendable {
    case lengthsAroundBlocks, everyCountOfMessages, oneLongAmongShort, streams, fuzz

    func run(_ kernel: piece_hash_kernel, _ algorithm: Algorithm) {
        switch self {
        case .lengthsAroundBlocks:
            let around = Array(4094...4098) + Array(16383...16385)
            compare(kernel, algorithm, lengths: Array(0...300) + around, seed: 1)
            // The same lengths with every lane in step.
            for length in around + [0, 1, 55, 56, 63, 64, 65, 119, 120, 128] {
                compare(kernel, algorithm, lengths: Array(repeating: length, count: 17), seed: UInt64(length))
            }
        case .everyCountOfMessages:
            for count in 0...33 {
                compare(kernel, algorithm, lengths: Array(repeating: 192, count: count), seed: UInt64(count))
                compare(kernel, algorithm, lengths: (0..<count).map { $0 * 37 }, seed: UInt64(count))
            }
        case .oneLongAmongShort:
            for place in 0..<20 {
                compare(kernel, algorithm, lengths: (0..<20).map { $0 == place ? 5000 : 130 }, seed: UInt64(place))
            }
        case .streams:
            for seed in 1...12 { compareStreams(kernel, algorithm, seed: UInt64(seed)) }
        case .fuzz:
            for seed in 1...40 {
                var generator = SeededGenerator(seed: UInt64(seed))
                let longest = [70, 700, 7000].randomElement(using: &generator)!
                let lengths = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                    Int.random(in: 0...longest, using: &generator)
                }
                compare(kernel, algorithm, lengths: lengths, seed: UInt64(seed))
            }
        }
    }

    private func compare(_ kernel: piece_hash_kernel, _ algorithm: Algorithm, lengths: [Int], seed: UInt64) {
        let messages = Messages(lengths: lengths, seed: seed)
        guard let digests = algorithm.hash(messages, with: kernel) else {
            Issue.record("\(String(cString: piece_hash_name(kernel))) is not available")
            return
        }
        for n in 0..<messages.count where digests[n] != algorithm.reference(messages[n]) {
            Issue.record("message \(n) of \(messages.count), \(lengths[n]) bytes, seed \(seed): wrong digest")
        }
    }

    /// Streams of one length that take in their messages abreast, in chunks of random size; some are left out of a
    /// round.
    private func compareStreams(_ kernel: piece_hash_kernel, _ algorithm: Algorithm, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...33, using: &generator)
        let messages = (0..<count).map { _ in generator.bytes(Int.random(in: 0...4000, using: &generator)) }
        var streams = [piece_hash_stream](repeating: piece_hash_stream(), count: count)
        for n in streams.indices { algorithm.begin(&streams[n]) }
        while true {
            let blocks = Int.random(in: 1...9, using: &generator)
            let length = blocks * PIECE_HASH_BLOCK_LENGTH
            let able = streams.indices.filter { messages[$0].count - Int(streams[$0].bytes) >= length }
            guard !able.isEmpty else { break }
            let chosen = able.filter { _ in Int.random(in: 0..<4, using: &generator) > 0 }
            let chunks = Messages(of: chosen.map { Array(messages[$0][Int(streams[$0].bytes)...].prefix(length)) })
            let ran = streams.withUnsafeMutableBufferPointer { buffer in
                chunks.withPointers { data, _ in
                    algorithm.update(
                        chosen.map { buffer.baseAddress! + $0 }, data, blocks: blocks, count: chosen.count, with: kernel
                    )
                }
            }
            #expect(ran)
        }
        for n in streams.indices {
            let tail = Array(messages[n][Int(streams[n].bytes)...])
            #expect(
                algorithm.finish(streams[n], tail: tail) == algorithm.reference(messages[n]),
                "stream \(n) of \(count), seed \(seed)")
        }
    }
}

@Suite struct KernelTests {
    @Test(arguments: KernelCheck.allCases, Algorithm.allCases)
    func portableKernelMatchesTheReference(_ check: KernelCheck, _ algorithm: Algorithm) {
        check.run(PIECE_HASH_PORTABLE, algorithm)
    }

    @Test(
        .enabled(if: piece_hash_available(PIECE_HASH_SHA_NI), "This CPU has no SHA-NI."),
        arguments: KernelCheck.allCases, Algorithm.allCases)
    func shaNIKernelMatchesTheReference(_ check: KernelCheck, _ algorithm: Algorithm) {
        check.run(PIECE_HASH_SHA_NI, algorithm)
    }

    @Test(
        .enabled(if: piece_hash_available(PIECE_HASH_SHA_NI_SSE), "This CPU has no SHA-NI."),
        arguments: KernelCheck.allCases, Algorithm.allCases)
    func shaNIKernelWithoutAVXMatchesTheReference(_ check: KernelCheck, _ algorithm: Algorithm) {
        check.run(PIECE_HASH_SHA_NI_SSE, algorithm)
    }

    @Test(
        .enabled(if: piece_hash_available(PIECE_HASH_AVX2), "This CPU has no AVX2."), arguments: KernelCheck.allCases,
        Algorithm.allCases)
    func avx2KernelMatchesTheReference(_ check: KernelCheck, _ algorithm: Algorithm) {
        check.run(PIECE_HASH_AVX2, algorithm)
    }

    @Test(
        .enabled(if: piece_hash_available(PIECE_HASH_AVX512), "This CPU has no AVX-512."),
        arguments: KernelCheck.allCases, Algorithm.allCases)
    func avx512KernelMatchesTheReference(_ check: KernelCheck, _ algorithm: Algorithm) {
        check.run(PIECE_HASH_AVX512, algorithm)
    }

    @Test(
        .enabled(if: piece_hash_available(PIECE_HASH_ARMV8), "This CPU is no ARMv8 with SHA."),
        arguments: KernelCheck.allCases, Algorithm.allCases)
    func armv8KernelMatchesTheReference(_ check: KernelCheck, _ algorithm: Algorithm) {
        check.run(PIECE_HASH_ARMV8, algorithm)
    }
}
