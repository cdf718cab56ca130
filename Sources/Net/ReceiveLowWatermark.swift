import NIOCore

/// How many bytes a socket gathers before it wakes us (socket(7), SO_RCVLOWAT): each wake costs the same, whatever it
/// brings.
struct ReceiveLowWatermark {
    /// Below it a wake is cheap beside what it brings.
    private static let smallest = 64 << 10
    /// Above it a read pushes its own bytes out of the processor's cache.
    private static let largest = 256 << 10
    /// Seconds for which a byte waits for others at most, at the rate at which they come.
    private static let gathering = 0.004
    /// How long a socket may be silent before what it has is read.
    static let patience = TimeAmount.milliseconds(20)

    /// What the socket is to be told.
    private(set) var value = 1
    /// Whether something was read since this was made false.
    var hasRead = false
    var isWatched = false
    private var isRefused = false

    /// Whether the socket may hold bytes back.
    var isRaised: Bool { value > 1 }

    /// Whether the value is another now that `bytes` are sure to come, at about `rate` bytes a second.
    mutating func expect(bytes: Int, rate: Double) -> Bool {
        guard !isRefused else { return false }
        let most = min(bytes / 4, Int(min(rate * Self.gathering, Double(Self.largest))))
        let wanted = most < Self.smallest ? 1 : 1 << (Int.bitWidth - 1 - most.leadingZeroBitCount)
        // A little more or less isn't worth a call.
        if wanted == value || (wanted == value / 2 && wanted > 1) { return false }
        value = wanted
        return true
    }

    /// The peer says less than it owes.
    mutating func lower() { value = 1 }

    /// The system has no such thing: every packet wakes us, as ever.
    mutating func refuse() {
        value = 1
        isRefused = true
    }
}
