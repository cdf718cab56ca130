/// Why bytes can't be decoded as bencode, and where the error was found.
package struct BencodeError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The document ends inside a value, or a string claims more bytes than are left, so the rest is unknown.
        case truncated
        /// A byte doesn't begin a value, or stands where a digit, `:` or `e` belongs, so the start of the next value is
        /// unknown.
        case unexpectedByte(UInt8)
        /// The values are nested deeper than ``Bencode/Limits/depth``, which bounds the stack.
        case tooDeep
        /// There are more values than ``Bencode/Limits/nodes``, which bounds the memory.
        case tooManyValues
    }

    package let code: Code
    /// The offset from the document's first byte.
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
