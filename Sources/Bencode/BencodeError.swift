/// Why bytes are not a bencoded document, and at which of them that showed.
package struct BencodeError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The document ends inside a value, or a string claims more bytes than are left: the rest of it is unknown.
        case truncated
        /// A byte that begins no value, or that stands where a digit, `:` or `e` belongs: nobody can say where the next
        /// value begins.
        case unexpectedByte(UInt8)
        /// Nested deeper than ``Bencode/Limits/depth``, which bounds the stack.
        case tooDeep
        /// More values than ``Bencode/Limits/nodes``, which bounds the memory.
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
        case .truncated: "the data is cut off"
        case .unexpectedByte(let byte): "byte \(byte) is not allowed here"
        case .tooDeep: "the values are nested too deeply"
        case .tooManyValues: "there are too many values"
        }
    }
}
