import Store

extension Connection {
    /// Updates the state of a torrent that a command changed and that no engine works on, so that it matches the row.
    /// Other requests stay in the row for an engine that works on the torrent.
    ///
    /// An error or offline state stays until an engine retries, unless the torrent was paused.
    package func settleAtRest(_ id: TorrentID) throws(StoreError) {
        guard let row = try torrent(id), row.stateAtRest != row.state else { return }
        if row.settings.isPaused || ![.error, .offline].contains(row.state) { try setState(id, row.stateAtRest) }
    }
}
