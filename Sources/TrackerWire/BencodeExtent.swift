/// Finds the end of the bencoded value at the beginning of a stream, without keeping any data.
struct BencodeExtent {
    private enum State {
        /// A value or the end of a container is next.
        case value
        case integer
        case length(Int)
        case string(left: Int)
        case whole
        case broken
    }

    /// The number of bytes that were scanned.
    private(set) var scanned = 0
    private var state = State.value
    private var depth = 0
    private var isAtStart = true

    /// Whether the value has ended.
    var isWhole: Bool {
        if case .whole = state { true } else { false }
    }

    /// Whether the stream can still become a complete value.
    var isOpen: Bool {
        switch state {
        case .whole, .broken: false
        default: true
        }
    }

    /// Scans the bytes of the stream that were not scanned before.
    mutating func scan(_ stream: [UInt8]) {
        while scanned < stream.count, isOpen {
            if case .string(let left) = state {
                let taken = min(left, stream.count - scanned)
                scanned += taken
                if taken == left { close() } else { state = .string(left: left - taken) }
            } else {
                scan(stream[scanned])
                scanned += 1
            }
        }
        scanned = stream.count
    }

    private mutating func scan(_ byte: UInt8) {
        switch (state, byte) {
        case (.value, UInt8(ascii: "d")), (.value, UInt8(ascii: "l")): depth += 1
        case (.value, UInt8(ascii: "i")): state = .integer
        case (.value, UInt8(ascii: "e")) where depth > 0:
            depth -= 1
            close()
        case (.value, UInt8(ascii: "0")...UInt8(ascii: "9")): state = .length(Int(byte - UInt8(ascii: "0")))
        case (.value, _) where isAtStart && HTTPAnswer.isPreamble(byte): return
        case (.integer, UInt8(ascii: "e")): close()
        case (.integer, UInt8(ascii: "0")...UInt8(ascii: "9")), (.integer, UInt8(ascii: "-")): break
        case (.length(let length), UInt8(ascii: "0")...UInt8(ascii: "9")) where length <= HTTPAnswer.maximumLength:
            state = .length(length * 10 + Int(byte - UInt8(ascii: "0")))
        case (.length(0), UInt8(ascii: ":")): close()
        case (.length(let length), UInt8(ascii: ":")): state = .string(left: length)
        default: state = .broken
        }
        isAtStart = false
    }

    /// Handles the end of a value; the end of the outermost value is the end of the whole.
    private mutating func close() { state = depth == 0 ? .whole : .value }
}
