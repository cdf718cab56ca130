package import Torrent

/// Remembers which output folders were present. The result of one check is used for a while, for all torrents of the
/// folder.
package struct FolderPresence {
    /// The most output folders remembered.
    private static let limit = 4096
    /// How long a torrent whose disk is away waits until the next check.
    static let lookAgainAfter = Duration.seconds(300)

    private struct Known {
        let at: Instant
        let status: FolderStatus

        func isBelieved(now: Instant) -> Bool { now - at < status.isBelievedFor }
    }

    private let began: SuspendingClock.Instant
    private var known: [FileName: Known] = [:]
    private var seenAt: [FileName: SuspendingClock.Instant] = [:]

    package init(began: SuspendingClock.Instant) { self.began = began }

    /// The folder's status, if a recent check knows it.
    package func status(of folder: FileName, now: Instant) -> FolderStatus? {
        known[folder].flatMap { $0.isBelieved(now: now) ? $0.status : nil }
    }

    /// Forgets the checks, because a volume came back.
    mutating func forget() { known = [:] }

    /// Folders that recent checks found unreachable, and why.
    package func away(now: Instant) -> [FileName: String] {
        known.compactMapValues { known in
            guard case .away(let reason) = known.status, known.isBelieved(now: now) else { return nil }
            return reason
        }
    }

    package mutating func found(
        _ status: FolderStatus, of folder: FileName, now: Instant, uptime: SuspendingClock.Instant
    ) {
        if known.count >= Self.limit { known = [:] }
        known[folder] = Known(at: now, status: status)
        guard case .there = status else { return }
        if seenAt.count >= Self.limit { seenAt = [:] }
        seenAt[folder] = uptime
    }

    /// Returns the time since the folder was last seen, and a second more, because the last check may be older.
    package func unseenTime(_ folder: FileName, uptime: SuspendingClock.Instant) -> Duration {
        uptime - (seenAt[folder] ?? began) + .seconds(1)
    }
}
