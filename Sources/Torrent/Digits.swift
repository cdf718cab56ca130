/// Appends numbers and constant words directly as bytes. A long list has a million of them, and creating a `String` for
/// each would be most of the work.
extension [UInt8] {
    /// Appends the number in decimal, with a minus sign if it is negative.
    package mutating func append(decimal value: Int64) {
        append(addingCapacity: Self.longestDecimal) { bytes in
            bytes.withUnsafeMutableBufferPointer { buffer, count in
                guard let place = buffer.baseAddress else { return }
                count = Self.write(decimal: value, to: place)
            }
        }
    }

    /// The most bytes of a number in decimal.
    package static let longestDecimal = 20

    /// Writes the number at `place`, where there is room for the longest. Returns how many bytes it has.
    @inlinable package static func write(decimal value: Int64, to place: UnsafeMutablePointer<UInt8>) -> Int {
        if (0..<10).contains(value) {
            place.initialize(to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value))
            return 1
        }
        return write(long: value, to: place)
    }

    @usableFromInline static func write(long value: Int64, to start: UnsafeMutablePointer<UInt8>) -> Int {
        let sign = value < 0 ? 1 : 0
        if sign == 1 { start.initialize(to: UInt8(ascii: "-")) }
        var rest = value.magnitude
        let count = sign + digits(of: rest)
        var place = start + count
        // Two digits at a time, because each division has to wait for the one before.
        while rest >= 10 {
            let pair = UInt32(truncatingIfNeeded: rest % 100)
            rest /= 100
            place -= 2
            (place + 1).initialize(to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: pair % 10))
            place.initialize(to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: pair / 10))
        }
        if place > start + sign { start[sign] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest) }
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
