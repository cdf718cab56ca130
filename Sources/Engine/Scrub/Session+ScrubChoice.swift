import Disk
import Logging
import NIOCore
import Store
import Swarm
import System
import SystemPackage
import Torrent
import Verification

/// Which torrents a scrub reads: what is on which device, what is due, and how a torrent's turn begins.
extension Session {
    // MARK: Which torrents

    func surveyVolumes() async {
        var surveys: [ScrubMachine.Survey] = []
        do {
            let (loads, rows) = try await environment.store.perform { db throws(StoreError) in
                (try db.scrubs.loads(), try db.volumes.rows())
            }
            let byVolume = Dictionary(grouping: loads, by: \.volume)
            let devices = await devices(of: rows.filter { byVolume[$0.id] != nil })
            for row in rows {
                guard let loads = byVolume[row.id] else { continue }
                let names = devices[row.id]
                surveys.append(
                    ScrubMachine.Survey(
                        volume: row.id, devices: names ?? ["volume \(row.id.rawValue)"], loads: loads,
                        isAway: names == nil))
            }
            if let loads = byVolume[nil] {
                surveys.append(ScrubMachine.Survey(volume: nil, devices: ["unknown"], loads: loads))
            }
        } catch {
            log.error("could not read what is to be scrubbed: \(error)")
        }
        feedScrub { machine, now in machine.surveyed(surveys, now: now) }
    }

    /// The disks below each volume that is where it was. All are asked at once; one that doesn't answer in time counts
    /// as away, and isn't asked again until it has answered: a server that is gone would take a thread each time.
    private func devices(of rows: [VolumeRow]) async -> [VolumeID: Set<String>] {
        let answers = SurveyAnswers(rows.map(\.id).filter { scrub?.silent.contains($0) == false })
        for row in rows where scrub?.silent.insert(row.id).inserted == true {
            environment.disk.physicalDevices(below: FilePath(text: row.mountPath)) {
                [weak self, loop = environment.loop] found in
                let isThere = found.map { !Volume.isCertainlyAnother(row.identity, than: $0.volume.identity) } ?? false
                loop.execute { [weak self] in
                    self?.assumeIsolated { _ = $0.scrub?.silent.remove(row.id) }
                    answers.answered(row.id, isThere ? found?.names : nil)
                }
            }
        }
        let patience = environment.loop.scheduleTask(in: .nanoseconds(environment.settings.scrubPatience.nanoseconds)) {
            answers.end()
        }
        await answers.wait()
        patience.cancel()
        return answers.devices
    }

    func findDue(
        _ id: ScrubMachine.ReaderID, _ volumes: Set<VolumeID?>, _ backlog: Duration, _ youngest: Duration,
        _ except: Set<TorrentID>
    ) async {
        let now = environment.clock.timestamp
        var torrents: [TorrentID] = []
        do {
            torrents = try await environment.store.perform { db throws(StoreError) in
                let control = try db.scrubs.control()
                let due = ScrubTable.Due(now: now, backlog: backlog, youngest: youngest, since: control.since)
                let first = try db.scrubs.unsettled(on: volumes, except: except)
                let rest = try db.scrubs.due(
                    due, on: volumes, except: except.union(first), limit: ScrubMachine.searchLimit)
                return first + rest.map(\.torrent)
            }
        } catch {
            log.error("could not read which torrents are due for a scrub: \(error)")
        }
        feedScrub { [torrents] machine, now in machine.found(torrents, on: id, now: now) }
    }

    // MARK: A turn

    func beginTurn(of torrent: TorrentID, on id: ScrubMachine.ReaderID) async {
        let refusal: ScrubMachine.Refusal
        do {
            switch try await prepareTurn(of: torrent, on: id) {
            case .success(let turn):
                if scrub?.readers[id] == nil { scrub?.readers[id] = try ScrubReader(environment.disk) }
                if let device = turn.payload.device { scrub?.devices[id, default: []].insert(device) }
                let bytes = turn.pages.bytes
                scrub?.turns[id] = turn
                return feedScrub { machine, now in machine.began(torrent, on: id, bytes: bytes, now: now) }
            case .failure(let reason): refusal = reason.refusal
            }
        } catch {
            log.info("could not scrub torrent \(torrent): \(error)")
            refusal = .unreadable
        }
        feedScrub { machine, now in machine.refused(torrent, on: id, refusal, now: now) }
    }

    private struct Refused: Error {
        let refusal: ScrubMachine.Refusal
    }

