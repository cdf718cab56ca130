import Store

extension Connection {
    /// A command changed the torrent and left its state to the engine, which doesn't work on it: the state follows the
    /// row, and all else that was asked for stands there for an engine that does.
    ///
    /// What an engine couldn't go on with stays so until one tries again, unless it was paused.
    package func settleAtRest(_ id: TorrentID) throws(StoreError) {
        guard let row = try torrent(id), row.stateAtRest != row.state else { return }
        if row.settings.isPaused || ![.error, .offline].contains(row.state) { try setState(id, row.stateAtRest) }
    }
}
