// Room: Bencode.
// Duty: bytes ⇄ bencode values (BEP 3): a decoder that accepts everything with exactly one interpretation, and a
// canonical encoder.
// Owns: the value, its dictionary, the limits of decoding.
// Never: knows what a key means; traps, recurses or allocates without bound on bytes from outside.
// Invariants: a decoded value knows the bytes it came from; a dictionary has no key twice, and it reports keys that its
// document repeats with different values; `decode` restores what `encode` has written.

/// Converts between bytes and ``BencodeValue`` (BEP 3).
///
/// The decoder accepts every document that has exactly one interpretation, canonical or not, because programs that
/// write .torrent files, trackers and peers produce all of the following forms, and every other client reads them:
/// - keys in any order;
/// - repeated keys: the first value counts, and ``BencodeDictionary/disputedKeys`` lists the keys whose values differ;
/// - bytes after the end of the value;
/// - leading zeros in numbers and string lengths, and negative zero;
/// - an integer beyond 64 bits, which becomes the nearest representable integer: it exceeds the limit of every reader,
///   so only its own key is lost.
///
/// Every remaining error protects something; see ``BencodeError/Code``.
package enum Bencode {
    /// The limits on decoding one document.
    package struct Limits: Hashable, Sendable {
        /// The maximum nesting of containers, which bounds the decoder's stack.
        package var depth: Int
        /// The maximum number of values; a key counts with its value. A value costs at most about 100 bytes; the
        /// content of a string costs nothing more, because it stays in the document.
        package var nodes: Int

        package init(depth: Int = 64, nodes: Int = 1 << 18) {
            self.depth = depth
            self.nodes = nodes
        }

        /// The limits for messages from trackers and peers.
        package static let standard = Limits()
    }

    /// Decodes the value that begins at the byte `start`; ignores the bytes after the value.
    package static func decode(_ bytes: [UInt8], from start: Int = 0, limits: Limits = .standard) throws(BencodeError)
        -> BencodeValue
    {
        precondition(start >= 0 && start <= bytes.count)
        var decoder = BencodeDecoder(bytes, from: start, limits: limits)
        return try decoder.value(depth: 0)
    }

    /// Decodes the value at the beginning of `bytes` and returns it with its length in bytes; ignores what follows (BEP
    /// 9).
    package static func decodePrefix(
        _ bytes: [UInt8], limits: Limits = .standard
    ) throws(BencodeError) -> (value: BencodeValue, count: Int) {
        let value = try decode(bytes, limits: limits)
        return (value, value.range.upperBound)
    }

    /// The canonical encoding of `value`: sorted keys and no leading zeros.
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

    private static func append(_ string: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(string.count).utf8)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(contentsOf: string)
    }
}
