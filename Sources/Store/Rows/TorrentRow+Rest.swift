extension TorrentRow {
    /// Whether an engine could not read the files when it looked last, or failed: then nobody calls the torrent
    /// complete, whatever is recorded.
    package var isFaulty: Bool { state == .offline || state == .error }

    /// The state of a torrent that no engine works on, as the user's wishes and what is recorded imply it.
    ///
    /// One that is complete and was never found to be so by an engine still waits for one: empty files of it may have
    /// to be made.
    package var stateAtRest: TorrentState {
        if settings.isPaused { return .paused }
        return isComplete && completedAt != nil ? .complete : .queued
    }
}
