import Disk
import Store
import SystemPackage
import Torrent
import Verification

/// Payload that the user moved by hand.
extension MoveRun {
    /// Looks for the torrent's files in the folder, and makes it the torrent's. A file that is the one recorded, under
    /// another path, is trusted; of the others, the pieces recorded as present are hashed.
    func adopt(_ torrent: TorrentRow, in target: String) async throws {
        let name = torrent.name.printable
        if let move = try connection.moves.row(torrent.id), move.isHeld {
            throw Failure("\(name) is being moved: \(move.sentence.printable)")
        }
        let payload = try StoredTorrent(torrent, connection).payload.moved(to: FilePath(text: target))
        let found = try await look(torrent, in: payload)
        try await requireNothingLeft(torrent, found)
        report(.begins(torrent, bytes: 0))
        // What an earlier move has left behind is none of this one's business.
        try connection.moves.end(torrent.id)
        try begin(torrent, to: target)
        let move = try await waitForEngine(torrent)
        do {
            try await adopt(torrent, move, payload)
        } catch {
            try end(move)
            throw (error as? DiskError).map { Failure("\(name) was not moved: \($0)") } ?? error
        }
    }

    private func look(_ torrent: TorrentRow, in payload: Payload) async throws -> [PayloadFile: FoundFile] {
        let name = torrent.name.printable
        let found: [FoundFile]
        do { found = try await disk.fingerprints(payload) } catch {
            throw Failure("\(name) was not found there: \(error.fact.printable)")
        }
        guard found.contains(where: { $0.print.size > 0 }) || torrent.piecesHave == 0 else {
            throw Failure(
                "no file of \(name) is in \(payload.root.text.printable): give the folder that contains \(name)")
        }
        return Dictionary(found.map { ($0.file, $0) }) { first, _ in first }
    }

    /// A file that is still in the old folder wasn't moved yet.
    private func requireNothingLeft(_ torrent: TorrentRow, _ found: [PayloadFile: FoundFile]) async throws {
        let stored = try StoredTorrent(torrent, connection)
        guard !stored.have.isEmpty else { return }
        let look = await stored.look(disk)
        guard look.reach == .reachable else { return }
        let left = stored.fingerprints.map { PayloadFile(index: $0.index) }.filter {
            found[$0] == nil && look.files[$0] != nil
        }
        guard let first = left.first else { return }
        let others = left.count > 1 ? " and \(Format.count(left.count - 1, "other file"))" : ""
        throw Failure(
            "\(torrent.name.printable): \(look.payload.path(of: first).printable)\(others) \(left.count > 1 ? "are" : "is") not moved yet: "
                + "move the rest too, or let `pieces move` do it without --found")
    }

    private func adopt(_ torrent: TorrentRow, _ move: MoveRow, _ payload: Payload) async throws {
        // Read again, because an engine may have recorded more until it closed the files.
        let stored = try StoredTorrent(torrent, connection)
        let recorded = Dictionary(stored.fingerprints.map { ($0.index, $0) }) { _, last in last }
        let before = try await disk.fingerprints(payload)
        let trusted = Set(
            before.filter { found in
                recorded[found.file.index].map { found.print.isUnchanged(since: $0.print) } ?? false
            }.map(\.file))
        let metainfo = stored.metainfo
        var pieces = Bitfield(count: metainfo.geometry.pieceCount)
        for piece in stored.have.pieces {
            let places = metainfo.layout.files(of: piece, geometry: metainfo.geometry).filter {
                !metainfo.layout.files[$0].isEmpty
            }.compactMap { payload.place(of: $0) }
            if !places.allSatisfy(trusted.contains) { pieces.insert(piece) }
        }
        let wrong = pieces.isEmpty ? [] : try await wrongPieces(pieces, of: stored, payload)
        var good = stored.have
        for piece in wrong { good.remove(piece) }
        // Another program wrote the bytes and the names, perhaps a moment ago.
        disk.include(payload, pieces: good)
        let report = await disk.sync(payload)
        if let error = report.folderError { throw error }
        let durable = Dictionary(report.durable.map { ($0.file, $0) }) { _, last in last }
        var prints: [FingerprintRow] = []
        for found in before where recorded[found.file.index] != nil {
            guard found.print.size > 0 else {
                prints.append(FingerprintRow(found))
                continue
            }
            guard let now = durable[found.file] else { continue }
            guard now == found else {
                throw DiskError(.changed, .inspect, payload.path(of: found.file))
            }
            prints.append(FingerprintRow(now))
        }
        try await arrive(stored, move, prints, wrong)
        try connection.moves.end(torrent.id)
        self.report(
            .moved(
                Library.Moved(
                    torrent: torrent, source: move.source, target: move.target, files: before.count, copiedBytes: 0)))
    }
}
