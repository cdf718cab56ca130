/// Finds the end of the bencoded value that a stream begins with, without keeping any of it.
struct BencodeExtent {
    private enum State {
        /// A value, or the end of a container.
        case value
        case integer
        case length(Int)
        case string(left: Int)
        case whole
        case broken
    }

    /// What was scanned of the stream.
    private(set) var scanned = 0
    private var state = State.value
    private var depth = 0
    private var isAtStart = true

    /// Whether the value has ended.
    var isWhole: Bool {
        if case .whole = state { true } else { false }
    }

    /// Whether the stream may still become a whole value.
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

    /// A value has ended: the outermost one is the whole.
    private mutating func close() { state = depth == 0 ? .whole : .value }
}
