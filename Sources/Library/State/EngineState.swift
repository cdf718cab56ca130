import Store
import SystemPackage
import Torrent

/// Whether an engine runs on a database, and since when it does or doesn't.
package struct EngineState: Sendable {
    package let isRunning: Bool
    /// Whether that can't be told: only the database's owner may ask its lock, and the system doesn't say either.
    package let isUnknown: Bool
    /// Of the running engine, as far as it has said so.
    package let pid: Int32?
    /// When the running one began, as far as it is known; when the last one stopped, or gave its last sign of life;
    /// `nil` when there was none.
    package let since: Timestamp?
    /// The last sign of life of an engine that runs and has not said anything for too long; `nil` for all others.
    package let silentSince: Timestamp?

    package init(isRunning: Bool, pid: Int32?, since: Timestamp?) {
        self.isRunning = isRunning
        isUnknown = false
        self.pid = pid
        self.since = since
        silentSince = nil
    }

    package init(database: FilePath, _ connection: Connection?, now: Timestamp = .now()) throws(StoreError) {
        let last = try connection?.lastRun()
        let occupancy = try DatabaseLock.occupancy(database: database, last: last, now: now)
        isUnknown = occupancy == .unknown
        if case .held(let holder) = occupancy {
            isRunning = true
            pid = holder.pid
            // Where the holder isn't known, the last run may be one that ended.
            since = holder.since ?? (last?.stoppedAt == nil ? last?.startedAt : nil)
            // One that has just begun says nothing before it has opened the database.
            silentSince = last.flatMap { last in
                holder.since.map { max(last.heartbeatAt, $0) }.flatMap { now - $0 > LiveRow.lifetime ? $0 : nil }
            }
        } else {
            isRunning = false
            pid = nil
            since = last.map { $0.stoppedAt ?? $0.heartbeatAt }
            silentSince = nil
        }
    }

    /// One sentence.
    package var sentence: String {
        if isRunning {
            let process = pid.map { " (process \($0))" } ?? ""
            if let silentSince {
                return
                    "the engine is running\(process), but has not written to the database since \(Format.moment(silentSince)): "
                    + "check its messages, and whether the database's disk is full or failing"
            }
            return "the engine is running\(process)" + (since.map { " since \(Format.moment($0))" } ?? "")
        }
        if isUnknown {
            return "cannot tell whether an engine is running: only the owner of the database can see that"
                + (since.map { "; one was last seen \(Format.moment($0))" } ?? "")
        }
        return since.map { "no engine is running; the last one was seen \(Format.moment($0))" }
            ?? "no engine has run yet: start one with `pieces run`"
    }

    /// What a torrent's state means: without an engine nobody downloads, seeds or checks, whatever the last one wrote
    /// before it was killed.
    package func state(of torrent: StatusLine) -> TorrentState {
        meaning(of: torrent.state, isPaused: torrent.isPaused, isComplete: torrent.isComplete)
    }

    package func state(of torrent: TorrentRow) -> TorrentState {
        meaning(of: torrent.state, isPaused: torrent.settings.isPaused, isComplete: torrent.isComplete)
    }

    private func meaning(of state: TorrentState, isPaused: Bool, isComplete: Bool) -> TorrentState {
        guard !isRunning else { return state }
        return switch state {
        case .downloading, .checking, .seeding: .atRest(isPaused: isPaused, isComplete: isComplete)
        default: state
        }
    }

    /// What the engine that runs says of the torrent; `nil` when none runs, and when what was said is too old.
    package func live(_ torrent: StatusLine, _ now: Timestamp) -> LiveRow? {
        guard isRunning, let live = torrent.live, live.isFresh(now) else { return nil }
        return live
    }
}
