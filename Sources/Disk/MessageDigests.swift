import CPieceHash
import Torrent

/// A SHA-1 digest as the C target stores it.
typealias SHA1Digest = (
    UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
    UInt8, UInt8, UInt8, UInt8
)

/// The SHA-1 digests of several messages, computed in lanes.
struct MessageDigests {
    private let bytes: [UInt8]

    init(_ messages: [UnsafeRawBufferPointer]) {
        let pointers = messages.map { $0.baseAddress?.assumingMemoryBound(to: UInt8.self) }
        let lengths = messages.map(\.count)
        bytes = Array(unsafeUninitializedCapacity: messages.count * InfoHash.byteCount) { buffer, count in
            count = messages.count * InfoHash.byteCount
            UnsafeMutableRawBufferPointer(buffer).withMemoryRebound(to: SHA1Digest.self) { digests in
                piece_hash_sha1(pointers, lengths, messages.count, digests.baseAddress)
            }
        }
    }

    subscript(n: Int) -> ArraySlice<UInt8> { bytes[n * InfoHash.byteCount..<(n + 1) * InfoHash.byteCount] }
}
