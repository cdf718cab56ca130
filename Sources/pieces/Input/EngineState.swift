import Store
import SystemPackage

/// Whether an engine runs on a database, and since when it does or doesn't.
struct EngineState {
    let isRunning: Bool
    /// Of the running engine, as far as it has said so.
    let pid: Int32?
    /// When the running one began; when the last one stopped, or gave its last sign of life; `nil` when there was none.
    let since: Timestamp?
    /// The last sign of life of an engine that runs and has not said anything for too long; `nil` for all others.
    let silentSince: Timestamp?

    init(database: FilePath, _ connection: Connection?, now: Timestamp = .now()) throws(StoreError) {
        let last = try connection?.lastRun()
        if let holder = try DatabaseLock.holder(database: database) {
            isRunning = true
            pid = holder.pid
            since = holder.since ?? last?.startedAt
            silentSince = last.flatMap { now - $0.heartbeatAt > LiveRow.lifetime ? $0.heartbeatAt : nil }
        } else {
            isRunning = false
            pid = nil
            since = last.map { $0.stoppedAt ?? $0.heartbeatAt }
            silentSince = nil
        }
    }

    /// One sentence.
    var sentence: String {
        if isRunning {
            let process = pid.map { " (process \($0))" } ?? ""
            if let silentSince {
                return "the engine runs\(process), but could not write to the database since \(Format.moment(silentSince)): "
                    + "see what it says, and whether the database's disk is full or failing"
            }
            return "the engine runs\(process)" + (since.map { " since \(Format.moment($0))" } ?? "")
        }
        return since.map { "no engine has been running since \(Format.moment($0))" } ?? "no engine has run yet: start one with `pieces run`"
    }

    /// What a torrent's state means: without an engine nobody downloads, seeds or checks, whatever the last one wrote before it was killed.
    func state(of torrent: TorrentRow) -> TorrentState {
        guard !isRunning else { return torrent.state }
        return switch torrent.state {
        case .downloading, .checking, .seeding: torrent.settings.isPaused ? .paused : torrent.isComplete ? .complete : .queued
        default: torrent.state
        }
    }
}
