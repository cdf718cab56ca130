import Disk
package import Store
import Torrent

/// Which pieces of a torrent a verification hashes.
package enum VerificationScope: Sendable {
    /// The pieces recorded as present, and the pieces of files that were never fingerprinted.
    case claimed
    /// All wanted pieces: payload that came from elsewhere is adopted. For an imported torrent that wasn't hashed yet,
    /// also the pieces of skipped files that are in place.
    case everything
}

/// A torrent to verify, as the database describes it.
package struct VerificationTask: Sendable {
    let torrent: StoredTorrent
    let scope: VerificationScope
    /// Pieces that this verification confirmed before it was interrupted.
    let confirmed: Bitfield
    /// Whether the user said that the payload was moved to another disk: then what is missing there is lost, not
    /// unreachable. If nothing of the payload is there, it counts as unreachable all the same.
    var isRelocated = false
    /// Whether the SHA-256 of whole files is computed in the same pass.
    var computesDigests = false

    /// The pieces to hash, given the files that exist now.
    func pieces(current: [Int: FoundFile]) -> Bitfield {
        let metainfo = torrent.metainfo
        var pieces = torrent.have
        switch scope {
        case .everything:
            pieces.formUnion(torrent.selection.wantedPieces(geometry: metainfo.geometry))
            // The other client may have completed a file before the user skipped it there.
            guard torrent.audit != nil else { break }
            for index in current.keys where !torrent.selection.wanted[index] {
                for piece in metainfo.layout.pieces(of: index, geometry: metainfo.geometry) { pieces.insert(piece) }
            }
        case .claimed:
            let looked = Set(torrent.fingerprints.map(\.index))
            for file in metainfo.layout.files
            where !file.isEmpty && current[file.index] != nil && !looked.contains(file.index) {
                for piece in metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry) {
                    pieces.insert(piece)
                }
            }
        }
        return pieces.subtracting(confirmed)
    }

    /// An estimate of the bytes that will be read, made before the files are inspected.
    package static func estimate(_ row: TorrentRow, _ scope: VerificationScope) -> Int64 {
        switch scope {
        case .everything: row.wantedBytes
        case .claimed: row.isRootSeen ? row.completedBytes : row.totalBytes
        }
    }
}

extension Bitfield {
    /// Bytes of the pieces.
    func bytes(_ geometry: Geometry) -> Int64 {
        guard let last = geometry.pieces.last else { return 0 }
        let all = Int64(population) * Int64(geometry.pieceLength)
        return self[last] ? all - Int64(geometry.pieceLength - geometry.length(of: last)) : all
    }
}
