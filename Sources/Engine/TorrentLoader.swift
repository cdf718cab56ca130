import Disk
import Store
import Swarm
import SystemPackage
import Torrent
import Verification

/// Reads a torrent from the database, examines its files, and decides what is trusted.
struct TorrentLoader {
    let environment: Environment
    let id: TorrentID
    /// The time in Unix nanoseconds until which we may have written ourselves; `nil` for the end of the previous run.
    var aliveUntilNs: Int64?
    /// Whether the torrent was active before in this run, so that a file it was about to create is its own.
    var wasActive = false

    /// The data with which an active torrent begins.
    struct Loaded: Sendable {
        let row: TorrentRow
        let metainfo: Metainfo
        let selection: FileSelection
        let payload: Payload
        let plan: ResumePlan
        let recorded: Bitfield
        let opened: Bitfield
        let partials: [PartialPiece]
        let peers: [PeerRow]
        let banned: [PeerRow]
        let trackers: [TrackerRow]
        let webSeeds: [WebSeedRow]
        let webSeedFiles: [WebSeedFileRow]
        /// Damage that stands.
        let damage: [DamageRow]
        /// Unverified pieces that were recorded, in files that another program changed.
        let edited: Bitfield
        /// Those that the database marks.
        let marked: Bitfield
        /// Why the payload can't be reached, if the plan is offline.
        let offline: String?
        /// Wanted files whose recorded bytes are still in the part file.
        let unplaced: [Int]
        /// Files that should be in the part file according to the database, although something is in their place: an
        /// incomplete promotion, or a file whose fingerprint was forgotten.
        let covered: [Int]
        /// The payload's volume, if the system reports it.
        let volume: Volume?
        /// Whether the files, or the sentinel, show that it is the volume on which they were recorded.
        let provesVolume: Bool
        /// Whether a wanted file without bytes is missing.
        let lacksEmptyFiles: Bool
        /// Who owns the existing files.
        let custody: Custody
        /// What another client claimed of the torrent, if it was imported and wasn't hashed since.
        let audit: ImportAudit?
        /// The files as found.
        let prints: [PayloadFile: FoundFile]
        /// Skipped files that another client left in place.
        let skippedInPlace: [Int]
    }

    /// The result of examining the files.
    private struct Look {
        var plan: ResumePlan
        var offline: String?
        var unplaced: [Int]
        var covered: [Int]
        var lacksEmptyFiles: Bool
        var custody: Custody
        var prints: [PayloadFile: FoundFile]
        var edited: Bitfield
    }

    private struct Remembered: Sendable {
        let row: TorrentRow
        let metainfo: Metainfo
        let wanted: [Bool]
        let have: Bitfield
        let opened: Bitfield
        let partials: [PartialPieceRow]
        let fingerprints: [FingerprintRow]
        let peers: [PeerRow]
        let banned: [PeerRow]
        let trackers: [TrackerRow]
        let webSeeds: [WebSeedRow]
        let webSeedFiles: [WebSeedFileRow]
        let damage: [DamageRow]
        /// Suspects of a check that was broken off.
        let suspects: Bitfield
        /// The volume on which the payload was last seen.
        let volume: VolumeRow?
        let audit: ImportAudit?
    }

