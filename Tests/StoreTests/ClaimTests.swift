import DatabaseLab
import Glibc
import Store
import SystemPackage
import Testing
import Torrent

/// Claims that can't be believed are not.
@Suite struct ClaimTests {
    private func claimed(_ folder: TemporaryFolder) throws -> (Connection, TorrentID) {
        let db = try folder.connection()
        let id = try db.add(files: 20)
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.newPieces = pieces([1, 5, 7])
        record.completedBytes = 3 * 16384
        try db.pieces.record([record])
        try db.pieces.addWriteIntents(id, pieces([9]), now: noon)
        return (db, id)
    }

    /// Every bit of a row of the bitfield may turn over, also two at once that leave the population as it is.
    @Test(arguments: [
        "have = x'44C000'", "have = x'4500A0'", "have = x'C10000'", "have = x'000000'", "opened = x'002000'",
        "opened = NULL",
        "verified_at = 1699999999",
        "verified_at = NULL", "checksum = 5", "checksum = checksum + 1", "have = x'00000000', opened = x'00000000'",
    ]) func flippedBitfieldBitIsNoticed(change: String) throws {
        let folder = try TemporaryFolder()
        let (db, id) = try claimed(folder)
        #expect(try db.pieces.have(of: id, count: 20).population == 3)
        try db.execute("UPDATE bitfield SET \(change) WHERE torrent_id = ?", id)
        let error = try failure { _ = try db.pieces.claims(of: id, count: 20) }
        #expect(error.isOfRow && error.description.contains("bitfield of torrent \(id)"))
        #expect(try db.integrityFaults().count == 1)
        #expect(try db.pieces.unverify(id) == 20)
        #expect(try db.pieces.have(of: id, count: 20).isEmpty)
        #expect(try db.pieces.writeIntents(of: id, count: 20).isFull)
        #expect(try db.torrents.row(id)?.completedBytes == 0)
        #expect(try db.integrityFaults() == [])
        // The torrent goes on: what is found good is claimed again.
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.newPieces = pieces([1, 5, 7])
        try db.pieces.record([record])
        #expect(try db.pieces.have(of: id, count: 20).population == 3)
    }

    /// A page from before there were checksums is guarded by its population, which its torrent knows.
    @Test func pageWithoutAChecksumIsGuardedByItsPopulation() throws {
        let folder = try TemporaryFolder()
        let (db, id) = try claimed(folder)
        try db.execute("UPDATE bitfield SET checksum = NULL")
        #expect(try db.pieces.have(of: id, count: 20).population == 3)
        try db.execute("UPDATE bitfield SET have = x'C50000'")
        #expect(try failure { _ = try db.pieces.have(of: id, count: 20) }.isOfRow)
        // A missing page is noticed, too.
        try db.execute("DELETE FROM bitfield")
        #expect(try failure { _ = try db.pieces.have(of: id, count: 20) }.isOfRow)
    }

    /// A log that is cut brings an older state back; what was taken back must not come with it.
    @Test func withdrawnClaimIsNotInTheLog() throws {
        let folder = try TemporaryFolder()
        let (db, id) = try claimed(folder)
        let log = FilePath(folder.database.string + "-wal")
        #expect(try !read(log).isEmpty)
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.lostPieces = pieces([5])
        try db.pieces.record([record])
        #expect(try read(log).isEmpty)
        // A reader of an older moment keeps the log; the next record that comes after it empties it.
        let reader = try folder.connection(.readOnly)
        try reader.transaction(.deferred) { () throws(StoreError) in
            _ = try reader.torrents.rows()
            record.lostPieces = pieces([7])
            try db.pieces.record([record])
        }
        #expect(try !read(log).isEmpty)
        record.lostPieces = []
        try db.pieces.record([record])
        #expect(try read(log).isEmpty)
        #expect(try db.pieces.have(of: id, count: 20).population == 1)
    }
}
