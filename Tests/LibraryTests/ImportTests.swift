import Bencode
import Glibc
import Import
import Library
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent
import Verification

/// What becomes of other clients' torrents in the database. Their state is made up here; SystemTests has real ones.
@Suite struct ImportTests {
    private static func sample(_ name: String, seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(
            folder: name, [.init("a", 32_768), .init("b", 20_000), .init("c", 10_000)], pieceLength: 16_384, seed: seed)
    }

    /// A folder as Transmission has it.
    private struct State {
        let folder: FilePath

        init(in parent: FilePath) throws {
            folder = parent.appending(name: "state")
            for name in ["resume", "torrents"] { try Files.makeFolders(folder.appending(name: name)) }
        }

        func add(_ torrent: SampleTorrent, _ more: [(String, BencodeValue)]) throws {
            var resume = BencodeDictionary()
            for (key, value) in [("paused", 0), ("progress", ["blocks": "all"])] + more {
                resume[Array(key.utf8)] = value
            }
            let name = "\(torrent.infoHash)"
            try Files.write(
                Bencode.encode(.dictionary(resume)),
                to: folder.appending(name: "resume").appending(name: name + ".resume"))
            try Files.write(torrent.file, to: folder.appending(name: "torrents").appending(name: name + ".torrent"))
        }
    }

