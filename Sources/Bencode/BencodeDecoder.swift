/// Reads one value after another from a document; recursion is bounded by ``Bencode/Limits/depth``.
struct BencodeDecoder {
    private let bytes: [UInt8]
    private let limits: Bencode.Limits
    private var nodes = 0
    /// The byte that is read next.
    private var position: Int

    init(_ bytes: [UInt8], from start: Int, limits: Bencode.Limits) {
        self.bytes = bytes
        self.limits = limits
        position = start
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

    /// The dictionary of entries whose keys don't ascend, or are not unique: the first value of a key counts.
    ///
    /// It costs one sort, however many keys repeat.
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

    /// Whether two values of the document say the same: by their bytes, which costs no more than the shorter of them is
    /// long.
    private func isSame(_ a: BencodeValue, _ b: BencodeValue) -> Bool {
        if let a = a.integer, let b = b.integer { return a == b }
        return a.range.count == b.range.count && bytes[a.range].elementsEqual(bytes[b.range])
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
        position += 1
        let isNegative = try peek() == UInt8(ascii: "-")
        if isNegative { position += 1 }
        // Summed up on the negative side, where Int64 has one value more.
        let negated = try digits(until: UInt8(ascii: "e"))
        return isNegative ? negated : negated == .min ? .max : -negated
    }

    /// The content of the string at the position.
    private mutating func string() throws(BencodeError) -> Range<Int> {
        let start = position
        let negated = try digits(until: UInt8(ascii: ":"))
        // A length over all numbers is over what is left of the document, too.
        guard negated > .min, -negated <= Int64(bytes.count - position) else {
            throw BencodeError(.truncated, at: start)
        }
        let length = Int(-negated)
        position += length
        return position - length..<position
    }

    /// The digits up to `end`, which is stepped over, as the negative of the number that they write; the least number
    /// there is for those below.
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
