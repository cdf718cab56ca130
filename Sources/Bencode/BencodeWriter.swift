/// Writes one document straight into its bytes, for messages of which there are many.
///
/// The document is canonical as long as the caller gives the keys of a dictionary in ascending order.
package struct BencodeWriter {
    package private(set) var bytes: [UInt8] = []

    /// `capacity` is the expected size of the document.
    package init(capacity: Int) { bytes.reserveCapacity(capacity) }

    package mutating func dictionary(_ body: (inout BencodeWriter) -> Void) { container(UInt8(ascii: "d"), body) }

    package mutating func list(_ body: (inout BencodeWriter) -> Void) { container(UInt8(ascii: "l"), body) }

    package mutating func integer(_ value: Int) {
        bytes.append(UInt8(ascii: "i"))
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
        bytes.append(UInt8(ascii: "e"))
    }

    /// Writes a string, or a key.
    package mutating func string(_ text: StaticString) {
        begin(text.utf8CodeUnitCount)
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    package mutating func string(_ content: [UInt8]) { string(count: content.count) { $0 += content } }

    /// Writes a string of `count` bytes, which `append` appends.
    package mutating func string(count: Int, _ append: (inout [UInt8]) -> Void) {
        begin(count)
        let start = bytes.count
        append(&bytes)
        precondition(bytes.count == start + count, "a string has the length that was written before it")
    }

    private mutating func begin(_ count: Int) {
        append(decimal: UInt(count))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func container(_ kind: UInt8, _ body: (inout BencodeWriter) -> Void) {
        bytes.append(kind)
        body(&self)
        bytes.append(UInt8(ascii: "e"))
    }

    private mutating func append(decimal value: UInt) {
        if value >= 10 { append(decimal: value / 10) }
        bytes.append(UInt8(ascii: "0") + UInt8(value % 10))
    }
}
