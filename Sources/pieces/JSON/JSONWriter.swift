import Engine
import Library
import Torrent

extension Program {
    /// The note about paths in the help of commands with `--json`.
    static let pathsInJSON = """
        In names and paths, a byte that isn't valid UTF-8 is written as the character U+10FE00 plus the byte (0xE9 as \
        U+10FEE9), and so is each byte of a character from that range. A path with such bytes has a second field, whose \
        name ends in `_bytes`, with the whole path in hexadecimal.
        """
}

/// Writes JSON (RFC 8259) directly as bytes, in the order of the calls. This writes lists of ten thousand torrents in
/// milliseconds.
///
/// Control characters and marks of reading direction are escaped, so that the text is safe on a terminal too.
package struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// One object on one line; `capacity` is the expected number of bytes.
    package static func line<Failure: Error>(capacity: Int = 0, _ body: (inout JSONWriter) throws(Failure) -> Void)
        throws(Failure) -> [UInt8]
    {
        var writer = JSONWriter()
        writer.bytes.reserveCapacity(capacity)
        try writer.enclose("{", "}", body)
        writer.bytes.append(UInt8(ascii: "\n"))
        return writer.bytes
    }

    /// Members that are the same in many objects, each with the comma before it, for ``append(members:)``.
    static func members(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.needsComma = true
        body(&writer)
        return writer.bytes
    }

    /// Appends members that are not the first ones of their object.
    mutating func append(members: [UInt8]) {
        precondition(needsComma, "the first member has no comma before it")
        bytes.append(contentsOf: members)
    }

    mutating func reserve(_ capacity: Int) { bytes.reserveCapacity(capacity) }

    package mutating func object(_ body: (inout JSONWriter) -> Void) { enclose("{", "}", body) }

    mutating func array<Items: Sequence>(_ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void) {
        enclose("[", "]") { writer in
            for item in items { body(&writer, item) }
        }
    }

    // MARK: Members of objects

    package mutating func field(_ name: StaticString, _ value: some BinaryInteger) {
        guard let value = Int64(exactly: value) else { return member(name) { $0.scalar(String(value)) } }
        append(name: name, room: [UInt8].longestDecimal) { [UInt8].write(decimal: value, to: $0) }
    }
    package mutating func field(_ name: StaticString, _ value: (some BinaryInteger)?) {
        if let value { field(name, value) } else { null(name) }
    }
    package mutating func field(_ name: StaticString, _ value: String) {
        let isWritten = value.utf8.withContiguousStorageIfAvailable { text in
            guard Self.isPlain(text) else { return false }
            append(name: name, room: text.count + 2) { buffer in
                buffer[0] = UInt8(ascii: "\"")
                _ = buffer.extracting(1...).update(fromContentsOf: text)
                buffer[text.count + 1] = UInt8(ascii: "\"")
                return text.count + 2
            }
            return true
        }
        if isWritten != true { member(name) { $0.string(value) } }
    }
    package mutating func field(_ name: StaticString, _ value: String?) {
        if let value { field(name, value) } else { null(name) }
    }
    /// Writes a path and, if it has bytes that aren't UTF-8, also all its bytes in hexadecimal:
    /// ``Program/pathsInJSON``.
    mutating func path(_ name: StaticString, _ bytesName: StaticString, _ text: String?) {
        field(name, text)
        if let text, PathText.isEscaped(text) { field(bytesName, Hex.encode(PathText.bytes(text))) }
    }
    package mutating func field(_ name: StaticString, _ value: Bool) {
        member(name) { $0.word(value ? "true" : "false") }
    }
    package mutating func field(_ name: StaticString, _ value: Bool?) {
        if let value { field(name, value) } else { null(name) }
    }
    /// Writes a number with at most six decimals; NaN and infinities become null.
    package mutating func field(_ name: StaticString, _ value: Double) { member(name) { $0.number(value) } }
    package mutating func field(_ name: StaticString, _ value: Double?) {
        if let value { field(name, value) } else { null(name) }
    }

    mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) { member(name) { $0.object(body) } }

    package mutating func array<Items: Sequence>(
        _ name: StaticString, _ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void
    ) {
        member(name) { $0.array(items, body) }
    }

    /// Writes an array of the elements that `body` writes.
    package mutating func array<Failure: Error>(
        _ name: StaticString, _ body: (inout JSONWriter) throws(Failure) -> Void
    )
        throws(Failure)
    {
        try member(name) { (json) throws(Failure) in try json.enclose("[", "]", body) }
    }

    mutating func strings(_ name: StaticString, _ items: some Sequence<String>) { array(name, items) { $0.string($1) } }

    // MARK: Elements of arrays

    package mutating func string(_ text: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        let isPlain = text.utf8.withContiguousStorageIfAvailable { text in
            guard Self.isPlain(text) else { return false }
            bytes.append(contentsOf: text)
            return true
        }
        if isPlain != true { for scalar in text.unicodeScalars { append(scalar) } }
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    mutating func strings(_ items: some Sequence<String>) { array(items) { $0.string($1) } }

    // MARK: Bytes

    private mutating func number(_ value: Double) {
        guard value.isFinite else { return word("null") }
        // Most values are fractions of a whole, and most of those are 0 or 1.
        if value == 0 || value == 1 { return word(value == 0 ? "0.0" : "1.0") }
        scalar(String((value * 1_000_000).rounded() / 1_000_000))
    }

    /// Whether the text needs no escapes.
    private static func isPlain(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        text.hasNone { $0 < 0x20 || $0 > 0x7e || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
    }

    private mutating func scalar(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func word(_ text: StaticString) {
        separate()
        bytes.append(text)
        needsComma = true
    }

    private mutating func member<Failure: Error>(
        _ name: StaticString, _ value: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        append(name: name)
        try value(&self)
        needsComma = true
    }

    private mutating func null(_ name: StaticString) {
        append(name: name, room: 4) { buffer in
            (buffer[0], buffer[1], buffer[2], buffer[3]) = (0x6e, 0x75, 0x6c, 0x6c)
            return 4
        }
    }

    /// Appends a member whose value `write` writes into room for it, and whose length it returns. Names are plain ASCII
    /// constants, and most values are short: each member is appended in one operation.
    private mutating func append(
        name: StaticString, room: Int, _ write: (UnsafeMutableBufferPointer<UInt8>) -> Int
    ) {
        let (start, count) = (needsComma ? 1 : 0, name.utf8CodeUnitCount)
        bytes.append(addingCapacity: start + count + 3 + room) { bytes in
            bytes.withUnsafeMutableBufferPointer { buffer, initialized in
                buffer[0] = UInt8(ascii: ",")
                buffer[start] = UInt8(ascii: "\"")
                name.withUTF8Buffer { _ = buffer.extracting((start + 1)...).update(fromContentsOf: $0) }
                buffer[start + count + 1] = UInt8(ascii: "\"")
                buffer[start + count + 2] = UInt8(ascii: ":")
                let end = start + count + 3
                initialized = end + write(UnsafeMutableBufferPointer(rebasing: buffer[end...]))
            }
        }
        needsComma = true
    }

    /// Appends the name of a member, and is ready for its value.
    private mutating func append(name: StaticString) {
        append(name: name, room: 0) { _ in 0 }
        needsComma = false
    }

    private mutating func enclose<Failure: Error>(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        separate()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        try body(&self)
        bytes.append(UInt8(ascii: close))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": bytes.append(contentsOf: "\\\"".utf8)
        case "\\": bytes.append(contentsOf: "\\\\".utf8)
        case "\n": bytes.append(contentsOf: "\\n".utf8)
        case "\t": bytes.append(contentsOf: "\\t".utf8)
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    bytes.append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
                }
            default: bytes.append(contentsOf: String(scalar).utf8)
            }
        }
    }
}
