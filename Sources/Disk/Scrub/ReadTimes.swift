import Glibc
import Synchronization

/// How long reads for peers take on a device, while a scrub reads there and while none does: a scrub backs off by it.
package final class ReadTimes: Sendable {
    /// Some reads on a device.
    package struct Sum: Sendable, Hashable {
        package var count = 0
        package var total = Duration.zero

        package init(count: Int = 0, total: Duration = .zero) {
            self.count = count
            self.total = total
        }

        package var mean: Duration? { count > 0 ? total / count : nil }

        mutating func add(_ time: Duration) {
            count += 1
            total += time
        }
    }

    /// The reads on a device since they were last taken.
    package struct Device: Sendable, Hashable {
        /// Reads while no scrub read anything there.
        package var quiet = Sum()
        /// Reads beside those of a scrub.
        package var disturbed = Sum()

        package init(quiet: Sum = Sum(), disturbed: Sum = Sum()) {
            self.quiet = quiet
            self.disturbed = disturbed
        }
    }

    private struct State {
        var scrubs: [UInt64: Int] = [:]
        /// How many reads for peers are under way on the device.
        var underWay: [UInt64: Int] = [:]
        /// How often a scrub began on the device.
        var beginnings: [UInt64: Int] = [:]
        var devices: [UInt64: Device] = [:]

        /// A read for a peer ended.
        mutating func ended(on device: UInt64) {
            let left = (underWay[device] ?? 1) - 1
            underWay[device] = left > 0 ? left : nil
        }
    }

    /// How long a call of a scrub waits for reads for peers at most, and how often it looks: a device that always reads
    /// for peers is still verified.
    private static let (patience, look) = (Duration.milliseconds(5), Duration.microseconds(100))

    private let state = Mutex(State())

    package init() {}

    /// Takes what was measured on the device.
    package func take(_ device: UInt64) -> Device {
        state.withLock { $0.devices.removeValue(forKey: device) ?? Device() }
    }

    package func isReadingForPeers(on device: UInt64) -> Bool { state.withLock { $0.underWay[device] != nil } }

    /// Waits while reads for peers are under way on the device, for a moment.
    package func letPeersRead(on device: UInt64?) {
        guard let device else { return }
        var waited = Duration.zero
        while waited < Self.patience, isReadingForPeers(on: device) {
            usleep(UInt32(Self.look / .microseconds(1)))
            waited += Self.look
        }
    }

    func scrubBegan(on device: UInt64?) {
        guard let device else { return }
        state.withLock { state in
            state.scrubs[device, default: 0] += 1
            state.beginnings[device, default: 0] += 1
        }
    }

    func scrubEnded(on device: UInt64?) {
        guard let device else { return }
        state.withLock { state in
            let left = (state.scrubs[device] ?? 1) - 1
            state.scrubs[device] = left > 0 ? left : nil
        }
    }

    /// Measures a read for a peer. It counts as disturbed if a scrub was reading at its beginning, or began meanwhile.
    package func measure<Value>(on device: UInt64?, _ read: () throws(DiskError) -> Value) throws(DiskError) -> Value {
        guard let device else { return try read() }
        let (wasScrubbed, beginnings) = state.withLock { state in
            state.underWay[device, default: 0] += 1
            return ((state.scrubs[device] ?? 0) > 0, state.beginnings[device] ?? 0)
        }
        defer { state.withLock { $0.ended(on: device) } }
        let began = ContinuousClock.now
        let value = try read()
        let time = ContinuousClock.now - began
        state.withLock { state in
            let isDisturbed = wasScrubbed || state.beginnings[device] ?? 0 != beginnings
            if isDisturbed {
                state.devices[device, default: Device()].disturbed.add(time)
            } else {
                state.devices[device, default: Device()].quiet.add(time)
            }
        }
        return value
    }
}
