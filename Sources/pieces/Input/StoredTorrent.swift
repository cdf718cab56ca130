import Disk
import Engine
import Store
import SystemPackage
import Torrent

/// All that the database knows of where a torrent's bytes are.
struct StoredTorrent: Sendable {
    let row: TorrentRow
    let metainfo: Metainfo
    let selection: FileSelection
    let have: Bitfield
    let fingerprints: [FingerprintRow]
    /// The identity of the volume that the payload was seen on.
    let volume: String?

    init(_ row: TorrentRow, _ connection: Connection) throws {
        guard let file = try connection.metainfo(of: row.id) else {
            throw Failure("torrent \(row.id) was removed in the meantime")
        }
        do {
            metainfo = try connection.asAdded(try Metainfo(torrentFile: file), row.id)
        } catch let error as MetainfoError {
            throw Failure("the .torrent of \(row.name.printable) in the database cannot be read: \(error)")
        }
        let wanted = try connection.wanted(of: row.id, count: metainfo.layout.files.count)
        guard let selection = FileSelection(layout: metainfo.layout, wanted: wanted) else {
            throw Failure(
                "the database lists \(wanted.count) files for \(row.name.printable), but its .torrent has \(metainfo.layout.files.count)"
            )
        }
        self.row = row
        self.selection = selection
        have = try connection.have(of: row.id, count: metainfo.geometry.pieceCount)
        fingerprints = try connection.fingerprints(of: row.id)
        volume = try row.volume.flatMap { volume throws(StoreError) in try connection.volume(volume)?.identity }
    }

    /// What is there of the payload. Whoever reads or writes it asks this first, and uses the payload of the answer.
    func look(_ disk: Disk) async -> PayloadLook {
        await disk.look(at: payload, lastSeen: LastSeen(row, fingerprints, volume: volume))
    }

    /// What to say of a look that found the payload out of reach: why, and what helps.
    func sentence(_ look: PayloadLook) -> String {
        let reason = look.reason ?? "the payload cannot be reached"
        return look.reach == .anotherDisk ? "\(reason); \(row.id.relocationAdvice)" : reason
    }

    /// Where the bytes are: a skipped file that was written before it was skipped keeps them.
    var payload: Payload {
        let payload = Payload(
            infoHash: row.infoHash, root: FilePath(text: row.output), layout: metainfo.layout,
            geometry: metainfo.geometry, wanted: selection.wanted)
        let files = metainfo.layout.files
        return payload.placing(
            fingerprints.map(\.index).filter {
                files.indices.contains($0) && !selection.wanted[$0] && !files[$0].isPad
            }, as: .file)
    }
}

extension TorrentID {
    /// What to do about a torrent that is offline because another disk is in the place of its own, and is meant to be.
    var relocationAdvice: String {
        "if the payload was moved to this disk on purpose, `pieces verify \(self) --relocated` checks what is there"
    }
}
