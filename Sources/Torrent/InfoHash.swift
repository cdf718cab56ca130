/// The 20 bytes by which peers and trackers know a torrent: the SHA-1 of the raw bytes of its `info` dictionary
/// (BEP 3).
package struct InfoHash: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The length of an info hash in messages, files and the database.
    package static let byteCount = 20

    private let digest: SHA1Digest

    package init(_ digest: SHA1Digest) { self.digest = digest }

    /// Returns `nil` unless there are exactly 20 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard let digest = SHA1Digest(bytes) else { return nil }
        self.digest = digest
    }

    /// Returns `nil` unless there are exactly 20 bytes; doesn't copy the buffer.
    package init?(raw bytes: UnsafeRawBufferPointer) {
        guard let digest = SHA1Digest(raw: bytes) else { return nil }
        self.digest = digest
    }

    /// Returns `nil` unless there are exactly 40 hexadecimal digits, in upper or lower case.
    package init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes)
    }

    package var bytes: [UInt8] { Array(digest) }

    /// The hash as 40 lower-case hexadecimal digits.
    package var description: String { digest.hex }

    /// The number of bytes of ``description``.
    package static let hexLength = byteCount * 2

    /// Writes ``description`` to `place`, where there is room for it.
    package func writeHex(to place: UnsafeMutablePointer<UInt8>) { digest.writeHex(to: place) }

    package static func < (a: Self, b: Self) -> Bool { a.digest < b.digest }
}
