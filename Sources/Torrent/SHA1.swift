import CPieceHash

/// The hash of v1 torrents, used for pieces, info dictionaries, and the keys of the encryption handshake (BEP 3, FIPS
/// 180-4).
///
/// This type hashes one message at a time. To hash many pieces at once, use `CPieceHash` directly.
package enum SHA1 {
    /// The digest of the bytes.
    package static func hash(_ bytes: [UInt8]) -> SHA1Digest { bytes.withUnsafeBytes { hash($0) } }

    /// The digest of `count` zero bytes.
    package static func hash(zeros count: Int) -> SHA1Digest {
        let block = 64
        let zeros = [UInt8](repeating: 0, count: 1024 * block)
        var stream = piece_hash_stream()
        piece_hash_sha1_begin(&stream)
        return zeros.withUnsafeBufferPointer { zeros in
            var rest = count
            while rest >= block {
                let blocks = min(rest, zeros.count) / block
                withUnsafeMutablePointer(to: &stream) { piece_hash_sha1_update([$0], [zeros.baseAddress], blocks, 1) }
                rest -= blocks * block
            }
            return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: SHA1Digest.byteCount) { digest in
                piece_hash_sha1_finish(&stream, zeros.baseAddress, rest, digest.baseAddress)
                guard let digest = SHA1Digest(raw: UnsafeRawBufferPointer(digest)) else {
                    preconditionFailure("a SHA-1 digest has 20 bytes")
                }
                return digest
            }
        }
    }

    /// The digest of the bytes.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> SHA1Digest {
        withDigest(
            of: bytes, length: SHA1Digest.byteCount, begin: piece_hash_sha1_begin, finish: piece_hash_sha1_finish
        ) { digest in
            guard let digest = SHA1Digest(raw: digest) else { preconditionFailure("a SHA-1 digest has 20 bytes") }
            return digest
        }
    }
}

/// Hashes one message by passing the whole of it as the tail of a new stream.
func withDigest<Digest>(
    of bytes: UnsafeRawBufferPointer,
    length: Int,
    begin: (UnsafeMutablePointer<piece_hash_stream>?) -> Void,
    finish: (UnsafePointer<piece_hash_stream>?, UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UInt8>?) -> Void,
    _ body: (UnsafeRawBufferPointer) -> Digest
) -> Digest {
    var stream = piece_hash_stream()
    begin(&stream)
    return bytes.withMemoryRebound(to: UInt8.self) { message in
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length) { digest in
            finish(&stream, message.baseAddress, message.count, digest.baseAddress)
            return body(UnsafeRawBufferPointer(digest))
        }
    }
}
