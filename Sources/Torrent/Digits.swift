/// Appends numbers and constant words directly as bytes. A long list has a million of them, and creating a `String` for
/// each would be most of the work.
extension [UInt8] {
    /// Appends the number in decimal, with a minus sign if it is negative.
    package mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        let magnitude = value.magnitude
        let count = Self.digits(of: magnitude)
        append(addingCapacity: count) { bytes in
            bytes.withUnsafeMutableBufferPointer { buffer, initialized in
                var rest = magnitude
                for place in (0..<count).reversed() {
                    buffer[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                initialized = count
            }
        }
    }

    /// Appends a constant word.
    @inlinable package mutating func append(_ word: StaticString) { word.withUTF8Buffer { append(contentsOf: $0) } }

    private static func digits(of value: UInt64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10_000 { (count, rest) = (count + 4, rest / 10_000) }
        while rest >= 10 { (count, rest) = (count + 1, rest / 10) }
        return count
    }
}
