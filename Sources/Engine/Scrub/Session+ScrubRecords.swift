import Disk
import Logging
import Store
import Swarm
import Torrent
import Verification

/// What scrubs have found is recorded, and damage is repaired.
extension Session {
    func breakOff(on id: ScrubMachine.ReaderID, because error: DiskError) async {
        guard let turn = scrub?.turns[id] else { return }
        log.info("the scrub of torrent \(turn.id) was broken off: \(error)")
        let isAway = await isVolumeAway(turn.torrent)
        feedScrub { machine, now in machine.brokeOff(on: id, isVolumeAway: isAway, now: now) }
    }

    /// Records damage at once; then the pieces lose their claims, and peers are informed. If the database refuses, the
    /// turn keeps what it found, and this is tried again after the next read.
    func recordDamage(on id: ScrubMachine.ReaderID) async {
        guard let turn = scrub?.turns[id], turn.hasDamage else { return }
        // A torrent that is being loaded has read its claims, or reads them after this record.
        _ = await activations[turn.id]?.value
        guard var record = scrub?.turns[id]?.takeRecord(isLast: false) else { return }
        if engines[turn.id] == nil { record.dormant = turn.torrent }
        let damage = record.damage
        let outcome = await written(record)
        guard outcome.error == nil else {
            scrub?.turns[id]?.putBack(record)
            return
        }
        _ = await activations[turn.id]?.value
        if let engine = engines[turn.id] {
            engine.onLoop { $0.damaged(damage) }
        } else {
            // The torrent became dormant meanwhile: its engine can't take the claims any more.
            if record.dormant == nil, !damage.isEmpty { await takeClaims(of: turn.torrent, damage) }
            if damage.contains(where: { !$0.isHeld }) { await enqueueRepair(of: turn.id) }
        }
        observe(turn.id)
    }

    private func takeClaims(of torrent: StoredTorrent, _ damage: [NewDamage]) async {
        var record = ScrubRecord(torrent: torrent.row.id, volume: nil)
        record.damage = damage
        record.isRepeated = true
        record.dormant = torrent
        _ = await written(record)
    }

    /// Activates a torrent with damage that can be repaired, as soon as it gets a slot.
    private func enqueueRepair(of id: TorrentID) async {
        do {
            let row = try await environment.store.perform { db throws(StoreError) in try db.torrents.row(id) }
            guard let row, !row.settings.isPaused, row.damage == nil else { return }
            feed { machine, _ in machine.damagedAtRest(id) }
            try await putInLine(row)
        } catch {
            log.error("could not queue the repair of torrent \(id): \(error)")
        }
    }

    func endTurn(on id: ScrubMachine.ReaderID) async {
        await recordDamage(on: id)
        // Damage that the database refuses is found again: the turn's pages stay as old as they were.
        if let turn = scrub?.turns[id], !turn.hasDamage {
            let settled = turn.settledFiles()
            if !settled.isEmpty {
                let files = await environment.disk.settle(settled, of: turn.payload).filter {
                    turn.changed[$0.file] == $0
                }
                scrub?.turns[id]?.settled(files)
            }
            let isLast = scrub?.turns[id]?.pages.isEmpty ?? true
            if let record = scrub?.turns[id]?.takeRecord(isLast: isLast) {
                _ = await written(record)
            }
        }
        scrub?.turns[id] = nil
        feedScrub { machine, now in machine.ended(on: id, now: now) }
    }

    // MARK: Repair

    /// The user asked for the repair of the torrent's damage.
    func repair(_ id: TorrentID) async throws {
        _ = await activations[id]?.value
        let (row, damage) = try await environment.store.perform { db throws(StoreError) in
            (try db.torrents.row(id), try db.damage.standing(of: id))
        }
        guard let row else { return }
        if let engine = engines[id] {
            guard !engine.onLoop({ $0.mustReload(for: damage) }) else {
                // The edited files count as the torrent's own from the next start on.
                await deactivate(id, .reloads)
                await activate(id, isAhead: true)
                return observe(id)
            }
            engine.onLoop { $0.damageIs(damage) }
            observe(id)
        } else if !row.settings.isPaused, damage.contains(where: { $0.state != .held }) {
            await enqueueRepair(of: id)
        }
    }
}