    /// Loads the torrent. `known` is its .torrent if it was already parsed, which for a torrent of very many files is
    /// most of the work.
    func load(_ known: Metainfo? = nil) async throws -> Loaded {
        let known = try await remembered(known)
        let layout = known.metainfo.layout
        guard
            let selection = FileSelection(
                layout: layout, wanted: zip(known.wanted, layout.files).map { $0 && !$1.isPad })
        else {
            throw EngineError(
                "the database lists \(known.wanted.count) files for \(known.row.name), but its .torrent has \(layout.files.count)"
            )
        }
        var payload = StoredTorrent.payload(of: known.row, known.metainfo, selection, known.fingerprints)
        var skipped = known.audit == nil ? [] : payload.skippedFiles
        let lastSeen = LastSeen(known.row, known.fingerprints, volume: known.volume)
        var seen = await environment.disk.look(at: payload, orInPlace: skipped, lastSeen: lastSeen)
        var look = try await look(known, seen)
        let others = skipped.filter { look.custody.shared[$0] != nil || look.custody.twins[$0] != nil }
        if !others.isEmpty {
            // A skipped file that another torrent writes, or that is the same file as another one, isn't needed.
            skipped.removeAll(where: others.contains)
            seen = await environment.disk.look(at: payload, orInPlace: skipped, lastSeen: lastSeen)
            look = try await self.look(known, seen)
        }
        payload = seen.payload
        skipped = skipped.filter { payload.isInPlace($0) }
        payload = payload.placing((Array(look.custody.shared.keys) + look.custody.twins.keys).sorted(), as: .shared)
        let volume = look.offline == nil ? await environment.disk.volume(at: payload.root) : nil
        let hasSentinel = known.volume?.sentinel.map { $0 == volume?.sentinel } ?? false
        return Loaded(
            row: known.row, metainfo: known.metainfo, selection: selection, payload: payload, plan: look.plan,
            recorded: known.have,
            opened: known.opened,
            partials: known.partials.map {
                PartialPiece($0, blockCount: known.metainfo.geometry.blockCount(of: $0.piece))
            },
            peers: known.peers, banned: known.banned, trackers: known.trackers,
            webSeeds: known.webSeeds, webSeedFiles: known.webSeedFiles, damage: known.damage, edited: look.edited,
            marked: known.suspects, offline: look.offline,
            unplaced: look.unplaced, covered: look.covered,
            volume: volume, provesVolume: seen.provesVolume || hasSentinel,
            lacksEmptyFiles: look.lacksEmptyFiles, custody: look.custody, audit: known.audit, prints: look.prints,
            skippedInPlace: skipped)
    }

    /// Records which volume the payload is on. Returns the volume if this is the first of its payload that is found on
    /// this machine.
    func remember(_ volume: Volume, isProven: Bool) async throws -> VolumeID? {
        let (id, now) = (id, environment.clock.timestamp)
        return try await environment.store.perform { db throws(StoreError) in
            try db.volumes.place(id, on: VolumeSighting(volume), isProven: isProven, now: now)
        }
    }

    private func remembered(_ known: Metainfo?) async throws -> Remembered {
        let id = id
        let now = environment.clock.timestamp
        let read = try await environment.store.perform { db throws(StoreError) -> (TorrentRow, [UInt8])? in
            guard let row = try db.torrents.row(id) else { return nil }
            if let known { return (row, known.file) }
            let file = try db.metainfos.file(of: id)
            return (row, file ?? [])
        }
        guard let (row, file) = read else { throw EngineError("torrent \(id) is no longer in the database") }
        let metainfo = try known ?? Self.metainfo(file, of: row)
        let count = metainfo.geometry.pieceCount
        let files = metainfo.layout.files.count
        return try await environment.store.perform { db throws(StoreError) in
            let metainfo = try db.paths.asStored(metainfo, id)
            // Faults in rows of other torrents must not be reported for this one.
            _ = db.takeRowFaults()
            let claims = try Self.claims(of: id, count: count, db, now)
            // Torrents from before there were web seeds get their rows here.
            let webSeeds = try db.webSeeds.rows(of: id, in: metainfo)
            if webSeeds.count > (try db.webSeeds.rows(of: id).count) {
                try db.webSeeds.note(metainfo.webSeeds, of: id)
            }
            let known = Remembered(
                row: row, metainfo: metainfo, wanted: try db.files.wanted(of: id, count: files), have: claims.have,
                opened: claims.writeIntents,
                partials: try db.pieces.partials(of: id).filter { metainfo.geometry.pieces.contains($0.piece) },
                fingerprints: try db.files.fingerprints(of: id),
                peers: try db.peers.toTry(of: id, limit: AddressBook.capacity / 2, now: now),
                banned: try db.peers.banned(of: id, now: now),
                trackers: try db.trackers.rows(of: id), webSeeds: webSeeds,
                webSeedFiles: try db.webSeeds.files(of: id, since: now + (.zero - WebSeedTable.memory)),
                damage: try db.damage.standing(of: id).filter { metainfo.geometry.pieces.contains($0.piece) },
                suspects: try db.damage.suspects(of: id, count: count),
                volume: try row.volume.flatMap { volume throws(StoreError) in try db.volumes.row(volume) },
                audit: try ImportAudit(of: id, pieceCount: count, db))
            // The torrent ignores the damaged rows and logs them.
            let faults = db.takeRowFaults()
            if let first = faults.first {
                let others = faults.count > 1 ? " (and \(faults.count - 1) more)" : ""
                try db.events.append(
                    .damaged, "damaged rows of this torrent are ignored: \(first)\(others)", torrent: id, now: now)
            }
            return known
        }
    }

