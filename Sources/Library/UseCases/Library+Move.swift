import Disk
import Engine
package import Store
import SystemPackage
import Torrent
package import Verification

/// Moves the payload of torrents to another folder. Works with and without a running engine, which closes the files and
/// leaves the torrent alone meanwhile. A move that was killed can be continued or undone.
extension Library {
    /// A step of a move.
    package enum MoveStep: Sendable {
        /// The torrent's files are about to be moved. `bytes` is how many may have to be copied.
        case begins(TorrentRow, bytes: Int64)
        /// More bytes were copied.
        case copied(Int64)
        /// Copies are about to be read back and hashed; so many bytes.
        case verifies(Int64)
        case read(Int64)
        /// A fact about the torrent that the user should know: one sentence.
        case note(String)
        /// The torrent is in its new folder.
        case moved(Moved)
        /// So many files of the torrent have their new names.
        case renamed(TorrentRow, files: Int)
        /// The torrent stays where it was; its unfinished move was undone.
        case undone(TorrentRow, folder: String)
        /// So many torrents are in the folder already.
        case inPlace(torrents: Int, folder: String)
        /// One of several torrents could not be moved.
        case failed(String)
    }

    /// A torrent that is in its new folder.
    package struct Moved: Sendable {
        package let torrent: TorrentRow
        package let source: String
        package let target: String
        package let files: Int
        /// The bytes that were copied; 0 if the files only got new names.
        package let copiedBytes: Int64
    }

    /// Moves torrents to a folder. A torrent with an unfinished move to the folder continues; the folder that it came
    /// from undoes the move. Of several torrents, those that are in place already stay. `reserve` stays free on a
    /// volume without a reserve of its own.
    package func move(
        _ choice: MoveChoice, to folder: String, reserve: Int64 = 0, stop: VerificationStop = VerificationStop(),
        report: @escaping @Sendable (MoveStep) -> Void
    ) async throws {
        let all = try targets(choice, in: folder)
        let targets = choice.isOfOne(all.count) ? all : try all.filter { try !isInPlace($0.torrent, $0.folder) }
        if targets.count < all.count { report(.inPlace(torrents: all.count - targets.count, folder: folder)) }
        let folders = Dictionary(targets.map { ($0.torrent.id, $0.folder) }) { first, _ in first }
        if targets.count > 1 { try await requireSpace(targets, reserve) }
        try await each(targets.map(\.torrent), stop, report, reserve: reserve) { run, torrent in
            try await run.move(torrent, to: folders[torrent.id] ?? folder)
        }
    }

    /// Whether the torrent is in the folder, and no move of it is unfinished.
    private func isInPlace(_ torrent: TorrentRow, _ folder: String) throws(StoreError) -> Bool {
        guard try connection.moves.row(torrent.id) == nil else { return false }
        return PathText.isSame(PathConflicts.resolved(torrent.output), PathConflicts.resolved(folder))
    }

    /// Throws if all torrents together don't fit, before the first of them moves. What stands in the way of one torrent
    /// is reported when its turn comes.
    private func requireSpace(_ targets: [(torrent: TorrentRow, folder: String)], _ reserve: Int64) async throws {
        let disk = try makeDisk()
        var needed: [UInt64: Int64] = [:]
        for (torrent, folder) in targets where try connection.moves.row(torrent.id) == nil {
            let plan: MovePlan
            do {
                plan = try await MovePlan(
                    torrent, to: folder, connection, disk, reserve: reserve, requiresSpace: false)
            } catch is Failure {
                continue
            }
            guard let copy = plan.copy else { continue }
            needed[copy.device, default: 0] += copy.bytes
            guard let sum = needed[copy.device], sum > copy.usableBytes else { continue }
            throw Failure(
                "nothing was moved: the \(Format.count(targets.count, "torrent")) have at least \(Format.bytes(sum)), and "
                    + "\(folder.printable) has \(copy.words): free some space, or move fewer of them")
        }
    }

    /// Records that the user moved the payload of torrents, after a check of what is there. It is looked for in the
    /// folder, and if it isn't there, in all folders below, on the same volume.
    package func adoptMoved(
        _ choice: MoveChoice, in folder: String, stop: VerificationStop = VerificationStop(),
        report: @escaping @Sendable (MoveStep) -> Void
    ) async throws {
        let targets = try targets(choice, in: folder)
        let root = try NewFile.absolute(folder)
        let found = try await search(for: targets, below: root, stop, report)
        try await each(targets.map(\.torrent), stop, report) { run, torrent in
            try await run.adopt(torrent, in: found[torrent.id] ?? root.text)
        }
    }

