package import Store
package import SystemPackage
package import Torrent

/// Whether an engine is running on a database, and since when.
package struct EngineState: Sendable {
    package let isRunning: Bool
    /// Whether the state can't be determined: only the database's owner may check its lock, and the system gives no
    /// other answer.
    package let isUnknown: Bool
    /// The process ID of the running engine, if the engine has recorded it.
    package let pid: Int32?
    /// When the running engine started, if known. If none is running, when the last engine stopped or wrote its last
    /// heartbeat; `nil` if there was none.
    package let since: Timestamp?
    /// The last heartbeat of a running engine that has been silent for too long; `nil` for all other engines.
    package let silentSince: Timestamp?

    package init(isRunning: Bool, pid: Int32?, since: Timestamp?) {
        self.isRunning = isRunning
        isUnknown = false
        self.pid = pid
        self.since = since
        silentSince = nil
    }

    package init(database: FilePath, _ connection: Connection?, now: Timestamp = .now()) throws(StoreError) {
        let last = try connection?.runs.last()
        let occupancy = try DatabaseLock.occupancy(database: database, last: last, now: now)
        isUnknown = occupancy == .unknown
        if case .held(let holder) = occupancy {
            isRunning = true
            pid = holder.pid
            // If the holder isn't known, the last run may have ended.
            since = holder.since ?? (last?.stoppedAt == nil ? last?.startedAt : nil)
            // An engine that has just started writes no heartbeat before it has opened the database.
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

    /// The state in one sentence.
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

    /// The effective state of a torrent. Without an engine, no torrent downloads, seeds or is checked, even if a killed
    /// engine left such a state in the database.
    package func state(of torrent: StatusLine) -> TorrentState {
        meaning(of: torrent.state, isPaused: torrent.isPaused, isComplete: torrent.isComplete)
    }

    package func state(of torrent: TorrentRow) -> TorrentState {
        meaning(of: torrent.state, isPaused: torrent.settings.isPaused, isComplete: torrent.isComplete)
    }

    /// Whether a torrent in this effective state is to be downloaded, but no engine runs that could.
    package func isStopped(_ state: TorrentState) -> Bool { state == .queued && !isRunning && !isUnknown }

    /// The effective state as people read it: a torrent that waits for an engine, not for a slot, is stopped. JSON has
    /// the state itself.
    package func word(for state: TorrentState) -> String { isStopped(state) ? "stopped" : state.word }

    /// The same for a torrent that may lack pieces because of damage that stands. Engines are done with such a torrent,
    /// and seed what is left of it, which may be nothing.
    package func word(for state: TorrentState, isDamaged: Bool) -> String {
        isDamaged && Self.isDone(state) ? Self.damaged : word(for: state)
    }

    /// Whether nothing is to be downloaded in this state.
    package static func isDone(_ state: TorrentState) -> Bool { state == .seeding || state == .complete }

    package static let damaged = "damaged"

    private func meaning(of state: TorrentState, isPaused: Bool, isComplete: Bool) -> TorrentState {
        guard !isRunning else { return state }
        return switch state {
        case .downloading, .checking, .seeding: .atRest(isPaused: isPaused, isComplete: isComplete)
        default: state
        }
    }

    /// The live status of the torrent; `nil` if no engine is running or the status is too old.
    package func live(_ torrent: StatusLine, _ now: Timestamp) -> LiveRow? {
        guard isRunning, let live = torrent.live, live.isFresh(now) else { return nil }
        return live
    }
}
