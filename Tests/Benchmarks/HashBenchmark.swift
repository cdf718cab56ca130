import CPieceHash

/// How fast each kernel hashes on one core, beside the table's value for CPUs like this one, and which one is chosen
/// for how many pieces.
struct HashBenchmark: Benchmark {
    private struct Algorithm: Sendable {
        let name: String
        let choice: @Sendable (Int) -> piece_hash_portion
        let tabulated: @Sendable (piece_hash_kernel, Int) -> UInt64
        let update:
            @Sendable (
                piece_hash_kernel, UnsafePointer<UnsafeMutablePointer<piece_hash_stream>?>,
                UnsafePointer<UnsafePointer<UInt8>?>, Int, Int
            ) -> Bool
    }

    private static let algorithms = [
        Algorithm(
            name: "SHA-1", choice: { piece_hash_sha1_choice($0) },
            tabulated: { piece_hash_sha1_tabulated_rate($0, $1) },
            update: { piece_hash_sha1_update_with($0, $1, $2, $3, $4) }),
        Algorithm(
            name: "SHA-256", choice: { piece_hash_sha256_choice($0) },
            tabulated: { piece_hash_sha256_tabulated_rate($0, $1) },
            update: { piece_hash_sha256_update_with($0, $1, $2, $3, $4) }),
    ]
    /// The bytes of each message: all of them fit in the second cache.
    private static let messageLength = 16 << 10
    private static let runs = 200

    init?(arguments: [String]) { guard arguments.isEmpty else { return nil } }

    func run() throws {
        for algorithm in Self.algorithms {
            let table = Table(["\(algorithm.name) by", "messages", "GB/s", "table's GB/s"], firstWidth: 12)
            for number in 0..<PIECE_HASH_KERNEL_COUNT {
                let kernel = piece_hash_kernel(UInt32(number))
                guard piece_hash_available(kernel) else { continue }
                for count in [1, 2, 3, 4, 8, 16] where algorithm.tabulated(kernel, count) > 0 {
                    table.add([
                        String(cString: piece_hash_name(kernel)), "\(count)",
                        (try rate(of: kernel, count, algorithm) / 1e9).text(2),
                        (Double(algorithm.tabulated(kernel, count)) / 1e9).text(2),
                    ])
                }
            }
            let choices = (1...PIECE_HASH_MAXIMUM_LANES).map { count in
                let portion = algorithm.choice(count)
                return "\(count): \(String(cString: piece_hash_name(portion.kernel))) × \(portion.count)"
            }
            print("\nchosen first for so many messages: \(choices.joined(separator: ", "))\n")
        }
    }

    /// Bytes per second in the fastest of the runs.
    private func rate(of kernel: piece_hash_kernel, _ count: Int, _ algorithm: Algorithm) throws -> Double {
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: count * Self.messageLength)
        memory.initialize(repeating: 7, count: count * Self.messageLength)
        defer { memory.deallocate() }
        var streams = [piece_hash_stream](repeating: piece_hash_stream(), count: count)
        return try streams.withUnsafeMutableBufferPointer { streams in
            let pointers: [UnsafeMutablePointer<piece_hash_stream>?] = (0..<count).map { streams.baseAddress! + $0 }
            let data: [UnsafePointer<UInt8>?] = (0..<count).map { UnsafePointer(memory + $0 * Self.messageLength) }
            var fastest = Duration.seconds(3600)
            let clock = ContinuousClock()
            for _ in 0..<Self.runs {
                var ran = false
                let time = clock.measure {
                    ran = algorithm.update(
                        kernel, pointers, data, Self.messageLength / PIECE_HASH_BLOCK_LENGTH, count)
                }
                guard ran else { throw BenchmarkError("\(String(cString: piece_hash_name(kernel))) isn't available") }
                fastest = min(fastest, time)
            }
            return Double(count * Self.messageLength) / fastest.seconds
        }
    }
}
