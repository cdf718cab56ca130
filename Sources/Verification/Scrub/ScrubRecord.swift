package import Store
package import Torrent

/// What a scrub has found of one torrent since its last record.
package struct ScrubRecord: Sendable {
    /// An event for the log.
    package struct Event: Sendable, Hashable {
        package let kind: EventKind
        package let text: String

        package init(_ kind: EventKind, _ text: String) {
            self.kind = kind
            self.text = text
        }
    }

    /// The end of a sentence about damage that is held.
    package static let heldRest = "; it isn't repaired while repairs on the volume are stopped"

    package let torrent: TorrentID
    package let volume: VolumeID?
    /// Pages whose pieces were all read and are good.
    package var pages: [ScrubPages.Done] = []
    /// The fingerprints of files whose pieces were all judged.
    package var files: [FingerprintRow] = []
    /// Damage, which is recorded before its pieces lose their claims.
    package var damage: [NewDamage] = []
    /// Whether an earlier record has said what damage this is, so that it needs no events.
    package var isRepeated = false
    /// Pieces whose damage is gone.
    package var repaired: [PieceIndex] = []
    /// Events besides those of rotten and unreadable pieces, which follow from the damage.
    package var events: [Event] = []
    package var readBytes: Int64 = 0
    package var readPieces = 0
    package var badPieces = 0
    package var transients = 0
    /// Where the scrub is; `nil` at the end of a turn.
    package var cursor: ScrubVolumeRow.Cursor?
    /// Why repairs on the volume stop.
    package var holdReason: String?
    /// The torrent, if no engine works on it: then this record takes the claims of the damaged pieces.
    package var dormant: StoredTorrent?
    /// Files of damaged pieces that are gone: their fingerprints are forgotten.
    package var missingFiles: [Int] = []
    /// The SHA-256 of files that were read whole and are good.
    package var digests: [FileDigest] = []

    package init(torrent: TorrentID, volume: VolumeID?) {
        self.torrent = torrent
        self.volume = volume
    }

    package var isEmpty: Bool {
        pages.isEmpty && files.isEmpty && damage.isEmpty && repaired.isEmpty && events.isEmpty && readPieces == 0
            && holdReason == nil && digests.isEmpty
    }

    /// Whether it must survive a power cut. Everything else is only read once more.
    package var isUrgent: Bool { !(damage.isEmpty && repaired.isEmpty && files.isEmpty && holdReason == nil) }

    /// Puts an earlier record that could not be written before this one. Its damage is held if `isHeld`.
    package mutating func follow(_ earlier: ScrubRecord, isHeld: Bool) {
        pages = earlier.pages + pages
        files = earlier.files + files
        damage = earlier.damage.map { isHeld ? $0.held() : $0 } + damage
        repaired = earlier.repaired + repaired
        events = earlier.events + events
        readBytes += earlier.readBytes
        readPieces += earlier.readPieces
        badPieces += earlier.badPieces
        transients += earlier.transients
        holdReason = holdReason ?? earlier.holdReason
        digests = earlier.digests + digests
        missingFiles = earlier.missingFiles + missingFiles.filter { !earlier.missingFiles.contains($0) }
    }

    /// Writes everything in the caller's transaction. A torrent that was removed, or is being moved, gets nothing: the
    /// files that were read aren't its own any more.
    package func write(to connection: Connection, now: Timestamp) throws(StoreError) {
        guard let row = try connection.torrents.row(torrent), try !connection.moves.isHeld(torrent) else { return }
        if !damage.isEmpty {
            try connection.damage.add(damage, of: torrent, now: now)
            if let dormant { try takeClaims(dormant, row, connection, now) }
        }
        for page in pages { try connection.pieces.markVerified(torrent, page.pieces, now: page.at) }
        for file in files { try connection.files.saveFingerprint(torrent, file, at: now) }
        if !missingFiles.isEmpty, dormant != nil {
            try connection.files.clearFingerprints(torrent, files: missingFiles)
        }
        try connection.digests.save(torrent, digests, now: now)
        try connection.damage.repaired(repaired, of: torrent, now: now)
        for event in isRepeated ? events : events + damageEvents {
            try connection.events.append(event.kind, event.text, torrent: torrent, now: now)
        }
        guard let volume, try connection.volumes.row(volume) != nil else { return }
        try connection.scrubs.add(
            volume, readBytes: readBytes, pieces: readPieces, bad: badPieces, transients: transients, cursor: cursor)
        guard let holdReason else { return }
        try connection.scrubs.hold(volume, reason: holdReason, now: now)
        for other in try connection.damage.hold(on: volume) {
            try connection.intents.append(.repair, torrent: other, now: now)
        }
    }

    private func takeClaims(_ stored: StoredTorrent, _ row: TorrentRow, _ connection: Connection, _ now: Timestamp)
        throws(StoreError)
    {
        let (metainfo, lost) = (stored.metainfo, damage.map(\.piece))
        // Read again, because another process may have recorded more.
        var have = try connection.pieces.have(of: torrent, count: metainfo.geometry.pieceCount)
        for piece in lost { have.remove(piece) }
        var record = ProgressRecord(torrent: torrent, verifiedAt: now)
        record.lostPieces = lost
        record.completedBytes = stored.selection.bytes(in: have, geometry: metainfo.geometry)
        record.fileBytes = metainfo.fileBytes(touchedBy: lost, have: have)
        _ = try connection.pieces.record([record])
    }
}