    /// Where the payload of each torrent is. A torrent that isn't found has no entry.
    private func search(
        for targets: [(torrent: TorrentRow, folder: String)], below root: FilePath, _ stop: VerificationStop,
        _ report: (MoveStep) -> Void
    ) async throws -> [TorrentID: String] {
        let disk = try makeDisk()
        var found: [TorrentID: String] = [:]
        var search = FoundSearch()
        for (torrent, folder) in targets where torrent.hasMetadata && !stop.isRequested {
            let stored: StoredTorrent
            do { stored = try StoredTorrent(torrent, connection) } catch is UnusableTorrent { continue }
            for place in Set([folder, root.text]).sorted(by: { $0.utf8.count > $1.utf8.count }) {
                let files: [FoundFile]
                do { files = try await disk.fingerprints(stored.payload.moved(to: FilePath(text: place))) } catch {
                    continue
                }
                if files.contains(where: { $0.print.size > 0 }) { found[torrent.id] = place }
                if found[torrent.id] != nil { break }
            }
            if found[torrent.id] == nil { search.add(stored) }
        }
        guard !search.isEmpty else { return found }
        search.walk(root, stop: stop)
        for (torrent, _) in targets where found[torrent.id] == nil {
            guard let (place, others) = search.best(torrent.id) else { continue }
            found[torrent.id] = place.folder
            if others > 0 {
                report(
                    .note(
                        "\(torrent.name.printable) was found in \(place.folder.printable), and \(Format.count(others, "other folder")) "
                            + "\(others == 1 ? "looks" : "look") the same: give the folder if that is the wrong one"))
            }
        }
        return found
    }

    /// Continues unfinished moves: those of the torrents, or all of them if there are no names. Returns how many there
    /// were.
    package func continueMoves(
        _ names: [String], stop: VerificationStop = VerificationStop(), report: @escaping @Sendable (MoveStep) -> Void
    ) async throws -> Int {
        let named = names.isEmpty ? nil : try connection.findTorrents(names)
        let moves = try connection.moves.rows()
        let torrents =
            try named ?? moves.compactMap { move throws(StoreError) in try connection.torrents.row(move.torrent) }
        if let other = named?.first(where: { torrent in !moves.contains { $0.torrent == torrent.id } }) {
            throw Failure.usage("\(other.name.printable) is not being moved: give the folder that it should move to")
        }
        try await each(torrents, stop, report) { run, torrent in try await run.continueMove(of: torrent) }
        return torrents.count
    }

    /// Removes what finished moves have left in the old folders, before an engine starts. Returns one sentence for each
    /// move that is still to be continued.
    package func finishMoves() async throws -> [String] {
        var sentences: [String] = []
        for move in try connection.moves.rows() {
            guard let torrent = try connection.torrents.row(move.torrent) else { continue }
            // The engine's command continues the move of a torrent that is complete.
            if let destination = try connection.destinations.row(move.torrent),
                PathText.isSame(destination.folder, move.target)
            {
                continue
            }
            if move.isHeld {
                sentences.append("\(torrent.name.printable): \(move.sentence.printable)")
            } else {
                do {
                    try await each([torrent], VerificationStop(), { _ in }) { try await $0.continueMove(of: $1) }
                } catch let failure as Failure { sentences.append(failure.description) }
            }
        }
        return sentences
    }

    /// Moves one torrent.
    func move(
        _ torrent: TorrentRow, to target: String, _ stop: VerificationStop,
        _ report: @escaping @Sendable (MoveStep) -> Void
    ) async throws {
        try await each([torrent], stop, report) { run, torrent in try await run.move(torrent, to: target) }
    }

    /// Runs `body` for each torrent, unless another command verifies or moves it.
    func each(
        _ torrents: [TorrentRow], _ stop: VerificationStop, _ report: @escaping @Sendable (MoveStep) -> Void,
        reserve: Int64 = 0, _ body: (MoveRun, TorrentRow) async throws -> Void
    ) async throws {
        let run = try MoveRun(self, stop, reserve: reserve, report)
        let lock = VerificationLock(database: database)
        var failed = 0
        for torrent in torrents {
            do {
                guard lock.take(torrent.id) else {
                    let process = lock.holder(of: torrent.id).map { " (process \($0))" } ?? ""
                    throw Failure(
                        "\(torrent.name.printable) is being verified or moved by another command\(process): wait for its end"
                    )
                }
                defer { lock.release(torrent.id) }
                try await body(run, torrent)
            } catch let failure as Failure where torrents.count > 1 && !stop.isRequested {
                report(.failed(failure.description))
                failed += 1
            }
        }
        guard failed > 0 else { return }
        throw Failure("\(Format.count(failed)) of \(Format.count(torrents.count, "torrent")) could not be moved")
    }
}
