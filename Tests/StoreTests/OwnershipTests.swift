import Testing
import Torrent

@testable import Store

/// What the database remembers of files' owners, and which torrents name the same paths.
@Suite struct OwnershipTests {
    private func fingerprint(_ index: Int, inode: Int64, device: Int64 = 1) -> FingerprintRow {
        FingerprintRow(index: index, size: 10, mtimeNs: 1, inode: inode, device: device)
    }

    private func record(_ id: TorrentID, _ files: [FingerprintRow], _ db: Connection) throws {
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.files = files
        _ = try db.record([record])
    }

    @Test func anAnnouncedFileIsRememberedUntilItIsRecordedOrWithdrawn() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let id = try db.insertTorrent(NewTorrent(metainfo: try madeUp(), output: "/out"), now: noon)
        try db.announceFiles(id, [0, FingerprintRow.partFile])
        #expect(try db.ownership(of: id).map(\.index) == [FingerprintRow.partFile, 0])
        #expect(try db.fingerprints(of: id).isEmpty, "an announcement is no fingerprint")
        try record(id, [fingerprint(0, inode: 5)], db)
        #expect(try db.ownership(of: id).map(\.index) == [FingerprintRow.partFile])
        try db.withdrawFiles(id, [FingerprintRow.partFile])
        #expect(try db.ownership(of: id).isEmpty && db.files(of: id).map(\.index) == [0])
    }

    @Test func theSecondWhoRecordsAFileSharesIt() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let one = try db.insertTorrent(NewTorrent(metainfo: try madeUp(seed: 1), output: "/a"), now: noon)
        let two = try db.insertTorrent(NewTorrent(metainfo: try madeUp(seed: 2), output: "/b"), now: noon)
        try record(one, [fingerprint(0, inode: 5)], db)
        try record(two, [fingerprint(0, inode: 5)], db)
        #expect(try db.ownership(of: one).isEmpty && db.ownership(of: two).map(\.isShared) == [true])
        let holders = try db.holders(ofInode: 5, besides: two)
        #expect(holders.map(\.torrent) == [one] && holders.first?.output == "/a" && holders.first?.isShared == false)
        try record(two, [fingerprint(0, inode: 5)], db)
        #expect(try db.ownership(of: two).map(\.isShared) == [true], "it stays shared while it is the same file")
        try db.removeTorrent(one, now: noon)
        try record(two, [fingerprint(0, inode: 6)], db)
        #expect(try db.ownership(of: two).isEmpty, "another file is looked at anew")
        try record(two, [fingerprint(0, inode: 5, device: 2)], db)
        #expect(try db.holders(ofInode: 7, besides: one).isEmpty)
    }

    @Test func neighboursAreFoundAboveBelowAndAtTheSamePath() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        func add(_ seed: UInt64, _ root: String) throws -> TorrentID {
            // The name is the root's last part.
            let id = try db.insertTorrent(NewTorrent(metainfo: try madeUp(seed: seed), output: "/out"), now: noon)
            let slash = root.lastIndex(of: "/") ?? root.startIndex
            try db.execute(
                "UPDATE torrent SET output = ?, name = ? WHERE id = ?", slash == root.startIndex ? "/" : String(root[..<slash]),
                String(root[root.index(after: slash)...]), id)
            return id
        }
        let same = try add(1, "/srv/x")
        let below = try add(2, "/srv/x/y")
        let above = try add(3, "/srv")
        for (seed, root) in [(4, "/srv/x y"), (5, "/srv/x.iso"), (6, "/srv/x0"), (7, "/srv/w"), (8, "/srv/X")] as [(UInt64, String)] {
            _ = try add(seed, root)
        }
        #expect(try db.neighbours(at: "/srv/x").map(\.id) == [same] && db.neighbours(at: "/srv").map(\.id) == [above])
        #expect(try db.neighbours(below: "/srv/x").map(\.id) == [below])
        let plan = try db.rows("EXPLAIN QUERY PLAN SELECT id FROM torrent WHERE rtrim(coalesce(resolved, output), '/') || '/' || name = 'x'") {
            (row) throws(StoreError) in
            _ = (try row.next(Int.self), try row.next(Int.self), try row.next(Int.self))
            return try row.next(String.self)
        }
        #expect(plan.allSatisfy { $0.contains("torrent_by_root") }, "\(plan)")
    }

    @Test func theRootFollowsTheOutputFolder() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let metainfo = try madeUp()
        let id = try db.insertTorrent(NewTorrent(metainfo: metainfo, output: "/"), now: noon)
        #expect(try db.neighbours(at: "/" + metainfo.name).map(\.id) == [id])
        try db.setOutput(id, "/elsewhere")
        #expect(try db.neighbours(at: "/elsewhere/" + metainfo.name).map(\.id) == [id])
    }
}
