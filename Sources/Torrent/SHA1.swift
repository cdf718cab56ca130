import CPieceHash

/// The hash of v1 torrents, used for pieces, info dictionaries, and the keys of the encryption handshake (BEP 3, FIPS
/// 180-4).
///
/// This type hashes one message at a time. To hash many pieces at once, use `CPieceHash` directly.
package enum SHA1 {
    package static let byteCount = PIECE_HASH_SHA1_LENGTH

    /// The name of the implementation that hashes many pieces at once on this machine.
    package static var lanesName: String {
        String(cString: piece_hash_name(piece_hash_sha1_choice(PIECE_HASH_MAXIMUM_LANES)))
    }

    /// The digest of the bytes, 20 bytes.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { hash($0) } }

    /// The digest of `count` zero bytes, 20 bytes.
    package static func hash(zeros count: Int) -> [UInt8] {
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
            return Array(unsafeUninitializedCapacity: byteCount) { digest, filled in
                piece_hash_sha1_finish(&stream, zeros.baseAddress, rest, digest.baseAddress)
                filled = byteCount
            }
        }
    }

    /// The digest of the bytes, 20 bytes.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        digest(of: bytes, byteCount: byteCount, begin: piece_hash_sha1_begin, finish: piece_hash_sha1_finish)
    }
}

/// The hash of v2 torrents, used for blocks, Merkle trees and info dictionaries (BEP 52, FIPS 180-4).
///
/// This type hashes one message at a time. To hash many blocks at once, use `CPieceHash` directly.
package enum SHA256 {
    package static let byteCount = PIECE_HASH_SHA256_LENGTH

    /// The digest of the bytes, 32 bytes.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { hash($0) } }

    /// The digest of the bytes, 32 bytes.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        digest(of: bytes, byteCount: byteCount, begin: piece_hash_sha256_begin, finish: piece_hash_sha256_finish)
    }
}

/// Hashes one message by passing the whole of it as the tail of a new stream.
private func digest(
    of bytes: UnsafeRawBufferPointer,
    byteCount: Int,
    begin: (UnsafeMutablePointer<piece_hash_stream>?) -> Void,
    finish: (UnsafePointer<piece_hash_stream>?, UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UInt8>?) -> Void
) -> [UInt8] {
    var stream = piece_hash_stream()
    begin(&stream)
    return bytes.withMemoryRebound(to: UInt8.self) { message in
        Array(unsafeUninitializedCapacity: byteCount) { digest, count in
            finish(&stream, message.baseAddress, message.count, digest.baseAddress)
            count = byteCount
        }
    }
}