    private func prepareTurn(of id: TorrentID, on reader: ScrubMachine.ReaderID) async throws -> Result<
        ScrubTurn, Refused
    > {
        let now = environment.clock.timestamp
        let file = try await environment.store.perform { db throws(StoreError) -> (TorrentRow, [UInt8])? in
            guard let row = try db.torrents.row(id), row.damage == nil, row.hasMetadata,
                let file = try db.metainfos.file(of: id)
            else { return nil }
            return (row, file)
        }
        guard let file else { return .failure(Refused(refusal: .unreadable)) }
        // Not on the thread of the database, which others wait for.
        let parsed = try await Self.parsed(file.1, of: file.0)
        let read = try await environment.store.perform { db throws(StoreError) -> Prepared? in
            guard let row = try db.torrents.row(id), row.damage == nil, try !db.moves.isHeld(id) else { return nil }
            let torrent: StoredTorrent
            do { torrent = try StoredTorrent(row, parsed, db) } catch let error as StoreError { throw error } catch {
                return nil
            }
            let control = try db.scrubs.control()
            return Prepared(
                torrent: torrent, pages: try db.pieces.oldestPages(of: id, limit: .max),
                damage: try db.damage.standing(of: id),
                stored: try row.volume.flatMap { volume throws(StoreError) in
                    try db.scrubs.row(volume)
                }, since: control.since,
                withDigest: control.computesDigests ? Set(try db.digests.rows(of: id).keys) : nil)
        }
        guard let read else { return .failure(Refused(refusal: .unreadable)) }
        let look = await read.torrent.look(environment.disk)
        guard !look.reach.isOffline, look.reach != .notBegun else {
            return .failure(Refused(refusal: await isVolumeAway(read.torrent) ? .volumeAway : .unreadable))
        }
        var volume = read.torrent.row.volume
        if volume == nil, let found = await environment.disk.volume(at: look.payload.root) {
            volume = try await environment.store.perform { db throws(StoreError) in
                _ = try db.volumes.place(id, on: VolumeSighting(found), now: now)
                return try db.torrents.row(id)?.volume
            }
            feedScrub { machine, now in machine.surveySoon(now: now) }
        }
        let place = try await environment.store.perform { [volume] db throws(StoreError) in
            try volume.flatMap { volume throws(StoreError) in try db.volumes.row(volume)?.title }
        }
        let present = presentPieces(of: read.torrent)
        var due = Bitfield(count: present.count)
        // Pages that are half as old as the oldest are read with it, so that a torrent's pages stay together.
        if let oldest = read.pages.first {
            let limit = max(now + (.zero - (now - oldest.verifiedAt) / 2), read.since ?? .epoch)
            for page in read.pages where page.verifiedAt <= limit {
                for piece in page.pieces { due.insert(piece) }
            }
        }
        let turn = ScrubTurn(
            read.torrent, look, volume: volume, place: place ?? look.payload.root.text, due: due, present: present,
            ownWrites: environment.disk.writtenFiles(of: read.torrent.row.infoHash), damage: read.damage,
            stored: read.stored, withDigest: read.withDigest)
        return turn.pages.isEmpty ? .failure(Refused(refusal: .nothingDue)) : .success(turn)
    }

    private static func parsed(_ file: [UInt8], of row: TorrentRow) async throws -> Metainfo {
        try StoredTorrent.parsed(file, of: row)
    }

    private struct Prepared: Sendable {
        let torrent: StoredTorrent
        let pages: [VerifiedPage]
        let damage: [DamageRow]
        let stored: ScrubVolumeRow?
        let since: Timestamp?
        /// The files that have a SHA-256; `nil` if none is to be computed.
        let withDigest: Set<Int>?
    }

    /// The pieces that are recorded now.
    private func presentPieces(of torrent: StoredTorrent) -> Bitfield {
        engines[torrent.row.id]?.onLoop { $0.swarm.recorded } ?? torrent.have
    }

    /// Whether the disk that holds the torrent isn't where it was.
    func isVolumeAway(_ torrent: StoredTorrent) async -> Bool {
        guard let known = torrent.volume else { return false }
        let id = torrent.row.volume
        do {
            let mount = try await environment.store.perform { db throws(StoreError) in
                try id.flatMap { id throws(StoreError) in try db.volumes.row(id)?.mountPath }
            }
            guard let mount, let found = await environment.disk.volume(at: FilePath(text: mount)) else { return true }
            return !PathText.isSame(found.identity, VolumeRow.bare(known.identity))
        } catch {
            return false
        }
    }
}
