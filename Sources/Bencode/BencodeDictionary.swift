import Glibc

/// A bencoded dictionary with unique byte-string keys, in the order in which they were read or set.
package struct BencodeDictionary: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// The key's bytes; in a decoded dictionary, they share the document's memory.
        package let key: ArraySlice<UInt8>
        package fileprivate(set) var value: BencodeValue

        init(key: ArraySlice<UInt8>, value: BencodeValue) {
            self.key = key
            self.value = value
        }
    }

    package private(set) var entries: [Entry]
    /// Whether the keys are in ascending byte order, as BEP 3 requires. Lookups then use binary search, and a linear
    /// search otherwise.
    package private(set) var isSorted: Bool
    /// The keys that occur in the decoded document with several different values; ``entries`` has the first value. Not
    /// part of equality.
    package let disputedKeys: Set<[UInt8]>

    package init() {
        entries = []
        isSorted = true
        disputedKeys = []
    }

    /// Creates a dictionary from the entries of a decoded document, with the first entry of each key.
    init(uniqueEntries entries: [Entry], isSorted: Bool, disputedKeys: Set<[UInt8]> = []) {
        self.entries = entries
        self.isSorted = isSorted
        self.disputedKeys = disputedKeys
    }

    package var count: Int { entries.count }

    /// The value for an ASCII key; setting `nil` removes the key.
    package subscript(key: StaticString) -> BencodeValue? {
        get { key.withUTF8Buffer { find($0).map { entries[$0].value } } }
        set { self[key.withUTF8Buffer { Array($0) }] = newValue }
    }

    /// The value for a key of any bytes; setting `nil` removes the key.
    package subscript(key: [UInt8]) -> BencodeValue? {
        get { key.withUnsafeBufferPointer { find($0).map { entries[$0].value } } }
        set {
            let found = key.withUnsafeBufferPointer { find($0) }
            switch (found, newValue) {
            case (let found?, let value?): entries[found].value = value
            case (let found?, nil): entries.remove(at: found)
            case (nil, let value?):
                if let last = entries.last, !last.key.precedes(key[...]) { isSorted = false }
                entries.append(Entry(key: key[...], value: value))
            case (nil, nil): break
            }
        }
    }

    private func find(_ key: UnsafeBufferPointer<UInt8>) -> Int? {
        guard isSorted else { return entries.firstIndex { $0.key.count == key.count && $0.key.elementsEqual(key) } }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key.lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].key.elementsEqual(key) ? low : nil
    }

    /// Two dictionaries are equal if they have the same entries in any order.
    package static func == (a: Self, b: Self) -> Bool {
        a.isSorted && b.isSorted ? a.entries == b.entries : a.count == b.count && a.sortedEntries == b.sortedEntries
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(sortedEntries) }

    /// The entries in the order in which they are encoded.
    var sortedEntries: [Entry] {
        isSorted ? entries : entries.sorted { $0.key.precedes($1.key) }
    }
}

extension ArraySlice<UInt8> {
    /// Compares the bytes: the result is negative if they precede the others, 0 if they are equal, and positive
    /// otherwise.
    ///
    /// The comparison uses memcmp(3), because keys may be long and have a common prefix.
    func order(_ other: ArraySlice<UInt8>) -> Int {
        let order = withUnsafeBytes { one in
            other.withUnsafeBytes { other in
                // An empty slice may have no address.
                guard let first = one.baseAddress, let second = other.baseAddress else { return Int32(0) }
                return memcmp(first, second, Swift.min(one.count, other.count))
            }
        }
        return order == 0 ? count - other.count : Int(order)
    }

    /// Whether the bytes precede the others.
    func precedes(_ other: ArraySlice<UInt8>) -> Bool { order(other) < 0 }
}
