/// Numbers in decimal, written directly as bytes. A long list has a million of them, and creating a `String` for each
/// would be most of the work.
package enum Digits {
    /// The most bytes of a number.
    package static let longest = 20

    /// Writes the number at `place`, where there is room for the longest, with a minus sign if it is negative. Returns
    /// how many bytes it has; those behind it may be written, too.
    package static func write(_ value: Int64, to start: UnsafeMutablePointer<UInt8>) -> Int {
        guard value < 0 else { return write(magnitude: UInt64(value), to: start) }
        start.initialize(to: UInt8(ascii: "-"))
        return 1 + write(magnitude: value.magnitude, to: start + 1)
    }

    private static func write(magnitude value: UInt64, to start: UnsafeMutablePointer<UInt8>) -> Int {
        let (high, low) = value.quotientAndRemainder(dividingBy: 100_000_000)
        var digits = eightDigits(low)
        guard high == 0 else {
            let count = write(magnitude: high, to: start)
            store(digits, at: start + count)
            return count + 8
        }
        // Zeros in front; the last digit of zero stays.
        let zeros = min(7, digits.trailingZeroBitCount / 8)
        digits >>= UInt64(zeros * 8)
        // Bytes behind the number are written, too: there is room for the longest.
        store(digits, at: start)
        return 8 - zeros
    }

    /// Eight digits of a number below 10^8 as the values 0 to 9 in bytes, the first digit lowest. All digits are made
    /// at once in one register: first halves of four digits in lanes of 32 bits, then pairs, then digits. The factors
    /// divide by 100 and by 10 exactly, 10486 / 2^20 below 43,699 and 103 / 2^10 below 179.
    private static func eightDigits(_ value: UInt64) -> UInt64 {
        let high = value / 10_000
        let halves = high | (value - high * 10_000) << 32
        let hundreds = (halves &* 10_486) >> 20 & 0x0000_007f_0000_007f
        let pairs = hundreds | (halves &- hundreds &* 100) << 16
        let tens = (pairs &* 103) >> 10 & 0x000f_000f_000f_000f
        return tens | (pairs &- tens &* 10) << 8
    }

    private static func store(_ digits: UInt64, at place: UnsafeMutablePointer<UInt8>) {
        let text = digits | 0x3030_3030_3030_3030
        UnsafeMutableRawPointer(place).storeBytes(of: text.littleEndian, as: UInt64.self)
    }
}
