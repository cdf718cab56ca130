import CPieceHash

/// The hash of v2 torrents, used for blocks, Merkle trees and info dictionaries (BEP 52, FIPS 180-4).
///
/// This type hashes one message at a time. To hash many blocks at once, use `CPieceHash` directly.
package enum SHA256 {
    /// The digest of the bytes.
    package static func hash(_ bytes: [UInt8]) -> SHA256Digest { bytes.withUnsafeBytes { hash($0) } }

    /// The digest of the bytes.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> SHA256Digest {
        withDigest(
            of: bytes, length: SHA256Digest.byteCount, begin: piece_hash_sha256_begin, finish: piece_hash_sha256_finish
        ) { digest in
            guard let digest = SHA256Digest(digest) else { preconditionFailure("a SHA-256 digest has 32 bytes") }
            return digest
        }
    }
}
