import Disk
import Logging
import Store
import Swarm
import SystemPackage
import Torrent

/// Checks where the payloads of dormant torrents are, without activating them: a torrent whose disk is away can't serve
/// (laws 3 and 5 of the design).
extension Session {
    /// The most output folders remembered.
    private static let placeLimit = 4096
    /// How long a torrent whose disk is away waits until the next check.
    static let lookAgainAfter = Duration.seconds(300)

    /// Output folders that recent checks found unreachable, and why.
    var foldersAway: [FileName: String] {
        let now = environment.clock.now
        return dormantTorrents.places.compactMapValues { known in
            guard case .away(let reason) = known.place, now - known.at < known.place.isBelievedFor else { return nil }
            return reason
        }
    }

    /// Whether the torrent can be announced, because its output folder is on the volume where it was. The result of one
    /// check is used for a while, for all torrents of the folder.
    ///
    /// If the folder is away, the torrent's state becomes offline. If another volume is in its place, the torrent is
    /// activated to check its files.
    func isInItsPlace(_ dormant: DormantTorrent) async -> Bool {
        let row = dormant.row
        let place = await place(of: row)
        guard !isStopping, engines[row.id] == nil, waking[row.id] == nil else { return false }
        switch place {
        case .away(let reason) where row.mayGoOffline:
            let unseen = unseenTime(FileName(row.output))
            await write("that \(row.name) is offline") { db, now throws(StoreError) in
                guard let row = try db.torrents.row(row.id), !row.settings.isPaused, row.mayGoOffline else { return }
                try db.torrents.goOffline([(row, reason, unseen)], pause: Self.lookAgainAfter, now: now)
            }
        case .away: await lookAwake(row.id)
        case .there(let volume?) where dormant.volume == volume:
            if row.state == .offline {
                await write("that \(row.name) is back") { db, now throws(StoreError) in
                    try db.torrents.comeBack(row.id, now: now)
                }
            }
            return true
        case .there(.some) where dormant.volume == nil && row.state != .offline: return true
        case .there:
            // A recent check found nothing there, and the torrent's own volume is not back.
            let isKnown =
                row.state == .offline && dormantTorrents.soughtUntil[row.id].map { environment.clock.now < $0 } ?? false
            if isKnown { await postpone(row.id, for: Self.lookAgainAfter) } else { await lookAwake(row.id) }
        }
        return false
    }

    /// Activates the torrent so that it finds out what is wrong, or that it has seeded enough, and updates its state.
    /// If a fault remains, its announces are postponed for a while.
    func lookAwake(_ id: TorrentID) async {
        // The torrent will be active soon: its turn in the line comes no later than for others.
        guard !slots.isWaiting(id) else { return await postpone(id, for: slots.rules.shortPatience) }
        let engine = await wake(id)
        guard !isStopping else { return }
        if let engine, engine.onLoop({ $0.waitsForDiskAlone }) {
            await putToSleep(id, sayingGoodbye: false)
            dormantTorrents.soughtUntil[id] = environment.clock.now + Self.leftAloneFor
            await postpone(id, for: Self.lookAgainAfter)
        } else if engine?.onLoop({ $0.hasFault }) ?? true {
            await postpone(id, for: Self.leftAloneFor)
        }
    }

    /// Whether the torrent's output folder is absent.
    func isAway(_ row: TorrentRow) async -> Bool {
        if case .away = await place(of: row) { true } else { false }
    }

    private func place(of row: TorrentRow) async -> Place {
        let now = environment.clock.now
        if let known = dormantTorrents.places[FileName(row.output)], now - known.at < known.place.isBelievedFor {
            return known.place
        }
        let root = FilePath(text: row.output)
        let place: Place
        switch await environment.disk.presence(of: Payload(folder: root, of: row.infoHash)) {
        case .present: place = .there(volume: await environment.disk.volume(at: root)?.identity)
        case .absent(let error): place = .away("\(error)")
        }
        if dormantTorrents.places.count >= Self.placeLimit { dormantTorrents.places = [:] }
        if case .there = place {
            if dormantTorrents.seenAt.count >= Self.placeLimit { dormantTorrents.seenAt = [:] }
            dormantTorrents.seenAt[FileName(row.output)] = .now
        }
        dormantTorrents.places[FileName(row.output)] = (now, place)
        return place
    }

    /// Marks a complete torrent at rest as seeding, because this engine keeps serving all torrents.
    func beginSeeding(_ row: TorrentRow) async {
        await write("that \(row.name) seeds") { db, _ throws(StoreError) in
            guard let row = try db.torrents.row(row.id), row.state == .complete, !row.settings.isPaused else { return }
            try db.torrents.setState(row.id, .seeding)
        }
    }

    private func postpone(_ id: TorrentID, for pause: Duration) async {
        await write("when torrent \(id) is checked again") { db, now throws(StoreError) in
            try db.trackers.postponeAnnounces(of: id, until: now + pause)
        }
    }

    /// Performs a write and logs its failure; `what` names the data in the log.
    func write(_ what: String, _ body: @Sendable (Connection, Timestamp) throws(StoreError) -> Void) async {
        let now = environment.clock.timestamp
        do {
            try await environment.store.perform { db throws(StoreError) in try body(db, now) }
        } catch {
            log.error("could not save \(what): \(error)")
        }
    }
}

extension Payload {
    /// A payload with only the output folder, which is enough to check whether the folder is present.
    fileprivate convenience init(folder: FilePath, of infoHash: InfoHash) {
        guard let layout = FileLayout(files: []),
            let geometry = Geometry(totalBytes: 0, pieceLength: Geometry.blockLength)
        else {
            preconditionFailure("no files take no bytes")
        }
        self.init(infoHash: infoHash, root: folder, layout: layout, geometry: geometry)
    }
}
