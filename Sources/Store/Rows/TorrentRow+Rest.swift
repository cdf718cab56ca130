extension TorrentRow {
    /// Whether an engine could not read the files when it last looked, or failed. Such a torrent is never reported as
    /// complete, whatever is recorded.
    package var isFaulty: Bool { state == .offline || state == .error }

    /// Whether an engine serves what is there of the torrent and fetches nothing, because the payload is read-only.
    package var isServedAsItIs: Bool { state == .error && errorCode == .readOnly }

    /// The state of a torrent that no engine works on, derived from the user's settings and the recorded progress.
    ///
    /// A torrent that has all its bytes but was never completed by an engine is queued, because its empty files may
    /// still have to be created.
    package var stateAtRest: TorrentState {
        guard hasMetadata else { return settings.isPaused ? .paused : .metadata }
        return .atRest(isPaused: settings.isPaused, isComplete: isComplete && completedAt != nil)
    }
}
