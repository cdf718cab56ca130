// Room: Bencode.
// Duty: bytes ⇄ bencode values (BEP 3): a decoder that accepts whatever has exactly one reading, and a canonical
// encoder.
// Owns: the value, its dictionary, the limits of decoding.
// Never: knows what a key means; traps, recurses or allocates without bound on bytes from outside.
// Invariants: a decoded value knows the bytes it came from; no dictionary has a key twice, and one whose document had a
// duplicate reports it; `decode` reads back what `encode` writes.

/// Bencode (BEP 3) as bytes ⇄ ``BencodeValue``.
///
/// The decoder reads every document that has one reading, canonical or not, because makers of .torrent files, trackers
/// and peers write all of these and every other client reads them:
/// - keys in any order;
/// - a key more than once: the first value counts, and ``BencodeDictionary/disputedKeys`` names the keys whose values
///   differ;
/// - bytes behind the end of the value;
/// - superfluous zeros in numbers and in lengths of strings, and a negative zero;
/// - an integer beyond 64 bits, which becomes the nearest one that there is: it is over the limit of every reader, so
///   that only its own key is lost.
///
/// What is left of the refusals protects something: ``BencodeError/Code`` says what.
package enum Bencode {
    /// What a document may cost to decode.
    package struct Limits: Hashable, Sendable {
        /// The most containers inside each other; the decoder's stack is bounded by it.
        package var depth: Int
        /// The most values; keys count with their values. A value costs at most some 100 bytes;
        /// a string's content costs nothing more, because it stays in the document.
        package var nodes: Int

        package init(depth: Int = 64, nodes: Int = 1 << 18) {
            self.depth = depth
            self.nodes = nodes
        }

        /// For messages of trackers and peers.
        package static let standard = Limits()
    }

    /// The value that begins at the byte `start`; bytes behind it are ignored.
    package static func decode(_ bytes: [UInt8], from start: Int = 0, limits: Limits = .standard) throws(BencodeError)
        -> BencodeValue
    {
        precondition(start >= 0 && start <= bytes.count)
        var decoder = BencodeDecoder(bytes, from: start, limits: limits)
        return try decoder.value(depth: 0)
    }

    /// The value that `bytes` begin with, and the count of bytes that it takes; what follows is not looked at (BEP 9).
    package static func decodePrefix(
        _ bytes: [UInt8], limits: Limits = .standard
    ) throws(BencodeError) -> (value: BencodeValue, count: Int) {
        let value = try decode(bytes, limits: limits)
        return (value, value.range.upperBound)
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

    private static func append(_ string: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(string.count).utf8)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(contentsOf: string)
    }
}
