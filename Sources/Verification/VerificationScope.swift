import Disk
import Store
import Torrent

/// Which pieces of a torrent a verification hashes.
package enum VerificationScope: Sendable {
    /// What the database claims, and what lies in files that nobody has looked at yet.
    case claimed
    /// All that is wanted: payload that came from elsewhere is adopted.
    case everything
}

/// One torrent that is to be verified, as the database has it.
package struct VerificationTask: Sendable {
    let torrent: StoredTorrent
    let scope: VerificationScope
    /// Claims that this verification has confirmed before it was interrupted.
    let confirmed: Bitfield
    /// Whether the user said that the payload was moved to another disk: what is missing there is lost, and not out of
    /// reach.
    var isRelocated = false

    /// The pieces to hash, given the files that are there now.
    func pieces(current: [Int: Fingerprint]) -> Bitfield {
        let metainfo = torrent.metainfo
        var pieces = torrent.have
        switch scope {
        case .everything:
            pieces.formUnion(torrent.selection.wantedPieces(geometry: metainfo.geometry))
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

    /// Bytes that will probably be read, before anybody looked.
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
