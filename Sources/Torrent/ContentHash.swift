import CPieceHash

/// A hash of whole files, as lists of publishers and archives have it.
package enum ContentHash: String, Hashable, Sendable, CaseIterable {
    case md5, sha1, sha256

    /// Bytes of a digest.
    package var byteCount: Int {
        switch self {
        case .md5: MD5.byteCount
        case .sha1: SHA1Digest.byteCount
        case .sha256: SHA256Digest.byteCount
        }
    }

    /// The hash with digests of so many hexadecimal digits.
    package init?(hexDigits: Int) {
        guard let hash = Self.allCases.first(where: { $0.byteCount * 2 == hexDigits }) else { return nil }
        self = hash
    }
}

/// Hashes one file whose bytes come in order.
package struct ContentHasher {
    private enum State {
        case md5(MD5)
        case sha(piece_hash_stream, ContentHash)
    }

    private var state: State
    /// The bytes after the last whole block.
    private var tail: [UInt8] = []
    private var total: UInt64 = 0

    package init(_ hash: ContentHash) {
        tail.reserveCapacity(MD5.blockLength)
        guard hash != .md5 else {
            state = .md5(MD5())
            return
        }
        var stream = piece_hash_stream()
        if hash == .sha1 { piece_hash_sha1_begin(&stream) } else { piece_hash_sha256_begin(&stream) }
        state = .sha(stream, hash)
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        total &+= UInt64(bytes.count)
        var rest = bytes[...]
        if !tail.isEmpty {
            let missing = min(MD5.blockLength - tail.count, rest.count)
            tail += rest.prefix(missing)
            rest = rest.dropFirst(missing)
            guard tail.count == MD5.blockLength else { return }
            tail.withUnsafeBytes { takeBlocks($0) }
            tail.removeAll(keepingCapacity: true)
        }
        let whole = rest.count / MD5.blockLength * MD5.blockLength
        if whole > 0 { takeBlocks(UnsafeRawBufferPointer(rebasing: rest.prefix(whole))) }
        tail += rest.dropFirst(whole)
    }

    private mutating func takeBlocks(_ bytes: UnsafeRawBufferPointer) {
        switch state {
        case .md5(var md5):
            md5.update(bytes)
            state = .md5(md5)
        case .sha(var stream, let hash):
            let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let blocks = bytes.count / Int(PIECE_HASH_BLOCK_LENGTH)
            withUnsafeMutablePointer(to: &stream) { stream in
                if hash == .sha1 {
                    piece_hash_sha1_update([stream], [data], blocks, 1)
                } else {
                    piece_hash_sha256_update([stream], [data], blocks, 1)
                }
            }
            state = .sha(stream, hash)
        }
    }

    /// The digest of all bytes so far.
    package var digest: [UInt8] {
        switch state {
        case .md5(let md5): return md5.digest(tail: tail, total: total)
        case .sha(let stream, let hash):
            var digest = [UInt8](repeating: 0, count: hash.byteCount)
            withUnsafePointer(to: stream) { stream in
                if hash == .sha1 {
                    piece_hash_sha1_finish(stream, tail, tail.count, &digest)
                } else {
                    piece_hash_sha256_finish(stream, tail, tail.count, &digest)
                }
            }
            return digest
        }
    }
}
