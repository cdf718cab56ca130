/// Why bytes are not a bencoded document, and at which of them that showed.
package struct BencodeError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The document ends inside a value, or a string claims more bytes than are left.
        case truncated
        /// A byte that begins no value, or that stands where a digit, `:` or `e` belongs.
        case unexpectedByte(UInt8)
        case leadingZero
        case negativeZero
        /// An integer outside 64 bits, or a string length beyond what a document can hold.
        case overflow
        case unsortedKeys
        case duplicateKey
        case trailingBytes
        /// Nested deeper than ``Bencode/Limits/depth``.
        case tooDeep
        /// More values than ``Bencode/Limits/nodes``.
        case tooManyValues
    }

    package let code: Code
    /// Counted from 0 at the document's first byte.
    package let offset: Int

    package init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }

    package var description: String { "not valid bencode at byte \(offset): \(reason)" }

    private var reason: String {
        switch code {
        case .truncated: "the data ends too early, it was cut off"
        case .unexpectedByte(let byte): "byte \(byte) cannot stand here"
        case .leadingZero: "a number begins with a superfluous 0"
        case .negativeZero: "there is no negative zero"
        case .overflow: "a number is too large"
        case .unsortedKeys: "the keys of a dictionary are not sorted"
        case .duplicateKey: "a dictionary has a key twice"
        case .trailingBytes: "more bytes follow after the end of the value"
        case .tooDeep: "the values are nested too deep"
        case .tooManyValues: "there are too many values"
        }
    }
}
