import Disk
import Logging
import Store
import Swarm
import Torrent

/// Torrents whose payload a command moves to another folder. The engine closes their files and leaves them alone: their
/// rows say paused until the move is over.
extension Session {
    /// Deactivates the torrent, and notes that its files are closed.
    func releaseForMove(_ id: TorrentID) async throws {
        feed { machine, _ in machine.changed(id, isPaused: true) }
        // A torrent that is being loaded may look at its files until its load ends.
        _ = await activations[id]?.value
        await departures[id]?.value
        let infoHash = try await environment.store.perform { db throws(StoreError) in
            try db.torrents.row(id)?.infoHash
        }
        if let infoHash { environment.disk.release(infoHash) }
        let run = runID
        try await environment.store.perform { db throws(StoreError) in try db.moves.release(id, by: run) }
        endIfDone()
    }

    /// Whether a command is moving the torrent's payload, so that it can't be activated.
    func isBeingMoved(_ id: TorrentID) async throws -> Bool {
        try await environment.store.perform { db throws(StoreError) in try db.moves.isHeld(id) }
    }
}
