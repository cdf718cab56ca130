/// Reads one value after another from a document; recursion is bounded by ``Bencode/Limits/depth``.
struct BencodeDecoder {
    private let bytes: [UInt8]
    private let strictness: Bencode.Strictness
    private let limits: Bencode.Limits
    private var nodes = 0
    /// The byte that is read next.
    private(set) var position = 0

    init(_ bytes: [UInt8], strictness: Bencode.Strictness, limits: Bencode.Limits) {
        self.bytes = bytes
        self.strictness = strictness
        self.limits = limits
    }

    /// The value at the position; `depth` containers are open around it.
    mutating func value(depth: Int) throws(BencodeError) -> BencodeValue {
        let start = position
        guard nodes < limits.nodes else { throw BencodeError(.tooManyValues, at: start) }
        nodes += 1
        let kind: BencodeValue.Kind
        switch try peek() {
        case UInt8(ascii: "i"): kind = .integer(try integer())
        case UInt8(ascii: "l"): kind = .list(try list(depth: depth + 1))
        case UInt8(ascii: "d"): kind = .dictionary(try dictionary(depth: depth + 1))
        default:
            let content = try string()
            kind = .string(Array(bytes[content]))
        }
        return BencodeValue(kind, range: start..<position)
    }

    private mutating func list(depth: Int) throws(BencodeError) -> [BencodeValue] {
        try open(depth)
        var values: [BencodeValue] = []
        while try !close() { values.append(try value(depth: depth)) }
        return values
    }

    private mutating func dictionary(depth: Int) throws(BencodeError) -> BencodeDictionary {
        let start = position
        try open(depth)
        var entries: [BencodeDictionary.Entry] = []
        var isSorted = true
        while try !close() {
            let at = position
            let content = try string()
            let key = bytes[content]
            if let last = entries.last, !last.key.lexicographicallyPrecedes(key) {
                if last.key.elementsEqual(key) { throw BencodeError(.duplicateKey, at: at) }
                if strictness == .strict { throw BencodeError(.unsortedKeys, at: at) }
                isSorted = false
            }
            entries.append(.init(key: Array(key), value: try value(depth: depth)))
        }
        let dictionary = BencodeDictionary(uniqueEntries: entries, isSorted: isSorted)
        if !isSorted, Self.hasDuplicate(dictionary.sortedEntries) { throw BencodeError(.duplicateKey, at: start) }
        return dictionary
    }

    private static func hasDuplicate(_ sorted: [BencodeDictionary.Entry]) -> Bool {
        zip(sorted, sorted.dropFirst()).contains { $0.key == $1.key }
    }

    /// Steps over the marker that opens a container.
    private mutating func open(_ depth: Int) throws(BencodeError) {
        guard depth <= limits.depth else { throw BencodeError(.tooDeep, at: position) }
        position += 1
    }

    /// Steps over the marker that closes a container, if it is next.
    private mutating func close() throws(BencodeError) -> Bool {
        guard try peek() == UInt8(ascii: "e") else { return false }
        position += 1
        return true
    }

    private mutating func integer() throws(BencodeError) -> Int64 {
        let start = position
        position += 1
        let isNegative = try peek() == UInt8(ascii: "-")
        if isNegative { position += 1 }
        // Summed up on the negative side, where Int64 has one value more.
        let negated = try digits(until: UInt8(ascii: "e"), from: start)
        if isNegative, negated == 0 { throw BencodeError(.negativeZero, at: start) }
        guard !isNegative else { return negated }
        guard negated != .min else { throw BencodeError(.overflow, at: start) }
        return -negated
    }

    /// The content of the string at the position.
    private mutating func string() throws(BencodeError) -> Range<Int> {
        let start = position
        let negated = try digits(until: UInt8(ascii: ":"), from: start)
        guard negated != .min, let length = Int(exactly: -negated) else { throw BencodeError(.overflow, at: start) }
        guard length <= bytes.count - position else { throw BencodeError(.truncated, at: start) }
        position += length
        return position - length..<position
    }

    /// The digits up to `end`, which is stepped over, as the negative of the number that they write.
    private mutating func digits(until end: UInt8, from start: Int) throws(BencodeError) -> Int64 {
        let first = position
        var negated: Int64 = 0
        while true {
            let byte = try peek()
            if byte == end, position > first { break }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { throw BencodeError(.unexpectedByte(byte), at: position) }
            let (tens, tensOverflow) = negated.multipliedReportingOverflow(by: 10)
            let (next, overflow) = tens.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            if tensOverflow || overflow { throw BencodeError(.overflow, at: start) }
            negated = next
            position += 1
        }
        if bytes[first] == UInt8(ascii: "0"), position - first > 1 { throw BencodeError(.leadingZero, at: start) }
        position += 1
        return negated
    }

    private func peek() throws(BencodeError) -> UInt8 {
        guard position < bytes.count else { throw BencodeError(.truncated, at: bytes.count) }
        return bytes[position]
    }
}
