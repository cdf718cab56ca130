import NIOCore

/// The number of bytes that a socket collects before it wakes us (socket(7), SO_RCVLOWAT). Each wake-up has a fixed
/// cost, so fewer of them are better.
package struct ReceiveLowWatermark {
    /// The smallest useful value in bytes; below it, a wake-up is cheap compared to handling its data.
    private static let smallest = 64 << 10
    /// The largest value in bytes; above it, a read evicts its own data from the processor's cache.
    private static let largest = 256 << 10
    /// The maximum time in seconds for which a byte may wait for more bytes, at the expected rate.
    private static let gathering = 0.004
    /// How long a socket may be silent before the waiting data is read.
    static let patience = TimeAmount.milliseconds(20)

    /// The value for the socket option, in bytes.
    package private(set) var value = 1
    /// Whether data was read since this flag was last cleared.
    var hasRead = false
    var isWatched = false
    private var isRefused = false

    package init() {}

    /// Whether the socket may delay data.
    package var isRaised: Bool { value > 1 }

    /// Updates the value for `bytes` that will arrive at about `rate` bytes per second, and returns whether it changed.
    package mutating func expect(bytes: Int, rate: Double) -> Bool {
        guard !isRefused else { return false }
        let most = min(bytes / 4, Int(min(rate * Self.gathering, Double(Self.largest))))
        let wanted = most < Self.smallest ? 1 : 1 << (Int.bitWidth - 1 - most.leadingZeroBitCount)
        // A small change isn't worth a system call.
        if wanted == value || (wanted == value / 2 && wanted > 1) { return false }
        value = wanted
        return true
    }

    /// Resets the value because the peer sends less than it owes.
    mutating func lower() { value = 1 }

    /// Turns the watermark off because the system doesn't support it; every packet then wakes us.
    package mutating func refuse() {
        value = 1
        isRefused = true
    }
}
