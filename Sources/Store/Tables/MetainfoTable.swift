package import Torrent

/// The table `metainfo`: the .torrent files.
package struct MetainfoTable {
    let db: Connection

    /// Bytes of a piece's SHA-1.
    private static let hashLength = 20

    /// The .torrent file, byte for byte; `nil` when the torrent doesn't exist.
    package func file(of id: TorrentID) throws(StoreError) -> [UInt8]? {
        try db.value("SELECT file FROM metainfo WHERE torrent_id = ?", id)
    }

    /// The raw info dictionary alone, as it is sent to peers (BEP 9).
    package func infoDictionary(of id: TorrentID) throws(StoreError) -> [UInt8] {
        guard let span: InfoSpan = try db.fetchOne("FROM metainfo WHERE torrent_id = ?", id) else {
            throw db.noTorrent(id)
        }
        return try db.blob(
            table: "metainfo", column: "file", row: id.rawValue, range: try checked(id, span.offset, span.length))
    }

    /// The SHA-1s of a range of pieces, 20 bytes each, read without the rest of the file.
    package func pieceHashes(of id: TorrentID, _ pieces: Range<PieceIndex>) throws(StoreError) -> [UInt8] {
        let span: HashSpan? = try db.fetchOne(
            "FROM metainfo AS m JOIN torrent AS t ON t.id = m.torrent_id WHERE m.torrent_id = ?", id)
        guard let span else { throw db.noTorrent(id) }
        precondition(
            pieces.lowerBound.value >= 0 && pieces.upperBound.value <= span.count, "pieces outside the torrent")
        let (offset, overflow) = span.offset.addingReportingOverflow(pieces.lowerBound.value * Self.hashLength)
        return try db.blob(
            table: "metainfo", column: "file", row: id.rawValue,
            range: try checked(id, overflow ? -1 : offset, pieces.count * Self.hashLength))
    }

    func insert(_ metainfo: Metainfo, _ id: TorrentID) throws(StoreError) {
        try db.execute(
            "INSERT INTO metainfo (torrent_id, pieces_offset, info_offset, info_length, file) VALUES (?, ?, ?, ?, ?)",
            id, metainfo.pieceHashesRange.lowerBound, metainfo.infoRange.lowerBound, metainfo.infoRange.count,
            metainfo.file)
    }

    /// A range made of numbers in the database, after a check that they are possible.
    private func checked(_ id: TorrentID, _ offset: Int, _ length: Int) throws(StoreError) -> Range<Int> {
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard offset >= 0, length >= 0, !overflow else {
            throw db.fault(
                .corrupt, torrent: id,
                "the metainfo of torrent \(id) has invalid offsets: remove the torrent and add it again")
        }
        return offset..<end
    }

    /// Where the info dictionary is in the file.
    private struct InfoSpan: Row {
        static let columns = "info_offset, info_length"
        let offset: Int
        let length: Int

        init(_ row: Statement) throws(StoreError) {
            offset = try row.next()
            length = try row.next()
        }
    }

    /// Where the hashes of the pieces are in the file, and how many there are.
    private struct HashSpan: Row {
        static let columns = "m.pieces_offset, coalesce(t.piece_count, 0)"
        let offset: Int
        let count: Int

        init(_ row: Statement) throws(StoreError) {
            offset = try row.next()
            count = try row.next()
        }
    }
}
