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

    /// Starts waiting torrents for which there is room now.
    func lookForSpace() async {
        guard !isStopping, !space.waiting.isEmpty, !space.isLooking else { return }
        space.isLooking = true
        defer { space.isLooking = false }
        var rooms: [FilePath: SpacePlan.Room] = [:]
        var given: [UInt64: Int64] = [:]
        for (id, waiting) in space.waiting.sorted(by: { $0.key < $1.key }) {
            do {
                let (place, fresh) = try await self.room(at: waiting.folder, besides: id)
                let room = rooms[waiting.folder] ?? fresh
                rooms[waiting.folder] = room
                guard room.usable - given[place.device, default: 0] >= waiting.bytes else { continue }
                given[place.device, default: 0] += waiting.bytes
                space.waiting[id] = nil
                feed { $0.spaceIsFree(id, now: $1) }
            } catch {
                // Its activation tells what is wrong with the folder.
                space.waiting[id] = nil
                feed { $0.spaceIsFree(id, now: $1) }
            }
        }
    }

    /// The space of the volume that holds the folder, or will hold it.
    private func room(at folder: FilePath, besides id: TorrentID) async throws -> (SpaceAt, SpacePlan.Room) {
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
        let bytes = row.wantedBytes - selection.bytes(in: swarm.have, geometry: metainfo.geometry)
        return bytes > 0 ? SpacePlan.Need(device: device, bytes: bytes) : nil
    }
}
