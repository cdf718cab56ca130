import Disk
import Logging
import Store
import Swarm
import Torrent
import Verification

/// Where the volumes are, and what follows when one comes back.
extension Session {
    /// The identity under which the database knows the volume; its own if it doesn't.
    func recordedIdentity(of volume: Volume?) async -> String? {
        guard let volume else { return nil }
        do {
            return try await environment.store.perform { db throws(StoreError) in
                try db.volumes.match(VolumeSighting(volume))?.identity
            } ?? volume.identity
        } catch {
            log.error("could not read the volumes: \(error)")
            return volume.identity
        }
    }

    /// Looks at the volumes if that is due, each by itself, because a server that is away may never answer.
    func watchVolumes() async {
        let now = environment.clock.now
        guard !isStopping else { return }
        let isDue = volumes.isDue(now: now)
        guard isDue || !volumes.looks.isEmpty else { return }
        do {
            let rows = try await environment.store.perform { db throws(StoreError) in try db.volumes.rows() }
            for row in rows {
                if volumes.isSilent(row.id, now: now) {
                    await note(row, .silent, nil)
                } else if isDue, volumes.begins(row.id, now: now) {
                    Task {
                        let (state, space) = await environment.disk.state(of: row.known, at: row.mountPath)
                        volumes.ended(row.id)
                        await note(row, state, space)
                    }
                }
            }
        } catch {
            log.error("could not read the volumes: \(error)")
        }
    }

    private func note(_ row: VolumeRow, _ state: VolumeState, _ space: VolumeSpace?) async {
        guard !isStopping else { return }
        let title = row.title
        await write("where the volume \(title) is") { db, now throws(StoreError) in
            guard let row = try db.volumes.row(row.id) else { return }
            try db.volumes.note(
                row, state: state.word, isOnline: state.isOnline, free: space?.freeBytes, total: space?.totalBytes,
                now: now)
            let wasOnline = row.offlineSince == nil
            if wasOnline != state.isOnline {
                try db.events.append(
                    wasOnline ? .offline : .online, "the volume \(title) \(state.clause(at: row.mountPath))", now: now)
            }
        }
        // A volume that doesn't answer may only be slow.
        guard state != .silent, volumes.noted(row.id, isOnline: state.isOnline) else { return }
        if row.isForeign {
            // What is mounted there may be the volume all the same: its torrents find out, once in each run.
            await volumeIsBack(row.id)
        } else if state.isOnline {
            if row.offlineSince != nil { await volumeIsBack(row.id) }
        } else {
            await volumeIsAway(row, state)
        }
    }

    /// Records complete torrents at rest as offline, because their volume isn't there. Otherwise this would be found
    /// out at their next announce, and without a tracker never.
    private func volumeIsAway(_ volume: VolumeRow, _ state: VolumeState) async {
        var last: TorrentID?
        do {
            while !isStopping, volumes.isAway(volume.id) {
                let rows = try await environment.store.perform { [last] db throws(StoreError) in
                    try db.torrents.seedsAtRest(on: volume.id, after: last, limit: Self.notedAtOnce)
                }
                guard let end = rows.last else { return }
                last = end.id
                var offline: [(row: TorrentRow, reason: String, unseen: Duration)] = []
                for row in rows where !machine.isRunning(row.id) && isInScope(row.id) && row.mayGoOffline {
                    let unseen = machine.folders.unseenTime(FileName(row.output), uptime: .now)
                    switch await folderStatus(of: row) {
                    case .away(let reason): offline.append((row, reason, unseen))
                    case .there where state == .emptyMountPoint && PathText.isSame(row.output, volume.mountPath):
                        offline.append((row, "\(volume.title) \(state.clause(at: volume.mountPath))", unseen))
                    // Its files may be here all the same: it finds out itself.
                    case .there:
                        let dormant = try await environment.store.perform { db throws(StoreError) in
                            DormantTorrent(row: row, trackers: [], volume: try db.volumes.trustedIdentity(of: row))
                        }
                        _ = await isInItsPlace(dormant)
                    }
                }
                let gone = offline.filter { machine.isDormant($0.row.id) }
                guard !gone.isEmpty else { continue }
                await write("what is offline with the volume \(volume.title)") { db, now throws(StoreError) in
                    try db.torrents.goOffline(gone, pause: FolderPresence.lookAgainAfter, now: now)
                }
            }
        } catch {
            log.error("could not look at the torrents of \(volume.title): \(error)")
        }
    }

    /// Torrents that are noted as offline in one transaction.
    private static let notedAtOnce = 500

    /// Has the offline torrents of a volume looked at: it is back, or was found on this machine.
    func volumeIsBack(_ id: VolumeID) async {
        machine.folders.forget()
        feedScrub { machine, now in machine.volumeIsBack(id, now: now) }
        for engine in engines.values where engine.hasVolume(id) {
            engine.onLoop { engine in engine.feed { $0.hastenProbe(of: .offline, now: $1) } }
        }
        let now = environment.clock.timestamp
        do {
            let silent = try await environment.store.perform { db throws(StoreError) in
                try db.volumes.hastenOffline(on: id, now: now)
            }
            for torrent in silent where !isStopping && !machine.isRunning(torrent) {
                let dormant = try await environment.store.perform { db throws(StoreError) -> DormantTorrent? in
                    guard let row = try db.torrents.row(torrent), row.isComplete, row.damage == nil else { return nil }
                    return DormantTorrent(row: row, trackers: [], volume: try db.volumes.trustedIdentity(of: row))
                }
                if let dormant, isInScope(torrent) { _ = await isInItsPlace(dormant) }
            }
        } catch {
            log.error("could not look at the torrents of volume \(id.rawValue): \(error)")
        }
    }
}

extension TorrentEngine {
    nonisolated fileprivate func hasVolume(_ id: VolumeID) -> Bool { assumeIsolated { $0.row.volume == id } }
}