    /// Parses the .torrent and checks that it matches the row.
    private static func metainfo(_ file: [UInt8], of row: TorrentRow) throws -> Metainfo {
        if let damage = row.damage { throw EngineError("the torrent's row in the database is damaged: \(damage)") }
        let advice = "remove the torrent and add it again; its files stay in place"
        guard !file.isEmpty else { throw EngineError("the .torrent is missing from the database: \(advice)") }
        let metainfo: Metainfo
        do throws(MetainfoError) {
            metainfo = try Metainfo(torrentFile: file)
        } catch {
            throw EngineError("the .torrent in the database is damaged (\(error)): \(advice)")
        }
        guard metainfo.infoHash == row.infoHash else {
            throw EngineError("the .torrent in the database is damaged (it has a different info hash): \(advice)")
        }
        let geometry = metainfo.geometry
        guard geometry.pieceCount == row.pieceCount, geometry.pieceLength == row.pieceLength,
            geometry.totalBytes == row.totalBytes
        else {
            throw EngineError(
                "the torrent's row in the database is damaged (its sizes differ from its .torrent): \(advice)")
        }
        return metainfo
    }

    /// Returns the recorded pieces. If the records are inconsistent, all pieces become unverified, in the database too.
    private static func claims(of id: TorrentID, count: Int, _ db: Connection, _ now: Timestamp) throws(StoreError)
        -> Claims
    {
        do throws(StoreError) {
            return try db.pieces.claims(of: id, count: count)
        } catch {
            guard error.isOfRow else { throw error }
            let pieces = try db.pieces.unverify(id)
            try db.events.append(
                .damaged, "the bitfield was damaged: \(pieces) pieces are re-checked", torrent: id, now: now)
            return try db.pieces.claims(of: id, count: count)
        }
    }

    private func look(_ known: Remembered, _ seen: PayloadLook) async throws -> Look {
        let payload = seen.payload
        let geometry = payload.geometry
        let current = seen.entries
        let recorded = Dictionary(known.fingerprints.map { ($0.index, $0) }) { _, last in last }
        // Files found in place of an unreachable payload mean nothing.
        let found = payload.layout.files.indices.compactMap { current[$0] } + (seen.files[.parts].map { [$0] } ?? [])
        let custody = try await custody(seen.reach.isOffline ? [] : found, payload)
        let takenOver = custody.takenOver
        let files = payload.layout.files.map { entry in
            ResumePlan.File(
                pieces: entry.isPad
                    ? PieceIndex(0)..<PieceIndex(0) : payload.layout.pieces(of: entry.index, geometry: geometry),
                length: entry.length,
                recorded: custody.isNewsOfShared(entry.index, recorded[entry.index], current[entry.index]?.print)
                    ? nil : recorded[entry.index]?.print,
                current: current[entry.index]?.print,
                isForeign: custody.unproven[.entry(entry.index)] != nil || custody.shared[entry.index] != nil
                    || takenOver.contains(entry.index),
                isReserved: known.row.settings.allocatesFull && !custody.hasLeave
                    && custody.announced.contains(entry.index)
                    && custody.own[.entry(entry.index)] != nil,
                holder: custody.progressOfHolder(entry.index))
        }
        var input = ResumePlan.Input(
            have: known.have, intents: known.opened, files: files, stoppedCleanly: known.opened.isEmpty,
            aliveUntilNs: aliveUntilNs ?? environment.aliveUntilNs,
            isOffline: seen.reach.isOffline)
        let damaged = known.damage.filter { $0.state != .written }.map(\.piece)
        for piece in damaged { input.damaged.insert(piece) }
        var plan = ResumePlan(input)
        // A hole in a file that another program changed is an edit, too.
        let suspects = known.suspects.intersection(pieces(of: seen.files.keys, payload))
        let unclaimed = plan.unverified.subtracting(known.have).subtracting(suspects)
        if !unclaimed.isEmpty {
            input.unwritten = await unwritten(payload, known.metainfo, among: unclaimed)
            plan = ResumePlan(input)
        }
        // A scrub found these damaged, and a crash came before they lost their claims.
        plan.becameDamaged(damaged)
        var edited = plan.edited
        edited.formUnion(suspects.intersection(plan.unverified))
        let unrecorded = files.indices.filter { index in
            payload.placement[index] == .file && files[index].recorded == nil
                && files[index].pieces.contains { known.have[$0] }
        }
        let lacksEmptyFiles = payload.layout.files.contains {
            payload.placement[$0.index] == .file && $0.isEmpty && current[$0.index] == nil
        }
        let covered = recorded[FingerprintRow.partFile] == nil ? [] : unrecorded.filter { files[$0].current != nil }
        return Look(
            plan: plan, offline: plan.isOffline ? seen.reason : nil,
            unplaced: unrecorded.filter { files[$0].current == nil }, covered: covered,
            lacksEmptyFiles: lacksEmptyFiles, custody: custody, prints: seen.files, edited: edited)
    }

