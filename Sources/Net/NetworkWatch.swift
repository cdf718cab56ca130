import NIOCore
package import Torrent

/// Notices when this machine gets or loses addresses, and when it was suspended.
package struct NetworkWatch {
    /// The machine was suspended if the clocks differ by more than this between two looks.
    private static let suspension = Duration.seconds(30)

    private var lookedAt: Instant
    private var addresses: Set<PeerAddress.Host>?
    private var uptime: SuspendingClock.Instant

    package init(now: Instant) {
        lookedAt = now
        uptime = .now
        addresses = Self.current
    }

    /// Returns the families that have changed since the last look, if it is time for one.
    package mutating func change(every interval: Duration, now: Instant) -> Set<AddressFamily>? {
        guard now - lookedAt >= interval else { return nil }
        let passed = now - lookedAt
        lookedAt = now
        let unsuspended = SuspendingClock.now - uptime
        uptime = .now
        let (before, current) = (addresses, Self.current)
        addresses = current ?? before
        if passed - unsuspended > Self.suspension { return Set(AddressFamily.allCases) }
        guard let before, let current else { return nil }
        let changed = Set(before.symmetricDifference(current).map { AddressFamily(of: $0) })
        return changed.isEmpty ? nil : changed
    }

    /// The addresses of this machine that others can reach; `nil` if the system doesn't report them.
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
