/// Appends numbers and constant words directly as bytes. A long list has a million of them, and creating a `String` for
/// each would be most of the work.
extension [UInt8] {
    /// Appends the number in decimal, with a minus sign if it is negative.
    package mutating func append(decimal value: Int64) {
        append(addingCapacity: Self.longestDecimal) { bytes in
            bytes.withUnsafeMutableBufferPointer { $1 = Self.write(decimal: value, to: $0) }
        }
    }

    /// The most bytes of a number in decimal.
    package static let longestDecimal = 20

    /// Writes the number at the start of the buffer, which has room for the longest. Returns how many bytes it has.
    package static func write(decimal value: Int64, to buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        let sign = value < 0 ? 1 : 0
        if sign == 1 { buffer[0] = UInt8(ascii: "-") }
        var rest = value.magnitude
        let count = sign + digits(of: rest)
        for place in (sign..<count).reversed() {
            buffer[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return count
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
