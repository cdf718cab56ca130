import Disk
import Engine
import Store
import SystemPackage
import Torrent
import Verification

/// The work of `move` and `rename`: one torrent after the other.
///
/// A renaming is a move whose source is its target: files get other names in the same folder.
///
/// The order of the steps is what makes a kill harmless. The journal (`move`) holds the torrent: no engine works on it.
/// Its files get names in the new folder, or synced copies, while the old folder keeps them. One transaction makes the
/// new folder the torrent's. Then the old names go.
struct MoveRun {
    /// The longest wait for an engine to close the files of a torrent.
    private static let patience = Duration.seconds(60)
    /// The most copies that get their names, and are recorded, together.
    private static let batch = 64
    private static let batchBytes: Int64 = 256 << 20

    let library: Library
    let disk: Disk
    let stop: VerificationStop
    /// Bytes that stay free on a volume without a reserve of its own.
    let reserve: Int64
    let report: @Sendable (Library.MoveStep) -> Void

    var connection: Connection { library.connection }

    init(
        _ library: Library, _ stop: VerificationStop, reserve: Int64 = 0,
        _ report: @escaping @Sendable (Library.MoveStep) -> Void
    ) throws {
        self.library = library
        self.stop = stop
        self.reserve = reserve
        self.report = report
        disk = try library.makeDisk()
    }

    // MARK: Entries

    func move(_ torrent: TorrentRow, to target: String) async throws {
        if let move = try connection.moves.row(torrent.id) {
            if !move.isHeld {
                try await removeOld(torrent, move)
            } else if move.isRenaming {
                throw Failure("\(torrent.name.printable): \(move.sentence.printable)")
            } else if PathText.isSame(move.target, target) {
                return try await continueMove(of: torrent)
            } else if PathText.isSame(move.source, target) {
                return try await undo(torrent, move)
            } else {
                throw Failure(
                    "\(torrent.name.printable) is already being moved to \(move.target.printable): finish that with "
                        + "`pieces move \(torrent.id)`, or undo it with `pieces move \(torrent.id) \(move.source.printable)`"
                )
            }
        }
        // What would stand in the way is found out before the torrent is held.
        _ = try await MovePlan(torrent, to: target, connection, disk, reserve: reserve)
        try begin(torrent, to: target)
        try await place(torrent)
    }

    /// Gives the files these names in place of the present ones.
    func rename(_ torrent: TorrentRow, _ renames: Renames) async throws {
        // What an earlier move has left behind is removed first, because there is one journal.
        if let move = try connection.moves.row(torrent.id) { try await removeOld(torrent, move) }
        _ = try await RenamePlan(torrent, renames, connection, disk)
        try connection.transaction { () throws(StoreError) in
            try begin(torrent, to: torrent.output)
            try connection.renames.plan(torrent.id, renames)
        }
        try await place(torrent)
    }

    func undoMove(of torrent: TorrentRow) async throws {
        if let move = try connection.moves.row(torrent.id), move.isHeld { try await undo(torrent, move) }
    }

    func continueMove(of torrent: TorrentRow) async throws {
        guard let move = try connection.moves.row(torrent.id) else { return }
        if move.isHeld { try await place(torrent) } else { try await removeOld(torrent, move) }
    }

    // MARK: Holding the torrent

    /// Writes the journal, and asks an engine to close the files.
    func begin(_ torrent: TorrentRow, to target: String) throws(StoreError) {
        try connection.transaction { () throws(StoreError) in
            try connection.moves.begin(torrent.id, to: target, now: .now())
            try connection.intents.append(.release, torrent: torrent.id, now: .now())
        }
    }

