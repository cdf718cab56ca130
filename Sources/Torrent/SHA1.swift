import CPieceHash

/// The hash of v1 torrents: pieces, info dictionaries, and the keys of the encryption handshake (BEP 3, FIPS 180-4).
///
/// For one message at a time; many pieces at once go to `CPieceHash` itself.
package enum SHA1 {
    package static let byteCount = PIECE_HASH_SHA1_LENGTH

    /// The name of what hashes many pieces at once on this machine.
    package static var lanesName: String {
        String(cString: piece_hash_name(piece_hash_sha1_choice(PIECE_HASH_MAXIMUM_LANES)))
    }

    /// The 20 bytes of the digest.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { hash($0) } }

    /// The 20 bytes of the digest of so many zero bytes.
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

    /// The 20 bytes of the digest.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        digest(of: bytes, byteCount: byteCount, begin: piece_hash_sha1_begin, finish: piece_hash_sha1_finish)
    }
}

/// The hash of v2 torrents: blocks, Merkle trees and info dictionaries (BEP 52, FIPS 180-4).
///
/// For one message at a time; many blocks at once go to `CPieceHash` itself.
package enum SHA256 {
    package static let byteCount = PIECE_HASH_SHA256_LENGTH

    /// The 32 bytes of the digest.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { hash($0) } }

    /// The 32 bytes of the digest.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        digest(of: bytes, byteCount: byteCount, begin: piece_hash_sha256_begin, finish: piece_hash_sha256_finish)
    }
}

/// One message as a stream that has taken nothing in and ends with the whole message as its tail.
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
