import Library

/// A time to wait, or `none` to wait forever.
enum Patience: Hashable, Sendable {
    case forever
    case time(Duration)

    init(_ text: String) throws {
        self = text.lowercased() == "none" ? .forever : .time(try TimeSpan.parse(text))
    }

    var limit: Duration? {
        if case .time(let time) = self { time } else { nil }
    }
}

/// Parses the piece length of a new torrent.
enum PieceLength {
    /// The powers of two in this range are the lengths that clients accept.
    private static let range: ClosedRange<Int64> = 16 << 10...64 << 20

    static func parse(_ text: String) throws -> Int {
        guard let bytes = Quantity.bytes(text), range.contains(bytes), bytes.nonzeroBitCount == 1 else {
            throw BadValue("give a power of two from 16K to 64M, for example 256K or 1M")
        }
        return Int(bytes)
    }
}
