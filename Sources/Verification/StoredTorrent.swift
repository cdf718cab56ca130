package import Disk
package import Store
import SystemPackage
package import Torrent

/// Everything that the database knows about the location of a torrent's bytes.
package struct StoredTorrent: Sendable {
    package let row: TorrentRow
    package let metainfo: Metainfo
    package let selection: FileSelection
    package let have: Bitfield
    package let fingerprints: [FingerprintRow]
    /// The volume on which the payload was last seen.
    package let volume: VolumeRow?
    /// What another client claimed; `nil` unless the torrent was imported and wasn't hashed since.
    package let audit: ImportAudit?

    package init(_ row: TorrentRow, _ connection: Connection) throws {
        guard row.hasMetadata else { throw UnusableTorrent(row.metadataIsMissing) }
        guard let file = try connection.metainfos.file(of: row.id) else {
            throw UnusableTorrent("torrent \(row.id) was removed in the meantime")
        }
        try self.init(row, try Self.parsed(file, of: row), connection)
    }

    /// Parses the torrent's file. For a torrent of very many files, that is most of the work.
    package static func parsed(_ file: [UInt8], of row: TorrentRow) throws(UnusableTorrent) -> Metainfo {
        do {
            return try Metainfo(torrentFile: file)
        } catch {
            throw UnusableTorrent("the .torrent of \(row.name.printable) in the database cannot be read: \(error)")
        }
    }

    /// The torrent with its parsed file.
    package init(_ row: TorrentRow, _ parsed: Metainfo, _ connection: Connection) throws {
        metainfo = try connection.paths.asStored(parsed, row.id)
        let wanted = try connection.files.wanted(of: row.id, count: metainfo.layout.files.count)
        guard let selection = FileSelection(layout: metainfo.layout, wanted: wanted) else {
            throw UnusableTorrent(
                "the database lists \(wanted.count) files for \(row.name.printable), but its .torrent has \(metainfo.layout.files.count)"
            )
        }
        self.row = row
        self.selection = selection
        have = try connection.pieces.have(of: row.id, count: metainfo.geometry.pieceCount)
        fingerprints = try connection.files.fingerprints(of: row.id)
        audit = try ImportAudit(of: row.id, pieceCount: metainfo.geometry.pieceCount, connection)
        volume = try row.volume.flatMap { volume throws(StoreError) in try connection.volumes.row(volume) }
    }

    /// Looks for the payload. Call this before reading or writing the payload, and use the payload of the result.
    package func look(_ disk: Disk) async -> PayloadLook {
        await disk.look(
            at: payload, orInPlace: audit == nil ? [] : payload.skippedFiles,
            lastSeen: LastSeen(row, fingerprints, volume: volume))
    }

    /// The number of pieces recorded as present that are good on the disk.
    package func countRightClaims() async throws -> Int {
        let metainfo = metainfo
        let found = await (try Disk()).verify(payload, pieces: have, hashes: metainfo.pieceHashes)
        return found.verdicts.count { $0.verdict == .good }
    }

    /// The message for a look that found the payload unreachable: why, and what helps.
    package func sentence(_ look: PayloadLook) -> String {
        let reason = look.reason ?? "the payload cannot be reached"
        return look.allowsRelocation ? "\(reason); \(row.id.relocationAdvice)" : reason
    }

    /// Why the payload isn't verified as relocated: none of it is where it should be.
    var relocationRefusal: String {
        "nothing was verified, and nothing counts as lost, because no file of \(row.name.printable) is in "
            + "\(row.output.printable) and its disk is not mounted there: mount it, or copy the files there first; if they "
            + "are lost for good, `pieces export \(row.id)`, `pieces remove \(row.id)` and `pieces add` begin anew"
    }

    /// The location of the torrent's bytes.
    package var payload: Payload { Self.payload(of: row, metainfo, selection, fingerprints) }

    /// The location of a torrent's bytes. A skipped file that was written before it was skipped keeps its bytes.
    package static func payload(
        of row: TorrentRow, _ metainfo: Metainfo, _ selection: FileSelection, _ fingerprints: [FingerprintRow]
    ) -> Payload {
        let files = metainfo.layout.files
        let payload = Payload(
            infoHash: row.infoHash, root: FilePath(text: row.output), layout: metainfo.layout,
            geometry: metainfo.geometry, wanted: selection.wanted)
        return payload.placing(
            fingerprints.map(\.index).filter {
                files.indices.contains($0) && !selection.wanted[$0] && !files[$0].isPad
            }, as: .file
        ).protected(row.settings.isReadOnly ? .byUser : nil)
    }
}

extension PayloadLook {
    /// Whether the payload may have been moved on purpose: it is on another disk than before, and some of it is there.
    /// The records of a torrent are never discarded because of an empty mount point.
    package var allowsRelocation: Bool { reach == .anotherDisk && hasBytes }
}

extension TorrentID {
    /// What to do about a torrent that is offline because another disk has deliberately taken its disk's place.
    package var relocationAdvice: String {
        "if the payload was moved to this disk on purpose, `pieces verify \(self) --relocated` checks what is there"
    }
}

extension TorrentRow {
    /// The message for a command that needs the metadata, which hasn't arrived.
    package var metadataIsMissing: String {
        "the metadata of \(name.printable) isn't here yet, so its files aren't known: `pieces explain \(id)` shows how far it is"
    }
}

/// Why the database can't tell where a torrent's bytes are, in one sentence.
package struct UnusableTorrent: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
