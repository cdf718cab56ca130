import NIOCore
package import Torrent

/// Notices when this machine gets or loses addresses, and when it was suspended.
package struct NetworkWatch {
    /// The machine was suspended if the clocks differ by more than this between two looks.
    private static let suspension = Duration.seconds(30)

    /// The addresses of this machine that others can reach; `nil` if the system doesn't report them.
    package typealias Look = @Sendable () -> Set<PeerAddress.Host>?

    private let look: Look
    private var lookedAt: Instant
    private var addresses: Set<PeerAddress.Host>?
    private var uptime: SuspendingClock.Instant

    /// Only tests replace `look`, which asks the system.
    package init(now: Instant, look: @escaping Look = { Self.current }) {
        self.look = look
        lookedAt = now
        uptime = .now
        addresses = look()
    }

    /// Returns the families that have changed since the last look, if it is time for one.
    package mutating func change(every interval: Duration, now: Instant) -> Set<AddressFamily>? {
        guard now - lookedAt >= interval else { return nil }
        let passed = now - lookedAt
        lookedAt = now
        let unsuspended = SuspendingClock.now - uptime
        uptime = .now
        let (before, current) = (addresses, look())
        addresses = current ?? before
        if passed - unsuspended > Self.suspension { return Set(AddressFamily.allCases) }
        guard let before, let current else { return nil }
        let changed = Set(before.symmetricDifference(current).map { AddressFamily(of: $0) })
        return changed.isEmpty ? nil : changed
    }

    private static var current: Set<PeerAddress.Host>? {
        do {
            return Set(
                try System.enumerateDevices().compactMap { $0.address.flatMap { PeerAddress($0)?.host } }
                    .filter { $0.reach != .loopback && $0.reach != .link })
        } catch {
            return nil
        }
    }
}
