import Disk
import Library
import Recovery
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent
import Verification

/// The use cases as functions: a database in a folder of its own, and no process.
@Suite struct LibraryTests {
    /// Three files in pieces of 16 KiB; the second and the third share a piece.
    private static func sample(_ name: String = "set", seed: UInt64 = 1) throws -> SampleTorrent {
        try SampleTorrent(
            folder: name, [.init("a", 32_768), .init("b", 20_000), .init("c", 10_000)], pieceLength: 16_384, seed: seed)
    }

    private func withLibrary(_ body: (Library, FilePath) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let connection = try Connection.open(
                folder.appending(name: "pieces.db"), mode: .readWriteCreate, now: .now())
            try await body(Library(connection), folder.appending(name: "out"))
        }
    }

    /// Adds the torrent; what was refused is returned.
    private func add(
        _ sample: SampleTorrent, _ library: Library, _ output: FilePath, _ patterns: [String] = []
    ) async throws -> (entries: [AddRequest.Entry], refusals: [String]) {
        var refusals: [String] = []
        let options = AddOptions(output: output.text, patterns: patterns)
        let entries = try await AddRequest(library, options).add([sample.metainfo]) { refusals.append($0) }
        return (entries, refusals)
    }

    /// A torrent whose payload was adopted.
    private func adopt(_ sample: SampleTorrent, _ library: Library, _ output: FilePath) async throws {
        try Files.makeFolders(output)
        try sample.write(to: output)
        let plan = try await library.planAdoption(of: [sample.metainfo], in: output.text) { Issue.record("\($0)") }
        let summary = try await library.verify(plan) { _ in }
        #expect(summary.damaged == 0 && summary.failed == 0)
    }

    // MARK: Choosing

    @Test func allPausesAndResumesWhatIsNotYet() async throws {
        try await withLibrary { library, output in
            for seed in 1...3 { _ = try await add(try Self.sample("set\(seed)", seed: UInt64(seed)), library, output) }
            _ = try library.pause(["set2"])
            #expect(try library.pause(.all).map(\.name) == ["set1", "set3"])
            #expect(try library.pause(.all).isEmpty)
            #expect(try library.resume(["set[12]", "set1"]).map(\.name) == ["set1", "set2"])
            #expect(try library.resume(.all).map(\.name) == ["set3"])
            #expect(try library.limit(.all, LimitChange(upload: .bytes(5))).map(\.settings.limits.upload) == [5, 5, 5])
            #expect(try library.names(beginning: "set") == ["set1", "set2", "set3"])
            #expect(throws: StoreError.self) { try library.pause(["set"]) }
        }
    }

    @Test func sourcesAreFilesOrTorrentsOfTheDatabase() async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            _ = try await add(sample, library, output)
            let texts = ["set", "http://example.org/a", "x/y", "no such"]
            let given = try DownloadSources(texts, hasDatabase: true)
            #expect(given.names == ["set", "no such"] && given.sources.count == 2)
            #expect(try DownloadSources(texts, hasDatabase: false).names.isEmpty)
            #expect(throws: Failure.self) { try DownloadSources(["magnet:?x"], hasDatabase: true) }
            var unknown: [String] = []
            let found = try library.sources(of: given.names) { unknown.append($0) }.torrents
            #expect(found.map(\.infoHash) == [sample.metainfo.infoHash])
            #expect(unknown.count == 1 && unknown[0].contains("neither a file nor a torrent"))
        }
    }

    @Test(
        arguments: [
            (0, 100, "0 B of 100 B"), (100, 100, "100 B of 100 B"), (50 << 20, 600 << 20, "50.0 MiB of 600 MiB"),
            ((600 << 20) - (512 << 10), 600 << 20, "512 KiB of 600 MiB to go"),
        ] as [(Int64, Int64, String)])
    func partsSayWhatIsLeft(part: Int64, whole: Int64, text: String) {
        #expect(Format.part(part, of: whole) == text)
    }

    // MARK: Adding

    @Test func torrentIsAddedOnceWithItsOptions() async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            let first = try await add(sample, library, output, ["a"])
            let again = try await add(sample, library, output)
            #expect(first.entries.map(\.isNew) == [true] && again.entries.map(\.isNew) == [false])
            let row = try library.connection.torrents.find("set")
            #expect(row.wantedBytes == 32_768 && row.state == .queued)
        }
    }

    @Test func addingToAnotherFolderIsAUsageError() async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            _ = try await add(sample, library, output)
            let failure = try await #require(throws: Failure.self) {
                _ = try await self.add(sample, library, output.appending(name: "other"))
            }
            #expect(failure.kind == .usage)
        }
    }

    @Test func conflictingContentForAFileIsRejected() async throws {
        try await withLibrary { library, output in
            _ = try await add(try Self.sample(), library, output)
            let (entries, refusals) = try await add(try Self.sample(seed: 2), library, output)
            #expect(entries.isEmpty && refusals.count == 1)
            #expect(try library.connection.torrents.count() == 1)
        }
    }

    // MARK: Changing

    @Test func pausedTorrentIsResumed() async throws {
        try await withLibrary { library, output in
            _ = try await add(try Self.sample(), library, output)
            _ = try library.pause(["set"])
            #expect(try library.connection.torrents.find("set").state == .paused)
            #expect(try library.resume(["set", "1"]).count == 1)
            #expect(try library.connection.torrents.find("set").state == .queued)
        }
    }

    @Test func unspecifiedLimitsAreKept() async throws {
        try await withLibrary { library, output in
            _ = try await add(try Self.sample(), library, output)
            _ = try library.limit(["set"], LimitChange(download: .bytes(1000), peers: .count(7)))
            let rows = try library.limit(["set"], LimitChange(download: .unlimited), seedGoal: .ratio(2))
            let settings = try #require(rows.first).settings
            #expect(settings.limits.download == nil && settings.limits.peers == 7 && settings.seedGoal == .ratio(2))
        }
    }

    @Test func filesAreSelectedByNameAndNumber() async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            try await adopt(sample, library, output)
            let some = try await library.select(.patterns(["a", "3"]), of: "set")
            #expect(some.wantedFiles == 2 && some.torrent.wantedBytes == 42_768)
            #expect(some.torrent.completedBytes == 42_768)
            let failure = try await #require(throws: Failure.self) {
                _ = try await library.select(.patterns(["nothing"]), of: "set")
            }
            #expect(failure.kind == .usage)
            #expect(try await library.select(.all, of: "set").wantedFiles == 3)
        }
    }

    // MARK: Removing

    @Test(arguments: [false, true]) func removalDeletesFilesOnlyOnRequest(deletingData: Bool) async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            try await adopt(sample, library, output)
            var deleted: [Int?] = []
            try await library.remove(["set"], deletingData: deletingData) { step in
                if case .removed(_, let files) = step { deleted.append(files) }
            }
            #expect(deleted == [deletingData ? 3 : nil])
            #expect(try library.connection.torrents.count() == 0)
            #expect(Files.exists(sample.path(0, in: output)) == !deletingData)
        }
    }

    /// As after a kill in the middle of the deletion.
    @Test func interruptedRemovalIsExplainedAndTakenBackByAnAdd() async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            try await adopt(sample, library, output)
            let id = try library.connection.torrents.find("set").id
            try library.connection.intents.append(.removeData, torrent: id, now: .now())
            let cause = try #require(try library.explain("set").causes.first)
            #expect(cause.kind == .removing && cause.sentence.contains("interrupted"))
            _ = try await add(sample, library, output)
            #expect(try !library.connection.intents.awaitsRemoval(id))
            #expect(try library.explain("set").causes.first?.kind == .complete)
        }
    }

    @Test func plannedRemovalIsTheLaterOne() async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            try await adopt(sample, library, output)
            let plain = try await library.planRemoval(of: .all, deletingData: false)
            #expect(plain.map(\.torrent.name) == ["set"] && plain[0].deletedFiles == nil && plain[0].kept == nil)
            let plan = try #require(try await library.planRemoval(of: ["s*"], deletingData: true).first)
            #expect(plan.deletedFiles == (0..<3).map { sample.path($0, in: output).text } && plan.kept == nil)
            #expect(Files.exists(sample.path(0, in: output)))
            try await library.remove(.all, deletingData: true) { step in
                if case .removed(_, let files) = step { #expect(files == plan.deletedFiles?.count) }
            }
            for path in plan.deletedFiles ?? [] { #expect(!Files.exists(FilePath(text: path))) }
        }
    }

    /// A file that the torrent doesn't own is named, and stays.
    @Test func plannedRemovalNamesWhatIsKept() async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            _ = try await add(sample, library, output)
            try Files.makeFolders(output)
            try sample.write(to: output)
            try Files.write([UInt8](repeating: 0, count: 32_768), to: sample.path(0, in: output))
            let plan = try #require(try await library.planRemoval(of: ["set"], deletingData: true).first)
            try await library.remove(["set"], deletingData: true) { step in
                switch step {
                case .removed(_, let files): #expect(files == plan.deletedFiles?.count || files == nil)
                case .kept(_, let text): #expect(text == plan.kept)
                }
            }
            for path in plan.deletedFiles ?? [] { #expect(!Files.exists(FilePath(text: path))) }
        }
    }

    @Test func removalFailsWhenTheDataIsUnreachable() async throws {
        try await withLibrary { library, output in
            try await adopt(try Self.sample(), library, output)
            try Files.remove(output)
            await #expect(throws: Failure.self) {
                try await library.remove(["set"], deletingData: true) { _ in Issue.record("it was removed") }
            }
            #expect(try library.connection.torrents.count() == 1)
        }
    }

    // MARK: Verifying

    @Test func verificationFindsDamageAndRemovesClaims() async throws {
        try await withLibrary { library, output in
            let sample = try Self.sample()
            try await adopt(sample, library, output)
            try Files.overwrite(sample.path(0, in: output), at: 100, with: [1, 2, 3])
            let log = EventLog()
            let summary = try await library.verify(try library.planVerificationOfAll()) { log.add($0) }
            let result = try #require(log.results.first)
            #expect(summary.damaged == 1 && summary.bytes == 62_768 && result.damaged == 1)
            #expect(result.culprits.map(\.path) == ["set/a"])
            #expect(log.bytesRead == 62_768)
            let row = try library.connection.torrents.find("set")
            #expect(row.completedBytes == 62_768 - 16_384)
        }
    }

    @Test func verificationStoppedBeforeItBeginsChangesNothing() async throws {
        try await withLibrary { library, output in
            try await adopt(try Self.sample(), library, output)
            let stop = VerificationStop()
            stop.request()
            let summary = try await library.verify(try library.planVerificationOfAll(), stop: stop) { _ in }
            #expect(summary.isInterrupted && summary.bytes == 0)
            #expect(try library.connection.torrents.find("set").completedBytes == 62_768)
        }
    }

    // MARK: Looking

    @Test func explanationNamesTheCause() async throws {
        try await withLibrary { library, output in
            _ = try await add(try Self.sample(), library, output)
            #expect(try library.explain("set").causes.first?.kind == .noEngine)
            _ = try library.pause(["set"])
            #expect(try library.explain("set").causes.first?.kind == .paused)
        }
    }

    @Test func missingFolderExplainsAnOfflineTorrent() async throws {
        try await withLibrary { library, output in
            try await adopt(try Self.sample(), library, output)
            #expect(try await library.place(of: "set") == .reachable)
            try Files.remove(output)
            let found = try library.explain("set", in: try await library.place(of: "set"))
            #expect(found.state == .offline && found.causes.first?.kind == .offline)
        }
    }

    /// A list has an end; counts have none.
    @Test func longDamageIsCountedWhole() async throws {
        try await withLibrary { library, output in
            try await adopt(try Self.sample(), library, output)
            let damage = (0..<1500).map {
                NewDamage(piece: PieceIndex($0), kind: .edit, isHeld: true, path: "set/a", fileOffset: 0, bytes: 16_384)
            }
            try library.connection.damage.add(damage, of: TorrentID(1), now: .now())
            let status = try library.scrubStatus(now: .now())
            #expect(status.damage.count == Library.listedDamage && status.damageCount == 1500)
            #expect(status.damagedTorrents == 1)
            let sentences = try await library.checkUp(now: .now()).map(\.sentence)
            #expect(sentences.contains("1,500 pieces of 1 torrent are damaged"), "\(sentences)")
        }
    }

    @Test func statusOfAnUnknownNameFails() async throws {
        try await withLibrary { library, output in
            _ = try await add(try Self.sample(), library, output)
            let names = try library.readStatus(of: []) { (reading) throws(StoreError) in
                var names: [String] = []
                try reading.forEachLine { (line) throws(StoreError) in names.append(line.name) }
                return names
            }
            #expect(names == ["set"])
            #expect(throws: StoreError.self) { try library.readStatus(of: ["other"]) { _ in } }
        }
    }

    @Test func doctorFindsNoProblemInANewLibrary() async throws {
        try await withLibrary { library, output in
            try await adopt(try Self.sample(), library, output)
            let found = try await library.checkUp(now: .now())
            #expect(!found.isEmpty)
            #expect(found.filter { $0.severity == .problem && $0.area == .files }.isEmpty)
        }
    }

    // MARK: The database

    @Test func backupIsRestored() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(name: "pieces.db")
            let backup = folder.appending(name: "backup.db")
            try await addOne(path, folder)
            let upkeep = DatabaseUpkeep(path)
            try upkeep.backUp(to: backup)
            #expect(try upkeep.check() == [])
            #expect(try upkeep.salvage() == nil)
            let restored = try upkeep.restore(from: backup)
            #expect(restored.restoration.torrents == 1)
            #expect(throws: Failure.self) { try DatabaseUpkeep(folder.appending(name: "other.db")).restore(from: nil) }
        }
    }

    /// The connection ends with it.
    private func addOne(_ path: FilePath, _ folder: FilePath) async throws {
        let connection = try Connection.open(path, mode: .readWriteCreate, now: .now())
        _ = try await add(try Self.sample(), Library(connection), folder.appending(name: "out"))
    }

    // MARK: The queue

    @Test(arguments: [
        ([3, 1], Library.QueueMove.top, [3, 1, 2, 4, 5]), ([2], .bottom, [1, 3, 4, 5, 2]), ([1], .up, [1, 2, 3, 4, 5]),
        ([2, 3], .up, [2, 3, 1, 4, 5]), ([1, 2], .up, [1, 2, 3, 4, 5]), ([5], .down, [1, 2, 3, 4, 5]),
        ([3, 4], .down, [1, 2, 5, 3, 4]), ([1, 5], .down, [2, 1, 3, 4, 5]),
    ])
    func queueMovesTorrents(moved: [Int64], move: Library.QueueMove, expected: [Int64]) {
        let line = (1...5).map { TorrentID(Int64($0)) }
        #expect(Library.order(line, moving: moved.map { TorrentID($0) }, move).map(\.rawValue) == expected)
    }
}