    private func withState(_ body: (State, Library, FilePath) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let connection = try Connection.open(
                folder.appending(name: "pieces.db"), mode: .readWriteCreate, now: .now())
            let data = folder.appending(name: "data")
            try Files.makeFolders(data)
            try await body(try State(in: folder), Library(connection), data)
        }
    }

    private func survey(_ state: State, _ library: Library, _ maps: [String] = []) throws -> ImportSurvey {
        var options = ImportOptions(map: try PathMap(maps))
        options.folder = state.folder.text
        return try ImportSurvey(options, library)
    }

    @discardableResult
    private func importAll(_ state: State, _ library: Library, _ maps: [String] = []) throws -> ImportSurvey {
        var survey = try survey(state, library, maps)
        try library.importTorrents(of: &survey)
        return survey
    }

    private func hash(_ library: Library) async throws -> VerificationRun.Summary {
        try await library.hash(
            try library.planImportHashing(), stop: VerificationStop(), pace: VerificationPace()
        ) { _ in }
    }

    // MARK: Rows

    @Test func factsAreCarriedOver() async throws {
        try await withState { state, library, data in
            let torrent = try Self.sample("set", seed: 1)
            try torrent.write(to: data)
            try state.add(
                torrent,
                [
                    ("destination", .text(data.text)), ("paused", 1), ("uploaded", 100), ("downloaded", 200),
                    ("corrupt", 3), ("added-date", 1_600_000_000), ("done-date", 1_600_000_500),
                    ("seeding-time-seconds", 77), ("dnd", [0, 0, 1]), ("max-peers", 12),
                    ("speed-limit-up", ["speed-Bps": 5000, "use-speed-limit": 1]),
                    ("ratio-limit", ["ratio-limit": "3.0", "ratio-mode": 1]),
                    ("peers2", .string([10, 0, 0, 9, 0, 80, 0])),
                ])
            let survey = try importAll(state, library)
            #expect(survey.items.map(\.verdict) == [.new] && survey.bytes == 52_768)
            let row = try #require(try library.connection.torrents.row(torrent.infoHash))
            #expect(row.output == data.text && row.settings.isPaused && row.state == .paused)
            #expect(row.uploadedBytes == 100 && row.downloadedBytes == 200 && row.wastedBytes == 3)
            #expect(row.addedAt == Timestamp(1_600_000_000) && row.completedAt == Timestamp(1_600_000_500))
            #expect(row.seedTime == .seconds(77) && row.wantedBytes == 52_768)
            #expect(row.settings.limits == TorrentLimits(upload: 5000, peers: 12) && row.settings.seedGoal == .ratio(3))
            #expect(try library.connection.peers.rows(of: row.id).map { "\($0.address)" } == ["10.0.0.9:80"])
            // Nothing counts before it is hashed.
            #expect(row.piecesHave == 0 && row.completedBytes == 0)
            let imported = try #require(try library.connection.imports.row(row.id))
            #expect(imported.client == "transmission" && imported.claimedPieces == torrent.geometry.pieceCount)
            #expect(imported.hashedAt == nil)
        }
    }

    @Test func aKnownTorrentStaysAsItIs() async throws {
        try await withState { state, library, data in
            let torrent = try Self.sample("set", seed: 1)
            try state.add(torrent, [("destination", .text(data.text)), ("uploaded", 100)])
            let options = AddOptions(output: data.appending(name: "mine").text)
            let known = try await AddRequest(library, options).add([torrent.metainfo]) { Issue.record("\($0)") }
            let survey = try importAll(state, library)
            #expect(survey.items.map(\.verdict) == [.known(known[0].id)])
            let row = try #require(try library.connection.torrents.row(torrent.infoHash))
            #expect(row.output == data.appending(name: "mine").text && row.uploadedBytes == 0)
            #expect(try library.connection.imports.row(row.id) == nil)
        }
    }

    @Test func damagedRecordsAreNamedAndTheOthersImported() async throws {
        try await withState { state, library, data in
            let (good, bad, other) = (
                try Self.sample("good", seed: 1), try Self.sample("bad", seed: 2), try Self.sample("other", seed: 3)
            )
            for torrent in [good, bad, other] {
                try torrent.write(to: data)
                try state.add(torrent, [("destination", .text(data.text))])
            }
            let resume = state.folder.appending(name: "resume")
            try Files.truncate(resume.appending(name: "\(bad.infoHash).resume"), to: 10)
            // This one's .torrent is another torrent's half.
            try Files.truncate(
                state.folder.appending(name: "torrents").appending(name: "\(other.infoHash).torrent"), to: 100)
            let survey = try importAll(state, library)
            #expect(survey.count { if case .refused(let reason) = $0 { !reason.isEmpty } else { false } } == 2)
            #expect(try library.connection.torrents.rows().map(\.name) == ["good"])
        }
    }

    @Test func foldersAreMapped() async throws {
        try await withState { state, library, data in
            let torrent = try Self.sample("set", seed: 1)
            try torrent.write(to: data)
            try state.add(torrent, [("destination", "D:\\Downloads\\")])
            let refused = try survey(state, library)
            #expect(
                refused.count { if case .refused(let reason) = $0 { reason.contains("--map") } else { false } } == 1)
            try importAll(state, library, ["D:\\Downloads=\(data.text)"])
            #expect(try library.connection.torrents.rows().map(\.output) == [data.text])
        }
    }

    /// Otherwise an unmounted disk would be filled again.
    @Test func aTorrentWithoutItsFilesIsPaused() async throws {
        try await withState { state, library, data in
            let (gone, fresh) = (try Self.sample("gone", seed: 1), try Self.sample("fresh", seed: 2))
            try state.add(gone, [("destination", .text(data.text))])
            try state.add(fresh, [("destination", .text(data.text)), ("progress", ["blocks": "none"])])
            let survey = try importAll(state, library)
            #expect(survey.items.first { $0.name == "gone" }?.note?.contains("none of its files") == true)
            let rows = try library.connection.torrents.rows()
            #expect(rows.first { $0.name == "gone" }?.settings.isPaused == true)
            #expect(rows.first { $0.name == "fresh" }?.settings.isPaused == false)
            // What was never begun needs no hashing; the other one has nothing that could be hashed.
            let plan = try library.planImportHashing()
            #expect(plan.torrents == 0 && plan.absent == 1)
        }
    }

    /// A client that doesn't say what it has may have all of it on a disk that isn't mounted; its folder is empty then.
    @Test func aTorrentOfWhichNothingIsSaidIsPausedIfItsFolderIsEmpty() async throws {
        try await withState { state, library, data in
            let (away, new) = (try Self.sample("away", seed: 1), try Self.sample("new", seed: 2))
            let (empty, used) = (data.appending(name: "empty"), data.appending(name: "used"))
            for folder in [empty, used] { try Files.makeFolders(folder) }
            try Files.write([1], to: used.appending(name: "another"))
            try state.add(away, [("destination", .text(empty.text)), ("progress", [:])])
            try state.add(new, [("destination", .text(used.text)), ("progress", [:])])
            try importAll(state, library)
            let rows = try library.connection.torrents.rows()
            #expect(rows.first { $0.name == "away" }?.settings.isPaused == true)
            #expect(rows.first { $0.name == "new" }?.settings.isPaused == false)
        }
    }

    /// An unfinished torrent is where it is now, and moves where it belongs.
    @Test func theIncompleteFolderIsKept() async throws {
        try await withState { state, library, data in
            let torrent = try Self.sample("set", seed: 1)
            let now = data.appending(name: "unfinished")
            try Files.makeFolders(now)
            try torrent.write(to: now)
            try Files.remove(torrent.path(1, in: now))
            try state.add(
                torrent,
                [
                    ("destination", .text(data.appending(name: "final").text)), ("incomplete-dir", .text(now.text)),
                    ("progress", ["blocks": .string([0b1100_0000])]),
                ])
            try importAll(state, library)
            let row = try #require(try library.connection.torrents.row(torrent.infoHash))
            #expect(row.output == now.text)
            #expect(try library.connection.destinations.row(row.id)?.folder == data.appending(name: "final").text)
        }
    }

    // MARK: Hashing

    @Test func wrongPiecesUnderAClaimAreDamage() async throws {
        try await withState { state, library, data in
            let (whole, rotten, half) = (
                try Self.sample("whole", seed: 1), try Self.sample("rotten", seed: 2), try Self.sample("half", seed: 3)
            )
            for torrent in [whole, rotten] {
                try torrent.write(to: data)
                try state.add(torrent, [("destination", .text(data.text))])
            }
            let byte = try Files.read(rotten.path(0, in: data), at: 20_000, count: 1)[0]
            try Files.overwrite(rotten.path(0, in: data), at: 20_000, with: [byte ^ 1])
            // Two pieces are there; the others were never claimed.
            try half.write(to: data)
            try Files.overwrite(half.path(1, in: data), at: 0, with: [UInt8](repeating: 0, count: 20_000))
            try state.add(half, [("destination", .text(data.text)), ("progress", ["blocks": .string([0b1100_0000])])])
            try importAll(state, library)
            let connection = library.connection
            func kinds(_ torrent: SampleTorrent) throws -> [Explanation.Kind] {
                let row = try #require(try connection.torrents.row(torrent.infoHash))
                let facts = try Explanation.Facts(row, library.engine(), connection, now: .now())
                return Explanation(facts).causes.map(\.kind)
            }
            #expect(try kinds(whole).contains(.unhashed) && kinds(rotten).contains(.unhashed))
            let summary = try await hash(library)
            #expect(summary.torrents == 3 && summary.failed == 0)
            #expect(try !kinds(rotten).contains(.unhashed) && kinds(rotten).contains(.claimedWrongly))
            #expect(try !kinds(whole).contains(.unhashed) && !kinds(half).contains(.claimedWrongly))

            let rows = try connection.torrents.rows()
            func imported(_ torrent: SampleTorrent) throws -> (TorrentRow, ImportRow) {
                let row = try #require(rows.first { $0.infoHash == torrent.infoHash })
                return (row, try #require(try connection.imports.row(row.id)))
            }
            let (good, audit) = try imported(whole)
            #expect(good.isComplete && audit.wrongPieces == 0 && audit.missingPieces == 0 && audit.hashedAt != nil)
            let (bad, damage) = try imported(rotten)
            #expect(bad.piecesHave == rotten.geometry.pieceCount - 1 && damage.wrongPieces == 1)
            let (rest, none) = try imported(half)
            #expect(rest.piecesHave >= 2 && none.wrongPieces == 0 && none.missingPieces == 0)
            let events = try connection.events.rows(limit: 100).filter { $0.kind == .inheritedDamage }
            #expect(events.map(\.torrent) == [bad.id] && events.first?.detail.contains("rotten/a") == true)
            for (torrent, row) in [(whole, good), (rotten, bad), (half, rest)] {
                let have = try connection.pieces.have(of: row.id, count: row.pieceCount)
                #expect(try torrent.unfounded(have, in: data) == [])
            }
            // The wrong piece stands as damage until it is fetched.
            let standing = try connection.damage.standing()
            #expect(standing.map(\.torrent) == [bad.id] && standing.first?.path == "rotten/a", "\(standing)")
            #expect(try library.scrubStatus(now: .now()).isDamaged)
            let report = try #require(try library.importReport())
            #expect(
                report.sum.unhashed == 0 && report.sum.wrongPieces == 1 && report.damaged.map(\.torrent.id) == [bad.id])
            #expect(try library.planImportHashing().torrents == 0)
        }
    }

    @Test func filesThatAreGoneAreMissingAndNotDamage() async throws {
        try await withState { state, library, data in
            let torrent = try Self.sample("set", seed: 1)
            try torrent.write(to: data)
            try Files.remove(torrent.path(2, in: data))
            try state.add(torrent, [("destination", .text(data.text))])
            try importAll(state, library)
            _ = try await hash(library)
            let row = try #require(try library.connection.imports.row(TorrentID(1)))
            #expect(row.wrongPieces == 0 && row.missingPieces > 0)
            #expect(try library.connection.events.rows(limit: 100).allSatisfy { $0.kind != .inheritedDamage })
            #expect(try library.connection.damage.standing() == [])
        }
    }

    // MARK: Skipped files

    /// The last piece has bytes of the second and of the third file.
    @Test(arguments: [[0, 0, 1], [1, 1, 0], [1, 0, 1]]) func skippedFilesThatAreInPlaceAreHashed(skip: [Int])
        async throws
    {
        try await withState { state, library, data in
            let torrent = try Self.sample("set", seed: 1)
            try torrent.write(to: data)
            let skipped = BencodeValue.list(skip.map { .integer(Int64($0)) })
            try state.add(torrent, [("destination", .text(data.text)), ("dnd", skipped)])
            try importAll(state, library)
            let summary = try await hash(library)
            #expect(summary.torrents == 1 && summary.failed == 0)
            let connection = library.connection
            let row = try #require(try connection.torrents.row(torrent.infoHash))
            #expect(row.isComplete && row.piecesHave == torrent.geometry.pieceCount, "\(row)")
            let imported = try #require(try connection.imports.row(row.id))
            #expect(imported.hashedAt != nil && imported.wrongPieces == 0 && imported.missingPieces == 0)
            #expect(try connection.files.wanted(of: row.id, count: 3) == skip.map { $0 == 0 })
            // From now on they are read where they lie.
            #expect(try connection.files.fingerprints(of: row.id).map(\.index) == [0, 1, 2])
            let stored = try StoredTorrent(row, connection)
            #expect(try await stored.countRightClaims() == torrent.geometry.pieceCount)
        }
    }

    /// What wasn't looked at is neither missing nor wrong: the other client may have it in its part file.
    @Test func skippedFilesThatAreNotInPlaceAreNotReported() async throws {
        try await withState { state, library, data in
            let torrent = try Self.sample("set", seed: 1)
            try torrent.write(to: data)
            try Files.remove(torrent.path(2, in: data))
            try state.add(torrent, [("destination", .text(data.text)), ("dnd", [0, 0, 1])])
            try importAll(state, library)
            _ = try await hash(library)
            let row = try #require(try library.connection.torrents.row(torrent.infoHash))
            #expect(row.piecesHave == torrent.geometry.pieceCount - 1)
            let imported = try #require(try library.connection.imports.row(row.id))
            #expect(imported.hashedAt != nil && imported.wrongPieces == 0 && imported.missingPieces == 0)
        }
    }

    @Test func aSkippedFileOfAnotherIsNotTheTorrents() async throws {
        try await withState { state, library, data in
            let torrent = try Self.sample("set", seed: 1)
            try torrent.write(to: data)
            let other = [UInt8](repeating: 0xee, count: 10_000)
            try Files.overwrite(torrent.path(2, in: data), at: 0, with: other)
            try state.add(torrent, [("destination", .text(data.text)), ("dnd", [0, 0, 1])])
            try importAll(state, library)
            _ = try await hash(library)
            let row = try #require(try library.connection.torrents.row(torrent.infoHash))
            #expect(row.piecesHave == torrent.geometry.pieceCount - 1)
            #expect(try library.connection.files.fingerprints(of: row.id).map(\.index) == [0, 1])
            let stored = try StoredTorrent(row, library.connection)
            #expect(stored.payload.skippedFiles == [2])
            #expect(try Files.read(torrent.path(2, in: data)) == other)
        }
    }

    // MARK: Order

    /// The likeliest to be whole comes first, so that it is uploaded first.
    @Test func theLikeliestIsHashedFirst() async throws {
        try await withState { state, library, data in
            let torrents = try (1...4).map { try Self.sample("set\($0)", seed: UInt64($0)) }
            for torrent in torrents { try torrent.write(to: data) }
            let place = ("destination", BencodeValue.text(data.text))
            // Something is there; sizes; sizes and claim; sizes, claim and times.
            try Files.remove(torrents[0].path(2, in: data))
            try state.add(torrents[0], [place])
            try state.add(torrents[1], [place, ("progress", ["blocks": "none"])])
            try state.add(torrents[2], [place])
            let times = try (0..<3).map {
                BencodeValue.integer(Int64(try Files.status(torrents[3].path($0, in: data)).st_mtim.tv_sec))
            }
            try state.add(torrents[3], [place, ("progress", ["blocks": "all", "mtimes": .list(times)])])
            try importAll(state, library)
            let order = try library.connection.imports.unhashed().map {
                try #require(try library.connection.torrents.row($0.id)).name
            }
            #expect(order == ["set4", "set3", "set2", "set1"])
        }
    }

    @Test(
        arguments: [
            ("/a", "/a/b", "/new/b"), ("/a", "/ab", "/ab"), ("/a/", "/a", "/new"), ("C:\\x", "C:\\x\\y\\z", "/new/y/z"),
            ("/", "/q", "/new/q"),
        ])
    func mapsReplaceWholeNames(old: String, path: String, result: String) throws {
        #expect(try PathMap(["\(old)=/new"])(path) == result)
    }

    @Test(arguments: ["", "=", "a", "a=", "=b"]) func mapsWithoutBothFoldersAreRefused(text: String) {
        #expect(throws: Failure.self) { try PathMap([text]) }
    }
}
