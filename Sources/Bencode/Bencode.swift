/// Bencode (BEP 3) as bytes ⇄ ``BencodeValue``.
package enum Bencode {
    /// How much is forgiven. Numbers must be canonical and keys unique in either case.
    package enum Strictness: Sendable {
        /// Keys ascend and nothing follows the value: for whatever is hashed or stored.
        case strict
        /// Unsorted keys and trailing bytes pass: for trackers and extension handshakes, which send both.
        case lenient
    }

    /// What a document may cost to decode.
    package struct Limits: Hashable, Sendable {
        /// The most containers inside each other; the decoder's stack is bounded by it.
        package var depth: Int
        /// The most values; keys count with their values. A value costs at most some 100 bytes, and a string its content.
        package var nodes: Int

        package init(depth: Int = 64, nodes: Int = 1 << 18) {
            self.depth = depth
            self.nodes = nodes
        }

        /// For messages of trackers and peers.
        package static let standard = Limits()
    }

    /// The one value that `bytes` are.
    package static func decode(
        _ bytes: [UInt8], strictness: Strictness = .strict, limits: Limits = .standard
    ) throws(BencodeError) -> BencodeValue {
        var decoder = BencodeDecoder(bytes, strictness: strictness, limits: limits)
        let value = try decoder.value(depth: 0)
        if strictness == .strict, decoder.position < bytes.count { throw BencodeError(.trailingBytes, at: decoder.position) }
        return value
    }

    /// The value that `bytes` begin with, and the count of bytes that it takes; what follows is not looked at (BEP 9).
    package static func decodePrefix(
        _ bytes: [UInt8], strictness: Strictness = .lenient, limits: Limits = .standard
    ) throws(BencodeError) -> (value: BencodeValue, count: Int) {
        var decoder = BencodeDecoder(bytes, strictness: strictness, limits: limits)
        let value = try decoder.value(depth: 0)
        return (value, decoder.position)
    }

    /// The canonical bytes of `value`: keys sorted, numbers without superfluous digits.
    package static func encode(_ value: BencodeValue) -> [UInt8] {
        var bytes: [UInt8] = []
        append(value, to: &bytes)
        return bytes
    }

    private static func append(_ value: BencodeValue, to bytes: inout [UInt8]) {
        switch value.kind {
        case .integer(let integer):
            bytes.append(UInt8(ascii: "i"))
            bytes.append(contentsOf: String(integer).utf8)
            bytes.append(UInt8(ascii: "e"))
        case .string(let string):
            append(string, to: &bytes)
        case .list(let values):
            bytes.append(UInt8(ascii: "l"))
            for value in values { append(value, to: &bytes) }
            bytes.append(UInt8(ascii: "e"))
        case .dictionary(let dictionary):
            bytes.append(UInt8(ascii: "d"))
            for entry in dictionary.sortedEntries {
                append(entry.key, to: &bytes)
                append(entry.value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "e"))
        }
    }

    private static func append(_ string: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(string.count).utf8)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(contentsOf: string)
    }
}
