import Disk
import Logging
import Store
import Swarm
import SystemPackage
import Torrent
import Verification

/// Torrents start only if what they lack fits on their volumes.
extension Session {
    /// Whether the torrent must wait for space; its state then says so. Otherwise what it needs is promised to it until
    /// its activation has ended.
    func waitsForSpace(_ loaded: TorrentLoader.Loaded) async throws -> Bool {
        let (id, row) = (loaded.row.id, loaded.row)
        space.waiting[id] = nil
        guard loaded.offline == nil, loaded.payload.protection == nil, !row.settings.isPaused else { return false }
        let missing =
            row.wantedBytes - loaded.selection.bytes(in: loaded.recorded, geometry: loaded.metainfo.geometry)
        guard missing > 0 else { return false }
        let (place, room) = try await self.room(at: loaded.payload.root, besides: id)
        var bytes = missing
        if room.shortage(of: bytes, in: row.output) != nil {
            // The files may have blocks already.
            bytes = min(missing, try await environment.disk.unallocated(loaded.payload))
        }
        guard let shortage = room.shortage(of: bytes, in: row.output) else {
            space.promises[id] = SpacePlan.Need(device: place.device, bytes: bytes)
            return false
        }
        log.info("\(row.name) \(shortage)")
        space.waiting[id] = SpacePlan.Waiting(
            bytes: bytes, folder: loaded.payload.root, reason: shortage)
        let isKnown = row.state == .noSpace
        try await environment.store.perform { [now = environment.clock.timestamp] db throws(StoreError) in
            try db.torrents.setState(id, .noSpace, error: shortage)
            if !isKnown { try db.events.append(.noSpace, shortage, torrent: id, now: now) }
        }
        return true
    }

    /// Starts waiting torrents for which there is room now. A folder that doesn't answer holds up no other.
    func lookForSpace() {
        guard !isStopping else { return }
        space.waiting = space.waiting.filter { machine.isTroubled($0.key) || activations[$0.key] != nil }
        for folder in Set(space.waiting.values.map(\.folder)) where space.looks.insert(folder).inserted {
            Task {
                await lookForSpace(in: folder)
                space.looks.remove(folder)
            }
        }
    }

    private func lookForSpace(in folder: FilePath) async {
        var usable: Int64
        // If the folder can't be looked at, the activation tells what is wrong with it.
        do { usable = try await room(at: folder).1.usable } catch { usable = .max }
        for (id, waiting) in space.waiting.sorted(by: { $0.key < $1.key })
        where waiting.folder == folder && waiting.bytes <= usable {
            usable -= waiting.bytes
            space.waiting[id] = nil
            feed { $0.spaceIsFree(id, now: $1) }
        }
    }

    /// The space of the volume that holds the folder, or will hold it.
    private func room(at folder: FilePath, besides id: TorrentID? = nil) async throws -> (SpaceAt, SpacePlan.Room) {
        let place = try await environment.disk.space(at: folder)
        let standard = environment.settings.reserve
        let sighting = place.volume.map { VolumeSighting($0) }
        let reserve = try await environment.store.perform { db throws(StoreError) in
            try sighting.flatMap { (found) throws(StoreError) in try db.volumes.match(found)?.reserveBytes } ?? standard
        }
        let active = engines.filter { $0.key != id }.values.map { engine in engine.onLoop { $0.spaceNeed } }
        let loading = space.promises.filter { $0.key != id && engines[$0.key] == nil }.map(\.value)
        let promised = (active.compactMap(\.self) + loading).filter { $0.device == place.device }
            .reduce(Int64(0)) { $0 &+ $1.bytes }
        return (place, SpacePlan.Room(free: place.freeBytes, reserve: reserve, promised: promised))
    }
}

extension TorrentEngine {
    /// What the download still needs; `nil` if it needs nothing, or its volume isn't known.
    var spaceNeed: SpacePlan.Need? {
        guard let device = payload.device, payload.protection == nil, swarm.fault?.kind != .offline,
            !row.settings.allocatesFull
        else { return nil }
        // What is still to be checked has its place on the disk already, as far as it exists.
        var there = swarm.have
        there.formUnion(swarm.unverified)
        let bytes = row.wantedBytes - selection.bytes(in: there, geometry: metainfo.geometry)
        return bytes > 0 ? SpacePlan.Need(device: device, bytes: bytes) : nil
    }
}
