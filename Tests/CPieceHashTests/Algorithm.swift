import CPieceHash
import Crypto
import Testing

/// The two hashes: the C room's answer, and that of an independent library.
enum Algorithm: CaseIterable, Sendable {
    case sha1, sha256

    typealias Pointers = UnsafePointer<UnsafePointer<UInt8>?>
    typealias Streams = UnsafePointer<UnsafeMutablePointer<piece_hash_stream>?>

    var byteCount: Int { self == .sha1 ? PIECE_HASH_SHA1_LENGTH : PIECE_HASH_SHA256_LENGTH }

    /// What is right, by swift-crypto.
    func reference(_ message: [UInt8]) -> [UInt8] {
        switch self {
        case .sha1: Array(Insecure.SHA1.hash(data: message))
        case .sha256: Array(Crypto.SHA256.hash(data: message))
        }
    }

    /// What is right for `count` times `part`, by swift-crypto.
    func reference(repeating part: [UInt8], count: Int) -> [UInt8] {
        func hash<Function: HashFunction>(_ function: Function.Type) -> [UInt8] {
            var function = Function()
            for _ in 0..<count { function.update(data: part) }
            return Array(function.finalize())
        }
        return self == .sha1 ? hash(Insecure.SHA1.self) : hash(Crypto.SHA256.self)
    }

    /// The digests by this kernel, or by the best ones; `nil` where the kernel is not available.
    func hash(_ messages: Messages, with kernel: piece_hash_kernel? = nil) -> [[UInt8]]? {
        // One digest more than there are messages: what stands there must survive.
        let untouched = [UInt8](repeating: 0xa5, count: byteCount)
        var bytes = [UInt8](repeating: 0xa5, count: (messages.count + 1) * byteCount)
        let ran = messages.withPointers { pointers, lengths in
            bytes.withUnsafeMutableBytes { hash(pointers, lengths, into: $0, with: kernel) }
        }
        let digests = (0...messages.count).map { Array(bytes[$0 * byteCount..<($0 + 1) * byteCount]) }
        #expect(digests.last == untouched, "written behind the last digest")
        #expect(ran || digests.allSatisfy { $0 == untouched }, "written by a kernel that is not available")
        return ran ? Array(digests.dropLast()) : nil
    }

    private func hash(
        _ pointers: [UnsafePointer<UInt8>?], _ lengths: [Int], into bytes: UnsafeMutableRawBufferPointer,
        with kernel: piece_hash_kernel?
    ) -> Bool {
        switch (self, kernel) {
        case (.sha1, let kernel?):
            return piece_hash_sha1_with(kernel, pointers, lengths, lengths.count, bytes.digests())
        case (.sha256, let kernel?):
            return piece_hash_sha256_with(kernel, pointers, lengths, lengths.count, bytes.digests())
        case (.sha1, nil): piece_hash_sha1(pointers, lengths, lengths.count, bytes.digests())
        case (.sha256, nil): piece_hash_sha256(pointers, lengths, lengths.count, bytes.digests())
        }
        return true
    }

    func choice(_ count: Int) -> piece_hash_portion {
        self == .sha1 ? piece_hash_sha1_choice(count) : piece_hash_sha256_choice(count)
    }

    func rate(_ kernel: piece_hash_kernel, _ count: Int) -> UInt64 {
        self == .sha1 ? piece_hash_sha1_rate(kernel, count) : piece_hash_sha256_rate(kernel, count)
    }

    func tabulatedRate(_ kernel: piece_hash_kernel, _ count: Int) -> UInt64 {
        self == .sha1
            ? piece_hash_sha1_tabulated_rate(kernel, count) : piece_hash_sha256_tabulated_rate(kernel, count)
    }

    func begin(_ stream: inout piece_hash_stream) {
        if self == .sha1 { piece_hash_sha1_begin(&stream) } else { piece_hash_sha256_begin(&stream) }
    }

    func update(_ streams: Streams, _ data: Pointers, blocks: Int, count: Int, with kernel: piece_hash_kernel? = nil)
        -> Bool
    {
        switch (self, kernel) {
        case (.sha1, let kernel?): return piece_hash_sha1_update_with(kernel, streams, data, blocks, count)
        case (.sha256, let kernel?): return piece_hash_sha256_update_with(kernel, streams, data, blocks, count)
        case (.sha1, nil): piece_hash_sha1_update(streams, data, blocks, count)
        case (.sha256, nil): piece_hash_sha256_update(streams, data, blocks, count)
        }
        return true
    }

    func finish(_ stream: piece_hash_stream, tail: [UInt8]) -> [UInt8] {
        var stream = stream
        var digest = [UInt8](repeating: 0, count: byteCount)
        if self == .sha1 {
            piece_hash_sha1_finish(&stream, tail, tail.count, &digest)
        } else {
            piece_hash_sha256_finish(&stream, tail, tail.count, &digest)
        }
        return digest
    }
}

extension UnsafeMutableRawBufferPointer {
    /// The memory as the array of digests that C sees in it.
    fileprivate func digests<Digest>() -> UnsafeMutablePointer<Digest>? {
        baseAddress?.assumingMemoryBound(to: Digest.self)
    }
}
