/// Writes JSON (RFC 8259) in the order in which it is told, straight into bytes: lists of ten thousand torrents are written in milliseconds.
///
/// Control characters and marks of reading direction are escaped, so that the text is safe on a terminal too.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// One object on one line, of probably so many bytes.
    static func line(capacity: Int = 0, _ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.bytes.reserveCapacity(capacity)
        writer.object(body)
        writer.bytes.append(UInt8(ascii: "\n"))
        return writer.bytes
    }

    mutating func object(_ body: (inout JSONWriter) -> Void) { enclose("{", "}", body) }

    mutating func array<Items: Sequence>(_ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void) {
        enclose("[", "]") { writer in
            for item in items { body(&writer, item) }
        }
    }

    // MARK: Members of objects

    mutating func field(_ name: StaticString, _ value: some BinaryInteger) { member(name) { $0.number(value) } }
    mutating func field(_ name: StaticString, _ value: (some BinaryInteger)?) { member(name) { $0.optional(value) { $0.number($1) } } }
    mutating func field(_ name: StaticString, _ value: String) { member(name) { $0.string(value) } }
    mutating func field(_ name: StaticString, _ value: String?) { member(name) { $0.optional(value) { $0.string($1) } } }
    mutating func field(_ name: StaticString, _ value: Bool) { member(name) { $0.scalar(value ? "true" : "false") } }
    /// With six decimals at most; what is no number is null.
    mutating func field(_ name: StaticString, _ value: Double) {
        member(name) { $0.scalar(value.isFinite ? String((value * 1_000_000).rounded() / 1_000_000) : "null") }
    }

    mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) { member(name) { $0.object(body) } }

    mutating func array<Items: Sequence>(_ name: StaticString, _ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void) {
        member(name) { $0.array(items, body) }
    }

    mutating func strings(_ name: StaticString, _ items: some Sequence<String>) { array(name, items) { $0.string($1) } }

    // MARK: Elements of arrays

    mutating func string(_ text: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        if Self.isPlain(text) {
            bytes.append(contentsOf: text.utf8)
        } else {
            for scalar in text.unicodeScalars { append(scalar) }
        }
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    mutating func strings(_ items: some Sequence<String>) { array(items) { $0.string($1) } }

    // MARK: Bytes

    private mutating func number(_ value: some BinaryInteger) {
        guard let value = Int64(exactly: value), value >= 0 else { return scalar(String(value)) }
        separate()
        needsComma = true
        // Most numbers of a list are small; the digits come out in reverse.
        var rest = value
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// Whether the text needs no escapes.
    private static func isPlain(_ text: String) -> Bool {
        let isPlain = { (byte: UInt8) in (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") }
        return text.utf8.withContiguousStorageIfAvailable { $0.allSatisfy(isPlain) } ?? text.utf8.allSatisfy(isPlain)
    }

    private mutating func scalar(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func optional<Value>(_ value: Value?, _ write: (inout JSONWriter, Value) -> Void) {
        if let value { write(&self, value) } else { scalar("null") }
    }

    private mutating func member(_ name: StaticString, _ value: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        // Names are plain ASCII of this program.
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
        value(&self)
        needsComma = true
    }

    private mutating func enclose(_ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        body(&self)
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
            case .control, .format, .lineSeparator, .paragraphSeparator:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    bytes.append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
                }
            default: bytes.append(contentsOf: String(scalar).utf8)
            }
        }
    }
}
