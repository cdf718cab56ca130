import Torrent

/// Bytes that are written one after another.
///
/// A list of a hundred thousand torrents has millions of values. An array looks at each append whether it is shared;
/// this looks only whether there is room.
package struct TextBuffer: ~Copyable {
    /// The most bytes of a number, which is ``Digits/longest``: that isn't folded into another module's type without
    /// copies.
    static let longestNumber = 20

    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    package private(set) var count = 0

    /// Memory for `capacity` bytes (at least 1); it grows when they are used up.
    package init(capacity: Int) {
        start = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { start.deallocate() }

    /// What was written so far, until the next change.
    package var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    /// Where `room` more bytes can be written; ``advance(_:)`` tells how many were.
    @inline(__always)
    package mutating func place(room: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity - count < room { grow(room) }
        return start + count
    }

    @inline(__always)
    package mutating func advance(_ length: Int) { count += length }

    @inline(__always)
    package mutating func append(_ byte: UInt8) {
        place(room: 1).initialize(to: byte)
        count += 1
    }

    @inline(__always)
    package mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
        guard let first = text.baseAddress else { return }
        place(room: text.count).update(from: first, count: text.count)
        count += text.count
    }

    package mutating func append(_ word: StaticString) { word.withUTF8Buffer { append($0) } }

    package mutating func append(_ text: some Sequence<UInt8>) {
        if text.withContiguousStorageIfAvailable({ append($0) }) == nil { for byte in text { append(byte) } }
    }

    @inline(__always)
    package mutating func append(spaces length: Int) {
        guard length > 0 else { return }
        place(room: length).update(repeating: UInt8(ascii: " "), count: length)
        count += length
    }

    /// Appends the number in decimal, with a minus sign if it is negative.
    package mutating func append(decimal value: Int64) {
        count += Self.write(value, to: place(room: Self.longestNumber))
    }

    /// Writes the number at `place`, where there is room for the longest. The result is its length. Most numbers of a
    /// list have one digit, which needs no call.
    @inline(__always)
    static func write(_ value: Int64, to place: UnsafeMutablePointer<UInt8>) -> Int {
        guard (0..<10).contains(value) else {
            assert(longestNumber == Digits.longest)
            return Digits.write(value, to: place)
        }
        place.initialize(to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value))
        return 1
    }

    /// Reserves the next four bytes for a number that is known later. The result is its place for ``set(_:at:)``.
    @inline(__always)
    package mutating func reserveNumber() -> Int {
        let number = count
        _ = place(room: 4)
        count += 4
        return number
    }

    /// Writes the number as it lies in memory.
    @inline(__always)
    package mutating func set(_ number: UInt32, at place: Int) {
        precondition(place >= 0 && place + 4 <= count)
        UnsafeMutableRawPointer(start + place).storeBytes(of: number, as: UInt32.self)
    }

    private mutating func grow(_ room: Int) {
        capacity = max(count + room, capacity * 2)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: start, count: count)
        start.deallocate()
        start = larger
    }
}
