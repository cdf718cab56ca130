package import Torrent

/// A position in the key space of 160 bits, which nodes and info hashes share (BEP 5).
package struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let byteCount = 20
    package static let bitCount = 160
    package static let zero = NodeID(high: 0, middle: 0, low: 0)

    private let high: UInt64
    private let middle: UInt64
    private let low: UInt32

    private init(high: UInt64, middle: UInt64, low: UInt32) {
        self.high = high
        self.middle = middle
        self.low = low
    }

    /// Returns `nil` unless there are exactly 20 bytes.
    package init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self = bytes.withUnsafeBytes { bytes in
            NodeID(
                high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                middle: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                low: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)))
        }
    }

    /// Returns `nil` unless there are exactly 20 bytes.
    package init?(_ bytes: some Collection<UInt8>) { self.init(Array(bytes)[...]) }

    package init(_ hash: InfoHash) {
        guard let id = NodeID(hash.bytes) else { preconditionFailure("an info hash has 20 bytes") }
        self = id
    }

    package static func random(using random: inout some RandomNumberGenerator) -> NodeID {
        NodeID(high: random.next(), middle: random.next(), low: UInt32(truncatingIfNeeded: random.next()))
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        append(to: &bytes)
        return bytes
    }

    func append(to bytes: inout [UInt8]) {
        withUnsafeBytes(of: high.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: middle.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: low.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// The first 32 bits, of which BEP 42 determines 21.
    var prefix: UInt32 { UInt32(truncatingIfNeeded: high >> 32) }
    /// The last byte, in which BEP 42 keeps the random number.
    var lastByte: UInt8 { UInt8(truncatingIfNeeded: low) }

    /// The same id with another beginning and another end.
    func with(prefix: UInt32, lastByte: UInt8) -> NodeID {
        NodeID(
            high: UInt64(prefix) << 32 | high & 0xffff_ffff, middle: middle, low: low & 0xffff_ff00 | UInt32(lastByte))
    }

    package static func < (a: Self, b: Self) -> Bool {
        if a.high != b.high { return a.high < b.high }
        return a.middle == b.middle ? a.low < b.low : a.middle < b.middle
    }

    /// The distance of two positions.
    package static func ^ (a: Self, b: Self) -> NodeID {
        NodeID(high: a.high ^ b.high, middle: a.middle ^ b.middle, low: a.low ^ b.low)
    }

    /// Whether this position is closer to the target than another one.
    package func isCloser(than other: NodeID, to target: NodeID) -> Bool { self ^ target < other ^ target }

    /// The number of leading bits that both have in common: 0 to 160.
    package func sharedPrefix(with other: NodeID) -> Int {
        if high != other.high { return (high ^ other.high).leadingZeroBitCount }
        if middle != other.middle { return 64 + (middle ^ other.middle).leadingZeroBitCount }
        return 128 + (low ^ other.low).leadingZeroBitCount
    }

    /// The `count` bits that follow the first `start` bits, as a number; at most 16, fewer at the end.
    package func bits(after start: Int, count: Int) -> Int {
        var number = 0
        for n in start..<min(start + count, Self.bitCount) { number = number << 1 | (self[bit: n] ? 1 : 0) }
        return number
    }

    private subscript(bit n: Int) -> Bool {
        switch n {
        case 0..<64: high >> UInt64(63 - n) & 1 == 1
        case 64..<128: middle >> UInt64(127 - n) & 1 == 1
        default: low >> UInt32(159 - n) & 1 == 1
        }
    }

    /// A random id that has exactly `count` leading bits in common with this one; the id itself for 160.
    package func random(sharing count: Int, using random: inout some RandomNumberGenerator) -> NodeID {
        guard count < Self.bitCount else { return self }
        let noise = NodeID.random(using: &random)
        func word(_ mine: UInt64, _ noise: UInt64, from start: Int, width: Int) -> UInt64 {
            // Bits before `count` are kept, the bit at `count` is flipped, and the rest is random.
            let kept = min(max(count - start, 0), width)
            guard kept < width else { return mine }
            let rest = (UInt64(1) << UInt64(width - kept)) &- 1
            let mask = width - kept == 64 ? UInt64.max : rest
            var result = mine & ~mask | noise & mask
            if count >= start {
                let bit = UInt64(1) << UInt64(width - kept - 1)
                result = result & ~bit | ~mine & bit
            }
            return result
        }
        return NodeID(
            high: word(high, noise.high, from: 0, width: 64),
            middle: word(middle, noise.middle, from: 64, width: 64),
            low: UInt32(truncatingIfNeeded: word(UInt64(low), UInt64(noise.low), from: 128, width: 32)))
    }

    /// The id as 40 lower-case hexadecimal digits.
    package var description: String {
        func hex(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        return hex(high, 16) + hex(middle, 16) + hex(low, 8)
    }
}
