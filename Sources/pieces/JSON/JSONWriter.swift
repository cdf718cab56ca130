import Engine
import Library
package import Torrent

extension Program {
    /// The note about paths in the help of commands with `--json`.
    static let pathsInJSON = """
        In names and paths, a byte that isn't valid UTF-8 is written as the character U+10FE00 plus the byte (0xE9 as \
        U+10FEE9), and so is each byte of a character from that range. A path with such bytes has a second field, whose \
        name ends in `_bytes`, with the whole path in hexadecimal.
        """
}

/// Writes JSON (RFC 8259) directly as bytes, in the order of the calls.
///
/// Control characters and marks of reading direction are escaped, so that the text is safe on a terminal too.
package struct JSONWriter: ~Copyable {
    /// What was written; with marks, if ``forms`` has them.
    private(set) var text: TextBuffer
    /// What the marks stand for; `nil` if all is written in full.
    private(set) var forms: ShortForms?
    /// The texts of the marks, each by the address of the caller's constant or array, and `nil` behind them; without
    /// marks only that. This isn't an array, because it is looked into for each member of a long list.
    private let known: UnsafeMutableBufferPointer<UnsafePointer<UInt8>?>
    /// The texts themselves. They are kept, so that no other text gets one of the addresses.
    private var kept: [[UInt8]] = []
    /// The number of the text that comes next if this object is like the one before it.
    private var expected = 0
    private var needsComma = false

    /// `capacity` is the expected number of bytes. With `namesAreMarks`, the names of members are written as marks,
    /// which only printing replaces.
    package init(capacity: Int = 1024, namesAreMarks: Bool = false) {
        text = TextBuffer(capacity: capacity)
        forms = namesAreMarks ? ShortForms() : nil
        known = .allocate(capacity: namesAreMarks ? ShortForms.most + 1 : 1)
        known.initialize(repeating: nil)
    }

    deinit { known.deallocate() }

    /// One object on one line.
    package static func line<Failure: Error>(_ body: (inout JSONWriter) throws(Failure) -> Void) throws(Failure)
        -> [UInt8]
    {
        var writer = JSONWriter()
        try writer.enclose("{", "}", body)
        writer.text.append(UInt8(ascii: "\n"))
        return writer.bytes
    }

    /// Members that are the same in many objects, each with the comma before it, for ``append(members:)``.
    package static func members(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.needsComma = true
        body(&writer)
        return writer.bytes
    }

    /// The bytes of what was written; a mark is one.
    package var length: Int { text.count }

    /// A copy of what was written.
    private var bytes: [UInt8] { Array(text.bytes) }

    /// Appends members that are not the first ones of their object.
    package mutating func append(members: [UInt8]) {
        precondition(needsComma, "the first member has no comma before it")
        members.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress, let found = find(start, { members }) {
                expected = found + 1
                text.append(UInt8(truncatingIfNeeded: expected))
            } else {
                text.append(bytes)
            }
        }
    }

    package mutating func object(_ body: (inout JSONWriter) -> Void) { enclose("{", "}", body) }

    mutating func array<Items: Sequence>(_ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void) {
        enclose("[", "]") { writer in
            for item in items { body(&writer, item) }
        }
    }

    // MARK: Members of objects

    package mutating func field(_ name: StaticString, _ value: some BinaryInteger) {
        guard let value = Int64(exactly: value) else { return member(name) { $0.scalar(String(value)) } }
        let place = place(name, room: TextBuffer.longestNumber)
        text.advance(TextBuffer.write(value, to: place))
    }
    package mutating func field(_ name: StaticString, _ value: (some BinaryInteger)?) {
        if let value { field(name, value) } else { null(name) }
    }
    package mutating func field(_ name: StaticString, _ value: String) { _ = plain(name, value) }
    package mutating func field(_ name: StaticString, _ value: String?) {
        if let value { field(name, value) } else { null(name) }
    }
    /// Writes the info hash as 40 lower-case hexadecimal digits.
    package mutating func field(_ name: StaticString, _ value: InfoHash) {
        let place = place(name, room: InfoHash.hexLength + 2)
        place.initialize(to: UInt8(ascii: "\""))
        value.writeHex(to: place + 1)
        (place + 1 + InfoHash.hexLength).initialize(to: UInt8(ascii: "\""))
        text.advance(InfoHash.hexLength + 2)
    }
    package mutating func field(_ name: StaticString, _ value: InfoHash?) {
        if let value { field(name, value) } else { null(name) }
    }
    /// Writes a path and, if it has bytes that aren't UTF-8, also all its bytes in hexadecimal:
    /// ``Program/pathsInJSON``.
    mutating func path(_ name: StaticString, _ bytesName: StaticString, _ text: String?) {
        guard let text else { return null(name) }
        if !plain(name, text), PathText.isEscaped(text) { field(bytesName, Hex.encode(PathText.bytes(text))) }
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

    package mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
        member(name) { $0.object(body) }
    }

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

    package mutating func string(_ value: String) {
        separate()
        _ = append(value)
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

    private mutating func scalar(_ value: String) {
        separate()
        text.append(value.utf8)
        needsComma = true
    }

    private mutating func word(_ word: StaticString) {
        separate()
        text.append(word)
        needsComma = true
    }

    private mutating func member<Failure: Error>(
        _ name: StaticString, _ value: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        _ = place(name, room: 0)
        needsComma = false
        try value(&self)
        needsComma = true
    }

    private mutating func null(_ name: StaticString) {
        let place = place(name, room: 4)
        (place[0], place[1], place[2], place[3]) = (0x6e, 0x75, 0x6c, 0x6c)
        text.advance(4)
    }

    /// Appends a member; whether its text is plain ASCII without escapes.
    private mutating func plain(_ name: StaticString, _ value: String) -> Bool {
        _ = place(name, room: 0)
        return append(value)
    }

    /// Appends the name of a member. The result is where its value begins, with `room` for so many bytes. Names are
    /// plain ASCII constants.
    @inline(__always)
    private mutating func place(_ name: StaticString, room: Int) -> UnsafeMutablePointer<UInt8> {
        // Most objects of a list have the same members in the same order. The first member has no comma.
        guard needsComma, known[expected] == name.utf8Start else { return placeUnexpected(name, room: room) }
        expected &+= 1
        let place = text.place(room: 1 &+ room)
        place.initialize(to: UInt8(truncatingIfNeeded: expected))
        text.advance(1)
        return place + 1
    }

    @inline(never)
    private mutating func placeUnexpected(_ name: StaticString, room: Int) -> UnsafeMutablePointer<UInt8> {
        if needsComma, let found = find(name.utf8Start, { Array(",\"\(name)\":".utf8) }) {
            expected = found
            return place(name, room: room)
        }
        let length = name.utf8CodeUnitCount
        var place = text.place(room: length + 4 + room)
        var count = length + 3
        if needsComma {
            place.initialize(to: UInt8(ascii: ","))
            place += 1
            count += 1
        }
        place.initialize(to: UInt8(ascii: "\""))
        (place + 1).update(from: name.utf8Start, count: length)
        (place + length + 1).initialize(to: UInt8(ascii: "\""))
        (place + length + 2).initialize(to: UInt8(ascii: ":"))
        text.advance(count)
        needsComma = true
        return place + length + 3
    }

    /// The number of the text that begins at `start`, which becomes known if it is not; `nil` if it is to be written in
    /// full.
    private mutating func find(_ start: UnsafePointer<UInt8>, _ text: () -> [UInt8]) -> Int? {
        if known[expected] == start { return expected }
        if let found = known.firstIndex(of: start) { return found }
        let number = kept.count
        guard number < known.count - 1 else { return nil }
        let text = text()
        forms?.append(text)
        kept.append(text)
        known[number] = start
        return number
    }

    /// Appends a string in its quotes; whether it is plain ASCII without escapes.
    private mutating func append(_ value: String) -> Bool {
        let isPlain = value.utf8.withContiguousStorageIfAvailable { value in
            guard value.isPrintableASCII(without: UInt8(ascii: "\""), UInt8(ascii: "\\")) else { return false }
            let place = text.place(room: value.count + 2)
            place.initialize(to: UInt8(ascii: "\""))
            if let first = value.baseAddress { (place + 1).update(from: first, count: value.count) }
            (place + value.count + 1).initialize(to: UInt8(ascii: "\""))
            text.advance(value.count + 2)
            return true
        }
        if isPlain == true { return true }
        text.append(UInt8(ascii: "\""))
        for scalar in value.unicodeScalars { append(scalar) }
        text.append(UInt8(ascii: "\""))
        return false
    }

    private mutating func enclose<Failure: Error>(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        separate()
        text.append(UInt8(ascii: open))
        needsComma = false
        try body(&self)
        text.append(UInt8(ascii: close))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { text.append(UInt8(ascii: ",")) }
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": text.append("\\\"")
        case "\\": text.append("\\\\")
        case "\n": text.append("\\n")
        case "\t": text.append("\\t")
        case " "..."~": text.append(UInt8(ascii: scalar))
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    text.append("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
                }
            default: text.append(scalar.utf8)
            }
        }
    }
}