    /// Returns once no engine uses the torrent's files. An engine that starts later leaves the torrent alone.
    func waitForEngine(_ torrent: TorrentRow) async throws -> MoveRow {
        let latest = ContinuousClock.now + Self.patience
        while true {
            guard let move = try connection.moves.row(torrent.id) else {
                throw Failure("\(torrent.name.printable) was removed in the meantime")
            }
            guard let holder = try DatabaseLock.holder(database: library.database) else { return move }
            if let run = move.released, try connection.runs.last()?.id == run { return move }
            try requireNoStop(torrent)
            guard .now < latest else {
                try end(move)
                let process = holder.pid.map { " (process \($0))" } ?? ""
                throw Failure(
                    "\(torrent.name.printable) was not \(move.done): the engine\(process) has not closed its files; see `pieces status`"
                )
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Ends a move that has placed nothing: the torrent is as before.
    func end(_ move: MoveRow) throws {
        try connection.transaction { () throws(StoreError) in
            try connection.moves.end(move.torrent)
            try connection.intents.append(.changed, torrent: move.torrent, now: .now())
        }
    }

    func requireNoStop(_ torrent: TorrentRow) throws {
        guard stop.isRequested else { return }
        throw Failure(
            "the move of \(torrent.name.printable) was interrupted: `pieces move \(torrent.id)` continues it")
    }

    // MARK: Placing the files

    private func place(_ torrent: TorrentRow) async throws {
        var move = try await waitForEngine(torrent)
        if move.step == .waiting {
            do {
                let (files, notes) = try await plan(torrent, move)
                for note in notes { report(.note(note)) }
                if !files.isEmpty {
                    let payload = try StoredTorrent(torrent, connection).payload
                    try await disk.syncTimes(of: files.map { PayloadFile(index: $0.before.index) }, in: payload)
                }
                try connection.moves.setFiles(torrent.id, files)
            } catch {
                try end(move)
                throw error
            }
            move = try await waitForEngine(torrent)
        }
        let stored = try StoredTorrent(torrent, connection)
        let files = try connection.moves.files(of: torrent.id)
        var payload = try payloads(stored, move)
        do {
            if !files.isEmpty || payload.source.root != payload.target.root {
                try await disk.prepare(payload)
                // If another disk takes the place of one of the folders, nothing is read or written there.
                payload = try await disk.bound(payload)
            }
            let copies = try await place(torrent, files, payload)
            let damaged = try await check(stored, copies, payload)
            try await arrive(stored, move, files, damaged, payload)
            if move.isRenaming {
                report(.renamed(try connection.torrents.row(torrent.id) ?? torrent, files: files.count))
            } else {
                reportMoved(torrent, move, files.count, copies.bytes)
            }
        } catch let error as DiskError {
            try requireNoStop(torrent)
            throw await failure(error, torrent, move, files, payload)
        }
        guard let arrived = try connection.moves.row(torrent.id) else { return }
        try await removeOld(torrent, arrived)
    }

    private func plan(_ torrent: TorrentRow, _ move: MoveRow) async throws -> (files: [MoveFileRow], notes: [String]) {
        if move.isRenaming {
            let plan = try await RenamePlan(torrent, try connection.renames.planned(of: torrent.id), connection, disk)
            return (plan.files, plan.notes)
        }
        let plan = try await MovePlan(torrent, to: move.target, connection, disk, reserve: reserve)
        return (plan.files, plan.notes)
    }

    private func reportMoved(_ torrent: TorrentRow, _ move: MoveRow, _ files: Int, _ copiedBytes: Int64) {
        report(
            .moved(
                Library.Moved(
                    torrent: torrent, source: move.source, target: move.target, files: files,
                    copiedBytes: copiedBytes)))
    }

    func payloads(_ stored: StoredTorrent, _ move: MoveRow) throws -> PayloadMove {
        let allocatesFull = stored.row.settings.allocatesFull
        guard !move.isRenaming else {
            let planned = try connection.renames.planned(of: move.torrent)
            let other = stored.payload.renamed(
                to: try connection.renames.apply(planned, to: stored.metainfo, move.torrent).layout)
            // Once the torrent has its new names, the planned ones are the old ones.
            return move.isHeld
                ? PayloadMove(from: stored.payload, to: other, allocatesFull: allocatesFull)
                : PayloadMove(from: other, to: stored.payload, allocatesFull: allocatesFull)
        }
        return PayloadMove(
            from: stored.payload.moved(to: FilePath(text: move.source)),
            to: stored.payload.moved(to: FilePath(text: move.target)), allocatesFull: allocatesFull)
    }

    /// The files that were copied, and not cloned or linked.
    private struct Copies {
        var files: Set<PayloadFile> = []
        var bytes: Int64 = 0
    }

    private func place(_ torrent: TorrentRow, _ files: [MoveFileRow], _ payload: PayloadMove) async throws -> Copies {
        // A torrent that has no files yet has nothing on the disk to rename, and perhaps no folder.
        guard !files.isEmpty || payload.source.root != payload.target.root else { return Copies() }
        report(.begins(torrent, bytes: files.reduce(0) { $0 + $1.before.print.size }))
        var copies = Copies()
        var waiting: [FoundFile] = []
        var waitingBytes: Int64 = 0
        for row in files {
            let file = MovedFile(row)
            let placing = try await disk.place(file, payload, cancel: stop.token) { [report] in report(.copied($0)) }
            if row.copy != nil { copies.files.insert(file.file) }
            guard case .copied(let copy, let isClone) = placing else {
                report(.copied(row.before.print.size))
                continue
            }
            if !isClone {
                copies.files.insert(file.file)
                copies.bytes += copy.print.size
            }
            waiting.append(copy)
            waitingBytes += copy.print.size
            if waiting.count >= Self.batch || waitingBytes >= Self.batchBytes {
                try await settle(torrent, waiting, payload)
                (waiting, waitingBytes) = ([], 0)
            }
        }
        try await settle(torrent, waiting, payload)
        try await disk.syncNames(of: files.map { PayloadFile(index: $0.before.index) }, in: payload.target)
        return copies
    }

    private func settle(_ torrent: TorrentRow, _ copies: [FoundFile], _ payload: PayloadMove) async throws {
        guard !copies.isEmpty else { return }
        try connection.moves.setCopies(torrent.id, copies.map { FingerprintRow($0) })
        try await disk.settle(copies.map(\.file), payload)
    }

    // MARK: Checking the copies

    /// Reads the copies back, and hashes the pieces recorded as present. Returns the pieces that were wrong in the old
    /// folder already.
    private func check(_ stored: StoredTorrent, _ copies: Copies, _ payload: PayloadMove) async throws -> [PieceIndex] {
        let metainfo = stored.metainfo
        var pieces = Bitfield(count: metainfo.geometry.pieceCount)
        for piece in stored.have.pieces {
            let places = metainfo.layout.files(of: piece, geometry: metainfo.geometry).compactMap {
                payload.target.place(of: $0)
            }
            if places.contains(where: copies.files.contains) { pieces.insert(piece) }
        }
        guard !pieces.isEmpty else { return [] }
        let wrong = try await wrongPieces(pieces, of: stored, payload.target)
        guard !wrong.isEmpty else { return [] }
        var suspects = Bitfield(count: pieces.count)
        for piece in wrong { suspects.insert(piece) }
        let before = Set(try await wrongPieces(suspects, of: stored, payload.source))
        guard wrong.allSatisfy(before.contains) else {
            throw Failure(
                "\(stored.row.name.printable) was not moved: \(Format.count(wrong.count, "piece")) of the copy in "
                    + "\(payload.target.root.text.printable) \(wrong.count == 1 ? "is" : "are") wrong, and right in the old folder: "
                    + "check that disk; `pieces move \(stored.row.id) \(payload.source.root.text.printable)` undoes the move"
            )
        }
        return wrong
    }

    func wrongPieces(_ pieces: Bitfield, of stored: StoredTorrent, _ payload: Payload) async throws -> [PieceIndex] {
        let geometry = stored.metainfo.geometry
        report(.verifies(pieces.pieces.reduce(0) { $0 + Int64(geometry.length(of: $1)) }))
        let (verdicts, outcome) = await disk.verify(
            payload, pieces: pieces, hashes: stored.metainfo.pieceHashes, cancel: stop.token)
        switch outcome {
        case .finished: break
        case .cancelled: try requireNoStop(stored.row)
        case .offline(let error): throw error
        }
        var wrong: [PieceIndex] = []
        for (piece, verdict) in verdicts {
            switch verdict {
            case .good: break
            case .bad, .missing: wrong.append(piece)
            case .unreadable(let error): throw error
            }
        }
        return wrong
    }

    // MARK: Arriving

    /// Makes the new folder the torrent's, in one transaction.
    private func arrive(
        _ stored: StoredTorrent, _ move: MoveRow, _ files: [MoveFileRow], _ damaged: [PieceIndex],
        _ payload: PayloadMove
    ) async throws {
        let there = files.isEmpty ? [:] : try await prints(of: files, in: payload.target)
        let recorded = Dictionary(stored.fingerprints.map { ($0.index, $0) }) { _, last in last }
        let id = stored.row.id
        let made =
            try connection.torrents.mayOverwrite(id)
            ? [] : Set(try connection.files.ownership(of: id).lazy.filter(\.isMade).map(\.index))
        var prints: [FingerprintRow] = []
        for file in files {
            let index = file.before.index
            guard let now = there[index] else {
                throw DiskError(.notFound, .inspect, payload.target.path(of: PayloadFile(index: index)))
            }
            if let known = recorded[index], !file.before.print.isUnchanged(since: known.print) {
                // The file was changed before the move, which the next start has to find out as if it hadn't moved.
                prints.append(
                    FingerprintRow(
                        index: index,
                        FileFingerprint(
                            size: known.print.size, mtimeNs: known.print.mtimeNs, inode: now.print.inode,
                            device: now.print.device, bornNs: now.print.bornNs)))
            } else if recorded[index] != nil || made.contains(index) {
                prints.append(now)
            }
        }
        try await arrive(stored, move, prints, damaged)
    }

    func arrive(
        _ stored: StoredTorrent, _ move: MoveRow, _ prints: [FingerprintRow], _ damaged: [PieceIndex]
    ) async throws {
        let target = FilePath(text: move.target)
        let volume = await disk.volume(at: target)
        let id = stored.row.id
        var have = stored.have
        for piece in damaged { have.remove(piece) }
        let completed = stored.selection.bytes(in: have, geometry: stored.metainfo.geometry)
        let now = Timestamp.now()
        try connection.transaction(durability: .full) { () throws(StoreError) in
            let resolved = try PathConflicts(connection, output: move.target).resolvedOutput ?? move.target
            if move.isRenaming {
                try connection.moves.arriveRenamed(id, in: resolved, prints, now: now)
            } else {
                try connection.moves.arrive(id, resolved: resolved, prints, now: now)
            }
            if let volume, !move.isRenaming {
                try connection.volumes.place(id, on: VolumeSighting(volume), now: now)
            }
            if !damaged.isEmpty {
                try connection.pieces.markDamaged(id, pieces: damaged, files: [], completedBytes: completed)
                try connection.events.append(
                    .failed, "\(Format.count(damaged.count, "damaged piece")) found by the move", torrent: id, now: now)
                if let row = try connection.torrents.row(id) { try connection.torrents.setState(id, row.stateAtRest) }
            }
            try connection.intents.append(.changed, torrent: id, now: now)
        }
        if !damaged.isEmpty {
            report(
                .note(
                    "\(Format.count(damaged.count, "piece")) of \(stored.row.name.printable) \(damaged.count == 1 ? "is" : "are") "
                        + "damaged or missing; the next run downloads \(damaged.count == 1 ? "it" : "them") again"))
        }
    }

    /// The files as they are in the folder, by index.
    private func prints(of files: [MoveFileRow], in payload: Payload) async throws -> [Int: FingerprintRow] {
        var found: [Int: FingerprintRow] = [:]
        for print in try await disk.fingerprints(payload) { found[print.file.index] = FingerprintRow(print) }
        return found
    }

    // MARK: The old folder

    private func removeOld(_ torrent: TorrentRow, _ move: MoveRow) async throws {
        let files = try connection.moves.files(of: torrent.id)
        let payload = try payloads(try StoredTorrent(torrent, connection), move)
        do {
            let moved = files.map { MovedFile($0) }
            let removal = try await disk.removeOld(moved, payload)
            if let failure = removal.failures.first { throw failure }
            try await disk.syncNames(of: moved.map(\.file), in: payload.source)
            let shared = files.count { $0.stays }
            if shared > 0 {
                report(
                    .note(
                        "kept \(Format.count(shared, "file")) in \(move.source.printable) that other torrents use too"))
            }
            if removal.kept.count > shared {
                report(
                    .note(
                        "kept \(Format.count(removal.kept.count - shared, "file")) in \(move.source.printable) that changed after the move"
                    ))
            }
        } catch let error as DiskError {
            // A folder that never existed has nothing to remove.
            guard error.code != .rootMissing || !files.isEmpty else { return try connection.moves.end(torrent.id) }
            guard !move.isRenaming else {
                throw Failure(
                    "\(torrent.name.printable) has its new names, but the old ones could not be removed: "
                        + "\(error.fact.printable); `pieces rename \(torrent.id)` tries again")
            }
            throw Failure(
                "\(torrent.name.printable) is in \(move.target.printable) now, but its old files could not be removed: "
                    + "\(error.fact.printable); `pieces move \(torrent.id)` tries again")
        }
        try connection.moves.end(torrent.id)
    }

    // MARK: The way back

    /// Takes back what an unfinished move has placed; the torrent stays in its old folder.
    private func undo(_ torrent: TorrentRow, _ move: MoveRow) async throws {
        let move = try await waitForEngine(torrent)
        let files = try connection.moves.files(of: torrent.id)
        let payload = try payloads(try StoredTorrent(torrent, connection), move)
        do {
            if !files.isEmpty || !move.isRenaming { try await disk.undo(files.map { MovedFile($0) }, payload) }
        } catch {
            throw Failure("the move of \(torrent.name.printable) could not be undone: \(error)")
        }
        try end(move)
        report(.undone(torrent, folder: move.source))
    }

    /// What to tell the user about a move that failed. Where waiting doesn't help, the move is undone.
    private func failure(
        _ error: DiskError, _ torrent: TorrentRow, _ move: MoveRow, _ files: [MoveFileRow], _ payload: PayloadMove
    ) async -> Failure {
        let name = torrent.name.printable
        let unfinished = Failure(
            "\(name) is not \(move.done) yet: \(error.fact.printable); nothing is lost: `pieces \(move.verb) \(torrent.id)` "
                + "continues, and `pieces \(move.verb) \(torrent.id) \(move.isRenaming ? "--undo" : move.source.printable)` undoes it"
        )
        let lasting: [DiskError.Code] = [
            .noSpace, .readOnly, .permission, .exists, .nameRefused, .tooLarge, .changed, .sameFolder, .symbolicLink,
            .notADirectory, .isADirectory, .fileSizeLimit,
        ]
        guard lasting.contains(error.code) else { return unfinished }
        do {
            try await disk.undo(files.map { MovedFile($0) }, payload)
            try end(move)
        } catch { return unfinished }
        return Failure("\(name) was not \(move.done): \(error.fact.printable); it stays as it was")
    }
}

extension MoveRow {
    /// The command that makes and continues the move.
    fileprivate var verb: String { isRenaming ? "rename" : "move" }
    fileprivate var done: String { isRenaming ? "renamed" : "moved" }
}

extension MovedFile {
    init(_ row: MoveFileRow) {
        self.init(before: FoundFile(row.before), stays: row.stays, copy: row.copy.map { FoundFile($0) })
    }
}

extension FoundFile {
    fileprivate init(_ row: FingerprintRow) { self.init(PayloadFile(index: row.index), row.print) }
}
