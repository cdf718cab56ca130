import DatabaseLab
import Store
import Testing
import Torrent

/// What the database remembers of files' owners, and which torrents name the same paths.
@Suite struct OwnershipTests {
    private func fingerprint(_ index: Int, inode: UInt64, device: UInt64 = 1) -> FingerprintRow {
        FingerprintRow(index: index, FileFingerprint(size: 10, mtimeNs: 1, inode: inode, device: device))
    }

    private func record(_ id: TorrentID, _ files: [FingerprintRow], _ db: Connection) throws {
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.files = files
        _ = try db.pieces.record([record])
    }

    @Test func announcedFileIsKeptUntilRecordedOrWithdrawn() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let id = try db.torrents.insert(NewTorrent(metainfo: try madeUp(), output: "/out"), now: noon)
        try db.files.announce(id, [0, FingerprintRow.partFile])
        #expect(try db.files.ownership(of: id).map(\.index) == [FingerprintRow.partFile, 0])
        #expect(try db.files.fingerprints(of: id).isEmpty, "an announcement is no fingerprint")
        try record(id, [fingerprint(0, inode: 5)], db)
        #expect(try db.files.ownership(of: id).map(\.index) == [FingerprintRow.partFile])
        try db.files.withdraw(id, [FingerprintRow.partFile])
        #expect(try db.files.ownership(of: id).isEmpty && db.files.rows(of: id).map(\.index) == [0])
    }

    @Test func secondTorrentToRecordAFileSharesIt() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let one = try db.torrents.insert(NewTorrent(metainfo: try madeUp(seed: 1), output: "/a"), now: noon)
        let two = try db.torrents.insert(NewTorrent(metainfo: try madeUp(seed: 2), output: "/b"), now: noon)
        try record(one, [fingerprint(0, inode: 5)], db)
        try record(two, [fingerprint(0, inode: 5)], db)
        #expect(try db.files.ownership(of: one).isEmpty && db.files.ownership(of: two).map(\.isShared) == [true])
        let holders = try db.files.holders(ofInode: 5, besides: two)
        #expect(holders.map(\.torrent) == [one] && holders.first?.output == "/a" && holders.first?.isShared == false)
        try record(two, [fingerprint(0, inode: 5)], db)
        #expect(try db.files.ownership(of: two).map(\.isShared) == [true], "it stays shared while it is the same file")
        try db.torrents.remove(one, now: noon)
        try record(two, [fingerprint(0, inode: 6)], db)
        #expect(try db.files.ownership(of: two).isEmpty, "another file is looked at anew")
        try record(two, [fingerprint(0, inode: 5, device: 2)], db)
        #expect(try db.files.holders(ofInode: 7, besides: one).isEmpty)
    }

    @Test func neighboursAreFoundAtTheSamePath() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        func add(_ seed: UInt64, _ root: String) throws -> TorrentID {
            // The name is the root's last part.
            let id = try db.torrents.insert(NewTorrent(metainfo: try madeUp(seed: seed), output: "/out"), now: noon)
            let slash = root.lastIndex(of: "/") ?? root.startIndex
            let folder = slash == root.startIndex ? "/" : String(root[..<slash])
            try db.execute("UPDATE torrent SET name = ? WHERE id = ?", String(root[root.index(after: slash)...]), id)
            try db.torrents.setOutput(id, folder)
            return id
        }
        let same = try add(1, "/srv/x")
        _ = try add(2, "/srv/x/y")
        let above = try add(3, "/srv")
        for (seed, root) in [(4, "/srv/x y"), (5, "/srv/x.iso"), (6, "/srv/x0"), (7, "/srv/w"), (8, "/srv/X")]
            as [(UInt64, String)]
        {
            _ = try add(seed, root)
        }
        #expect(
            try db.roots.neighbours(at: "/srv/x").map(\.id) == [same]
                && db.roots.neighbours(at: "/srv").map(\.id) == [above])
        #expect(
            try db.plan("SELECT id, name FROM torrent WHERE root_hash = 1") == [
                "SEARCH torrent USING INDEX torrent_by_root (root_hash=?)"
            ])
        // The folders that are at the path or below it, and no others.
        #expect(try db.roots.folders(within: "/srv/x") == ["/srv/x"])
        for (seed, root) in [
            (9, "/srv/x/y/z"), (10, "/srv/x/é/z"), (11, "/srv/x0/z"), (12, "/srv/x y/z"), (13, "/srv/x.d/z"),
        ] as [(UInt64, String)] {
            _ = try add(seed, root)
        }
        #expect(try db.roots.folders(within: "/srv/x") == ["/srv/x", "/srv/x/y", "/srv/x/é"])
        #expect(try db.roots.folders(within: "/srv/y").isEmpty)
        let folders = try db.plan("SELECT path FROM folder WHERE path = 'a' OR (path > 'a/' AND path < 'a0')")
        #expect(folders.filter { $0.hasPrefix("SCAN") }.isEmpty, "\(folders)")
    }

    @Test func pathsWithEqualHashesAreDistinguished() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        var seen: [Int64: String] = [:]
        var twins: (String, String)?
        for number in 0... {
            let name = "volume \(number)"
            if let other = seen.updateValue(name, forKey: RootTable.hash("/srv/" + name)) {
                twins = (other, name)
                break
            }
        }
        let (one, other) = try #require(twins)
        let ids = try [one, other].enumerated().map { n, name in
            let id = try db.torrents.insert(
                NewTorrent(metainfo: try madeUp(seed: UInt64(n)), output: "/elsewhere"), now: noon)
            try db.execute("UPDATE torrent SET name = ? WHERE id = ?", name, id)
            try db.torrents.setOutput(id, "/srv")
            return id
        }
        #expect(try db.roots.neighbours(at: "/srv/" + one).map(\.id) == [ids[0]])
        #expect(try db.roots.neighbours(at: "/srv/" + other).map(\.id) == [ids[1]])
    }

    /// The hash is in databases: another one would find nothing in them.
    @Test func pathHashIsTheStartOfItsSHA1() {
        // printf /srv/x | sha1sum
        #expect(RootTable.hash("/srv/x") == Int64(Int32(bitPattern: 0x8a7de795)))
        #expect(RootTable.hash("/srv/e\u{301}") != RootTable.hash("/srv/\u{e9}"))
    }

    @Test func rootFollowsTheOutputFolder() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let metainfo = try madeUp()
        let id = try db.torrents.insert(NewTorrent(metainfo: metainfo, output: "/"), now: noon)
        #expect(try db.roots.neighbours(at: "/" + metainfo.name).map(\.id) == [id])
        try db.torrents.setOutput(id, "/elsewhere")
        #expect(try db.roots.neighbours(at: "/elsewhere/" + metainfo.name).map(\.id) == [id])
        #expect(try db.roots.neighbours(at: "/" + metainfo.name).isEmpty)
        #expect(try db.roots.folders(within: "/elsewhere") == ["/elsewhere"])
    }
}
