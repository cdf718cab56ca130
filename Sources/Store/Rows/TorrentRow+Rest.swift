extension TorrentRow {
    /// Whether an engine could not read the files when it looked last, or failed: then nobody calls the torrent
    /// complete, whatever is recorded.
    package var isFaulty: Bool { state == .offline || state == .error }

    /// The state of a torrent that no engine works on, as the user's wishes and what is recorded imply it.
    ///
    /// One that is complete and was never found to be so by an engine still waits for one: empty files of it may have
    /// to be made.
    package var stateAtRest: TorrentState {
        .atRest(isPaused: settings.isPaused, isComplete: isComplete && completedAt != nil)
    }
}

extension TorrentState {
    /// The state of a torrent that no engine works on.
    package static func atRest(isPaused: Bool, isComplete: Bool) -> TorrentState {
        isPaused ? .paused : isComplete ? .complete : .queued
    }
}