    private func pieces(of files: some Sequence<PayloadFile>, _ payload: Payload) -> Bitfield {
        var pieces = Bitfield(count: payload.geometry.pieceCount)
        for case .entry(let index) in files where payload.layout.files.indices.contains(index) {
            for piece in payload.layout.pieces(of: index, geometry: payload.geometry) { pieces.insert(piece) }
        }
        return pieces
    }

    /// Marks the recorded pieces of files that another program changed, before they lose their claims.
    func markEdits(_ loaded: Loaded) async throws(StoreError) {
        let (id, edited) = (id, loaded.edited)
        guard loaded.offline == nil, edited != loaded.marked else { return }
        try await environment.store.perform { db throws(StoreError) in try db.damage.setSuspects(id, edited) }
    }

    /// Determines who owns the files. The torrent may write to its own files from now on.
    private func custody(_ found: [FoundFile], _ payload: Payload) async throws -> Custody {
        let id = id
        let records = try await environment.store.perform { db throws(StoreError) in
            try db.custodyRecords(of: id, found: found, in: payload)
        }
        let alive = wasActive ? Int64.max : aliveUntilNs ?? environment.aliveUntilNs
        var custody = await Custody(of: id, found, records, on: environment.disk, aliveUntilNs: alive)
        guard
            let infoHash = try await environment.store.perform({ db throws(StoreError) in
                try db.torrents.row(id)?.infoHash
            }
            )
        else { return custody }
        let prints = Dictionary(found.map { ($0.file, $0) }) { first, _ in first }
        var held = environment.disk.admit(custody.own, of: infoHash)
        for (file, identity) in custody.unproven {
            if let owner = environment.disk.owner(of: identity), owner.torrent != infoHash { held[file] = owner }
        }
        for (file, owner) in held {
            // An active torrent holds the file, and may not have recorded it yet.
            custody.own[file] = nil
            custody.unproven[file] = nil
            custody.empty.remove(file)
            let holder = try await environment.store.perform { db throws(StoreError) in
                try db.files.holder(owner.torrent, file: owner.file.index)
            }
            if case .entry(let index) = file, case .entry(let twin) = owner.file, owner.torrent == infoHash {
                custody.twins[index] = twin
                custody.linked[file] = prints[file]?.identity
            } else if case .entry(let index) = file, let holder, let found = prints[file] {
                custody.shared[index] = Custody.Shared(holder: holder, found: found)
            } else {
                custody.unproven[file] = prints[file]?.identity
            }
        }
        return custody
    }

    /// Records which files the torrent owns by the user's permission to overwrite, so that it no longer needs the
    /// permission.
    ///
    /// With reserved space, an announced file would pass for an empty file of ours, so the permission then applies
    /// until the existing files are checked.
    func useLeaveToOverwrite(_ loaded: Loaded) async throws {
        guard !loaded.row.settings.allocatesFull || loaded.plan.unverified.isEmpty else { return }
        let id = id
        let files = loaded.custody.own.keys.map(\.index)
        try await environment.store.perform { db throws(StoreError) in try db.files.usePermissionToOverwrite(id, files)
        }
    }

    /// Records that these missing files are about to be created.
    func announce(_ files: [Int]) async throws {
        guard !files.isEmpty else { return }
        let id = id
        try await environment.store.perform { db throws(StoreError) in try db.files.announce(id, files) }
    }

    /// Returns the pieces that are missing without a hash check: none of their bytes were written, and they are not all
    /// zeros.
    private func unwritten(_ payload: Payload, _ metainfo: Metainfo, among pieces: Bitfield) async -> Bitfield {
        var unwritten = await environment.disk.unwritten(payload, among: pieces)
        var zeros: [Int: SHA1Digest] = [:]
        for piece in unwritten.pieces {
            let length = metainfo.geometry.length(of: piece)
            let hash = zeros[length] ?? SHA1.hash(zeros: length)
            zeros[length] = hash
            if metainfo.pieceHashes[piece].elementsEqual(hash) { unwritten.remove(piece) }
        }
        return unwritten
    }
}

/// An error that stops an engine or one of its torrents, in one sentence.
package struct EngineError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
