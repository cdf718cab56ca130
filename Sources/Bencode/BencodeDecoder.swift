/// Decodes the values of a document. Its recursion is bounded by ``Bencode/Limits/depth``.
struct BencodeDecoder {
    private let bytes: [UInt8]
    private let limits: Bencode.Limits
    private var nodes = 0
    /// The index of the next byte to read.
    private var position: Int

    init(_ bytes: [UInt8], from start: Int, limits: Bencode.Limits) {
        self.bytes = bytes
        self.limits = limits
        position = start
    }

    /// Decodes the value at the position, inside `depth` open containers.
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
            kind = .string(bytes[try string()])
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
        try open(depth)
        var entries: [BencodeDictionary.Entry] = []
        var isAscending = true
        while try !close() {
            let key = bytes[try string()]
            if let last = entries.last, !last.key.precedes(key) { isAscending = false }
            entries.append(.init(key: key, value: try value(depth: depth)))
        }
        return isAscending ? BencodeDictionary(uniqueEntries: entries, isSorted: true) : disordered(entries)
    }

    /// Creates a dictionary from entries whose keys aren't ascending or aren't unique; the first value of each key
    /// counts.
    ///
    /// The cost is one sort, however many keys repeat.
    private func disordered(_ entries: [BencodeDictionary.Entry]) -> BencodeDictionary {
        let order = entries.indices.sorted { a, b in
            let order = entries[a].key.order(entries[b].key)
            return order < 0 || (order == 0 && a < b)
        }
        var repeated: Set<Int> = []
        var disputed: Set<[UInt8]> = []
        var first = order.first ?? 0
        for index in order.dropFirst() {
            guard entries[index].key.order(entries[first].key) == 0 else {
                first = index
                continue
            }
            repeated.insert(index)
            if !isSame(entries[first].value, entries[index].value) { disputed.insert(Array(entries[index].key)) }
        }
        guard !repeated.isEmpty else { return BencodeDictionary(uniqueEntries: entries, isSorted: false) }
        let unique = entries.indices.filter { !repeated.contains($0) }.map { entries[$0] }
        let isSorted = zip(unique, unique.dropFirst()).allSatisfy { $0.key.precedes($1.key) }
        return BencodeDictionary(uniqueEntries: unique, isSorted: isSorted, disputedKeys: disputed)
    }

    /// Whether two values of the document are equal. Values other than integers are compared by their bytes, so the
    /// cost is at most the length of the shorter one.
    private func isSame(_ a: BencodeValue, _ b: BencodeValue) -> Bool {
        if let a = a.integer, let b = b.integer { return a == b }
        return a.range.count == b.range.count && bytes[a.range].elementsEqual(bytes[b.range])
    }

    /// Skips the marker that opens a container.
    private mutating func open(_ depth: Int) throws(BencodeError) {
        guard depth <= limits.depth else { throw BencodeError(.tooDeep, at: position) }
        position += 1
    }

    /// Skips the marker that closes a container if it is next, and returns whether it was.
    private mutating func close() throws(BencodeError) -> Bool {
        guard try peek() == UInt8(ascii: "e") else { return false }
        position += 1
        return true
    }

    private mutating func integer() throws(BencodeError) -> Int64 {
        position += 1
        let isNegative = try peek() == UInt8(ascii: "-")
        if isNegative { position += 1 }
        // The sum is negative, because the negative range of Int64 has one more value.
        let negated = try digits(until: UInt8(ascii: "e"))
        return isNegative ? negated : negated == .min ? .max : -negated
    }

    /// Reads the string at the position and returns the range of its content.
    private mutating func string() throws(BencodeError) -> Range<Int> {
        let start = position
        let negated = try digits(until: UInt8(ascii: ":"))
        // A length beyond 64 bits also exceeds the rest of the document.
        guard negated > .min, -negated <= Int64(bytes.count - position) else {
            throw BencodeError(.truncated, at: start)
        }
        let length = Int(-negated)
        position += length
        return position - length..<position
    }

    /// Reads the digits before `end`, skips `end`, and returns the number negated, or `Int64.min` if it is smaller.
    private mutating func digits(until end: UInt8) throws(BencodeError) -> Int64 {
        let first = position
        var negated: Int64 = 0
        while true {
            let byte = try peek()
            if byte == end, position > first { break }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
                throw BencodeError(.unexpectedByte(byte), at: position)
            }
            let (tens, tensOverflow) = negated.multipliedReportingOverflow(by: 10)
            let (next, overflow) = tens.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            negated = tensOverflow || overflow ? .min : next
            position += 1
        }
        position += 1
        return negated
    }

    private func peek() throws(BencodeError) -> UInt8 {
        guard position < bytes.count else { throw BencodeError(.truncated, at: bytes.count) }
        return bytes[position]
    }
}
