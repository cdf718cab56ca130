/// The 20 bytes that identify a client to trackers and peers (BEP 3, BEP 20).
package struct PeerID: Hashable, Sendable, CustomStringConvertible {
    package static let byteCount = 20
    /// The prefix of this client in the Azureus style of BEP 20: `PE`, then the version.
    package static let prefix = "-PE0100-"

    package let bytes: [UInt8]

    /// Returns `nil` unless there are exactly 20 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// Creates a random ID with this client's prefix.
    package init(using generator: inout some RandomNumberGenerator) {
        let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        var bytes = Array(Self.prefix.utf8)
        while bytes.count < Self.byteCount { bytes.append(alphabet.randomElement(using: &generator)!) }
        self.bytes = bytes
    }

    /// The ID as text: printable ASCII unchanged, every other byte as `.`.
    package var description: String {
        String(decoding: bytes.map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
    }
}
