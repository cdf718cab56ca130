import DatabaseLab
import Store
import Testing
import Torrent

/// Labels, notes, other names and digests as rows.
@Suite struct LabelTests {
    private func open(_ folder: TemporaryFolder, torrents: Int = 3) throws -> Connection {
        let db = try folder.connection(.readWriteCreate)
        for n in 0..<torrents {
            _ = try db.torrents.insert(
                NewTorrent(metainfo: try madeUp(seed: UInt64(n + 1), files: 20), output: "/data"), now: noon)
        }
        return db
    }

    @Test func labelsChooseTorrents() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let (one, two, three) = (TorrentID(1), TorrentID(2), TorrentID(3))
        for (name, ids) in [("archive", [three, one]), ("books", [one, two]), ("é", [two])] {
            for id in ids { try db.labels.add(name, to: id) }
        }
        try db.labels.add("books", to: one)
        #expect(try db.labels.names(of: one) == ["archive", "books"])
        #expect(try db.labels.torrents(with: ["archive"]) == [one, three])
        #expect(try db.labels.torrents(with: ["books", "archive"]) == [one])
        #expect(try db.labels.torrents(with: ["é", "archive"]) == [] && db.labels.torrents(with: ["none"]) == [])
        #expect(try db.labels.torrents(with: []) == [])
        #expect(try db.labels.counts().map(\.name) == ["archive", "books", "é"])
        #expect(try db.labels.counts().map(\.torrents) == [2, 2, 1])
        #expect(try db.labels.exists("books") && !db.labels.exists("book"))
        // The list shows each torrent's own, also those of none.
        var rows: [[String]] = []
        try db.status.forEachRow { (row) throws(StoreError) in rows.append(row.labels) }
        #expect(rows == [["archive", "books"], ["books", "é"], ["archive"]])
        try db.labels.remove("books", from: one)
        try db.labels.remove("nothing", from: one)
        #expect(try db.labels.names(of: one) == ["archive"])
        try db.torrents.remove(two, now: noon)
        #expect(try db.labels.counts().map(\.name) == ["archive"])
        #expect(
            try db.values("SELECT label FROM v1_label WHERE torrent_id = 1", as: String.self) == ["archive"])
    }

    /// No torrents but those with the label are read.
    @Test func choosingByLabelUsesTheIndex() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder, torrents: 1)
        let steps = try db.plan("SELECT torrent_id FROM label WHERE name = 'x' ORDER BY torrent_id")
        #expect(steps.count == 1 && steps[0].contains("label_by_name"), "\(steps)")
    }

    @Test(arguments: [
        ("  a b ", "a b"), ("a/b", "a/b"), ("", nil), ("   ", nil), ("a\nb", nil), ("a\u{202e}b", nil),
        (String(repeating: "x", count: 100), String(repeating: "x", count: 100)),
        (String(repeating: "x", count: 101), nil), ("\u{10fee9}", nil),
    ]) func labelNamesAreChecked(text: String, expected: String?) {
        #expect(LabelName.checked(text) == expected)
    }

    @Test func aNoteIsReplacedAndDeleted() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let id = TorrentID(1)
        #expect(try db.notes.row(of: id) == nil)
        try db.notes.set(id, "first", now: noon)
        try db.notes.set(id, "second\nline", now: noon + .seconds(5))
        #expect(try db.notes.row(of: id)?.text == "second\nline" && db.notes.row(of: id)?.at == noon + .seconds(5))
        var notes: [String?] = []
        try db.status.forEachRow { (row) throws(StoreError) in notes.append(row.note) }
        #expect(notes == ["second\nline", nil, nil])
        try db.notes.set(id, nil, now: noon)
        #expect(try db.notes.row(of: id) == nil)
    }

    // MARK: Other names

    /// SQL and the decoded metainfo agree on every path.
    @Test func pathsInSQLAreThoseOfTheMetainfo() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let id = TorrentID(1)
        let file = try #require(try db.metainfos.file(of: id))
        let metainfo = try Metainfo(torrentFile: file)
        let some = metainfo.layout.files.filter { !$0.isPad }.map(\.index)
        for renames in [
            Renames(), Renames(root: "other"), Renames(files: [some[0]: "x/y", some[1]: "z"]),
            Renames(root: "other", files: [some[2]: "w"]),
        ] {
            try db.renames.set(id, renames)
            #expect(try db.renames.of(id) == renames)
            let stored = try db.paths.asStored(metainfo, id)
            #expect(try db.paths.asStored(stored, id).layout == stored.layout)
            let paths = stored.layout.files.map(\.displayPath)
            // Padding has no name on the disk.
            let named = try db.files.named(of: id)
            for (file, row) in zip(stored.layout.files, named) where !file.isPad {
                #expect(row.path == paths[file.index])
            }
            let seen: [String] = try db.values("SELECT path FROM v1_file WHERE torrent_id = 1 ORDER BY file_index")
            for index in some { #expect(seen[index] == paths[index]) }
            let original: [String] = try db.values(
                "SELECT metainfo_path FROM v1_file WHERE torrent_id = 1 ORDER BY file_index")
            #expect(original == metainfo.layout.files.map(\.displayPath))
        }
    }

    @Test func aTorrentIsAddedWithOtherNames() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection(.readWriteCreate)
        var new = NewTorrent(metainfo: try madeUp(seed: 3, files: 20), output: "/data")
        new.renames = Renames(root: "mine")
        let id = try db.torrents.insert(new, now: noon)
        #expect(try db.torrents.row(id)?.name == "mine")
        #expect(try db.roots.neighbours(at: "/data/mine").map(\.id) == [id])
        #expect(try db.roots.neighbours(at: "/data/\(new.metainfo.name)").isEmpty)
    }

    /// A database may contain anything: the torrent is reported, and no path leads out.
    @Test(arguments: ["../../etc/passwd", "/etc/passwd", "a/../../b", "."]) func damagedNamesAreRefused(path: String)
        throws
    {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let metainfo = try madeUp(seed: 1, files: 20)
        try db.execute("INSERT INTO renamed (torrent_id, idx, path) VALUES (1, 0, ?)", path)
        #expect(throws: StoreError.self) { try db.paths.asStored(metainfo, TorrentID(1)) }
        try db.execute("UPDATE renamed SET idx = -1")
        #expect(throws: StoreError.self) { try db.paths.asStored(metainfo, TorrentID(1)) }
        try db.execute("UPDATE renamed SET idx = 1000000, path = 'x'")
        #expect(throws: StoreError.self) { try db.paths.asStored(metainfo, TorrentID(1)) }
    }

    // MARK: Digests

    @Test func aDigestThatChangesIsLogged() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let id = TorrentID(2)
        let (a, b) = (SHA256.hash([1]), SHA256.hash([2]))
        try db.digests.save(id, [FileDigest(file: 0, sha256: a), FileDigest(file: 1, sha256: b)], now: noon)
        try db.digests.save(id, [FileDigest(file: 0, sha256: a)], now: noon + .seconds(9))
        #expect(try db.digests.rows(of: id).mapValues(\.sha256) == [0: a, 1: b])
        #expect(try db.digests.rows(of: id)[0]?.readAt == noon + .seconds(9))
        #expect(try db.events.rows(of: id, limit: 5).allSatisfy { $0.kind == .added })
        try db.digests.save(id, [FileDigest(file: 1, sha256: a)], now: noon)
        #expect(try db.events.rows(of: id, limit: 1).first?.kind == .failed)
        #expect(
            try db.value("SELECT sha256 FROM v1_digest WHERE torrent_id = 2 AND file_index = 1") == Hex.encode(a))
    }
}
