import CPieceHash
import Torrent

/// The 20 bytes of a SHA-1 digest as the C target stores them.
typealias RawSHA1 = (
    UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
    UInt8, UInt8, UInt8, UInt8
)

/// The SHA-1 digests of several messages, computed in lanes.
struct MessageDigests {
    private let bytes: [UInt8]

    init(_ messages: [UnsafeRawBufferPointer]) {
        let pointers = messages.map { $0.baseAddress?.assumingMemoryBound(to: UInt8.self) }
        let lengths = messages.map(\.count)
        bytes = Array(unsafeUninitializedCapacity: messages.count * SHA1Digest.byteCount) { buffer, count in
            count = messages.count * SHA1Digest.byteCount
            UnsafeMutableRawBufferPointer(buffer).withMemoryRebound(to: RawSHA1.self) { digests in
                piece_hash_sha1(pointers, lengths, messages.count, digests.baseAddress)
            }
        }
    }

    subscript(n: Int) -> ArraySlice<UInt8> { bytes[n * SHA1Digest.byteCount..<(n + 1) * SHA1Digest.byteCount] }
}
