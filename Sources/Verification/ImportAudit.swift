package import Disk
import Import
package import Store
package import Torrent

/// Compares what another client claimed of a torrent with the result of hashing it. The claim says nothing about the
/// payload; its wrong pieces are damage that the client didn't know of.
package struct ImportAudit: Sendable {
    /// The most files named in an event.
    private static let namedFiles = 3

    /// The pieces that the client claimed to have.
    package let claim: Bitfield
    /// Claimed pieces whose bytes are there, and wrong.
    package private(set) var wrong: Bitfield
    private var unreadable = false

    /// `nil` unless the torrent was imported and wasn't hashed since.
    package init?(of id: TorrentID, pieceCount: Int, _ connection: Connection) throws(StoreError) {
        guard let claim = try connection.imports.claim(of: id, pieceCount: pieceCount) else { return nil }
        self.claim = claim
        wrong = Bitfield(count: pieceCount)
    }

    package mutating func take(_ piece: PieceIndex, _ verdict: PieceVerdict) {
        switch verdict {
        case .good, .missing: wrong.remove(piece)
        case .bad: if claim[piece] { wrong.insert(piece) }
        case .unreadable: unreadable = true
        }
    }

    mutating func take(_ verdicts: Verdicts) {
        wrong.formUnion(verdicts.bad.intersection(claim))
        unreadable = unreadable || !verdicts.unreadable.isEmpty
    }

    /// The result for a torrent that now has these verified pieces; `nil` if some could not be read, so that it isn't
    /// known yet.
    ///
    /// Only pieces with a byte of a wanted file are counted, and only if all of their files were looked at: the bytes
    /// of a skipped file that isn't in place may be in the other client's part file, which isn't read.
    package func outcome(have: Bitfield, of metainfo: Metainfo, _ selection: FileSelection, _ payload: Payload)
        -> Outcome?
    {
        guard !unreadable else { return nil }
        let (layout, geometry) = (metainfo.layout, metainfo.geometry)
        var claim = claim.intersection(selection.wantedPieces(geometry: geometry))
        for file in layout.files where payload.placement[file.index] == .part && !file.isEmpty {
            for piece in layout.pieces(of: file.index, geometry: geometry) { claim.remove(piece) }
        }
        let wrong = wrong.intersection(claim).subtracting(have)
        var files: [String] = []
        var count = 0
        var last = -1
        for piece in wrong.pieces {
            for index in layout.files(of: piece, geometry: geometry) where index > last && !layout.files[index].isPad {
                last = index
                count += 1
                if files.count < Self.namedFiles { files.append(layout.files[index].displayPath) }
            }
        }
        return Outcome(
            wrong: wrong.population, missing: claim.subtracting(have).subtracting(wrong).population, files: files,
            fileCount: count,
            damage: wrong.pieces.map { piece in
                let place = metainfo.place(of: piece)
                return NewDamage(
                    piece: piece, kind: .rot, isHeld: false, path: place.path, fileOffset: place.fileOffset,
                    bytes: Int64(geometry.length(of: piece)))
            }, pieceCount: geometry.pieceCount)
    }

    /// What became of a claim.
    package struct Outcome: Sendable, Equatable {
        package let wrong: Int
        package let missing: Int
        /// The first files with wrong pieces, and how many there are.
        package let files: [String]
        package let fileCount: Int
        /// The wrong pieces: they stand as damage until they are fetched.
        package let damage: [NewDamage]
        let pieceCount: Int

        /// Records the outcome, and damage as an event.
        package func record(_ id: TorrentID, _ connection: Connection, now: Timestamp) throws(StoreError) {
            try connection.transaction { () throws(StoreError) in
                guard let row = try connection.imports.row(id),
                    try connection.imports.end(id, wrong: wrong, missing: missing, now: now), wrong > 0
                else { return }
                // What was fetched since is no damage any more.
                let have = try connection.pieces.have(of: id, count: pieceCount)
                try connection.damage.add(damage.filter { !have[$0.piece] }, of: id, now: now)
                let others =
                    fileCount > files.count ? " and \(Format.count(fileCount - files.count, "other file"))" : ""
                try connection.events.append(
                    .inheritedDamage,
                    "\(Format.count(wrong, "piece")) that \(ForeignClient(rawValue: row.client)?.title ?? row.client) counted as complete \(wrong == 1 ? "is" : "are") wrong, in "
                        + "\(files.joined(separator: ", "))\(others): damage that the old client didn't know of",
                    torrent: id, now: now)
            }
        }
    }
}
