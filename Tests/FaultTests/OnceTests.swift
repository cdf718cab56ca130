import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Every call fails once, in turn: the program goes on, or ends with one sentence where the database can't be opened;
/// it never traps and never claims what isn't so.
@Suite(.crowded) struct OnceTests {
    /// What is downloaded.
    enum Sample: Sendable, CaseIterable {
        /// A few files: each is synced by itself.
        case fewFiles
        /// So many that they are synced as one, on a file system that can.
        case manyFiles

        func torrent() throws -> SampleTorrent {
            try self == .fewFiles ? KillScenario.torrent() : KillScenario.manyFiles()
        }
    }

    /// What a call does instead of what it should.
    struct Example: Sendable, CustomTestStringConvertible {
        var sample = Sample.fewFiles
        let site: Shim.Site
        let action: Fault.Action
        let number: Int

        var testDescription: String { "\(site): \(action)" }

        /// What is only interrupted or cut short is so several times in a row.
        var times: Int { action == .interrupted || action == .short ? 3 : 1 }

        /// Which of `count` calls fails: with `PIECES_ERRORS=all` the first, the one in the middle and the last, else
        /// two of them.
        func turns(of count: Int) -> [Int] {
            let turns = [1, (1 + count) / 2, count]
            let isThorough = ProcessInfo.processInfo.environment["PIECES_ERRORS"] == "all"
            return Set(isThorough ? turns : [turns[0], turns[1 + number % 2]]).sorted()
        }
    }

    private static let sites: [(call: String, places: [String], actions: [Fault.Action])] = [
        (
            "open", ["db", "wal", "shm", "lock", "dbfolder"],
            [.fail(.ioError), .fail(.tooManyOpenFiles), .fail(.permissionDenied), .interrupted]
        ),
        (
            "open", ["payload", "folder"],
            [.fail(.ioError), .fail(.tooManyOpenFiles), .fail(.readOnlyFileSystem), .interrupted]
        ),
        ("pread", ["db", "wal"], [.fail(.ioError), .short, .interrupted]),
        ("pwrite", ["db", "wal", "shm", "lock"], [.fail(.ioError), .fail(.noSpace), .short, .interrupted]),
        ("pwrite", ["payload"], [.fail(.ioError), .fail(.noSpace), .short, .interrupted]),
        ("ftruncate", ["db", "wal", "shm", "lock", "payload"], [.fail(.ioError), .fail(.noSpace), .interrupted]),
        ("fallocate", ["reserve"], [.fail(.ioError), .fail(.noSpace)]),
        ("fdatasync", ["db", "wal", "dbfolder"], [.fail(.ioError), .interrupted]),
        ("fdatasync", ["wal"], [.lose]),
        ("fsync", ["dbfolder"], [.fail(.ioError), .interrupted]),
        ("fdatasync", ["payload"], [.fail(.ioError), .lose, .fail(.noSpace), .interrupted]),
        ("fsync", ["folder"], [.fail(.ioError), .interrupted]),
        ("mkdir", ["folder"], [.fail(.noSpace), .fail(.readOnlyFileSystem)]),
        ("unlink", ["journal"], [.fail(.ioError)]),
        ("close", ["wal", "payload"], [.fail(.ioError), .interrupted]),
        ("fstat", ["db", "wal", "shm", "payload", "folder"], [.fail(.ioError)]),
        ("lock", ["db", "shm", "lock"], [.fail(.ioError), .fail(Errno(rawValue: ENOLCK))]),
    ]

    private static let volumeActions: [Fault.Action] = [.fail(.ioError), .lose, .fail(.noSpace), .interrupted]

    static let examples =
        sites.flatMap { site in
            site.places.flatMap { place in site.actions.map { (Shim.Site(call: site.call, place: place), $0) } }
        }.enumerated().map { Example(site: $1.0, action: $1.1, number: $0) }
        + volumeActions.enumerated().map {
            Example(sample: .manyFiles, site: Shim.Site(call: "syncfs", place: "folder"), action: $1, number: $0)
        }

    /// How often each call comes in a run that nobody disturbs.
    private static let counts = Sample.allCases.reduce(into: [:]) { $0[$1] = count($1) }

    private static func count(_ sample: Sample) -> Task<[Shim.Site: Int], any Error> {
        Task { try await countsOfAWholeRun(sample) }
    }

    private static func countsOfAWholeRun(_ sample: Sample) async throws -> [Shim.Site: Int] {
        let torrent = try sample.torrent()
        return try await withTemporaryFolder(inMemory: sample == .manyFiles) { folder in
            try await withPeers(torrent, [.slow(pace)]) { peers in
                let pieces = try Pieces(in: folder)
                let file = folder.appending("counts")
                let arguments = try pieces.download(torrent, from: [peers[0].address], KillScenario.commitInterval)
                let end = try await ProgramRun(death: .none).run(pieces, arguments, counts: file)
                try #require(end.exitCode == 0, "\(end)")
                return try Shim.counts(file)
            }
        }
    }
    private static let pace = 400

    @Test(arguments: examples) func everyCallMayFailOnce(example: Example) async throws {
        let torrent = try example.sample.torrent()
        let count = try #require(
            try await Self.counts[example.sample]?.value[example.site], "\(example.site) never comes: leave it out")
        for nth in example.turns(of: count) { try await run(example, nth, torrent) }
    }

    private func run(_ example: Example, _ nth: Int, _ torrent: SampleTorrent) async throws {
        try await withTemporaryFolder(inMemory: example.sample == .manyFiles) { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.slow(Self.pace)]) { peers in
                let arguments = try pieces.download(torrent, from: [peers[0].address], KillScenario.commitInterval)
                let fault = Fault(
                    call: example.site.call, place: example.site.place, nth: nth, extent: .times(example.times),
                    action: example.action)
                let running = try pieces.start(arguments, environment: try Shim.environment(for: pieces, [fault]))
                let result = await Result { try await running.end() }
                await running.kill()
                let end = try result.get()
                #expect(end.signal == nil, "\(fault): \(end)")
                let recordedState = try RecordedState(pieces, torrent)
                #expect(recordedState.damage == [], "\(fault)")
                #expect(try torrent.unfounded(recordedState.claimed, in: pieces.output) == [], "\(fault)")
                if end.exitCode != 0 {
                    // One sentence, and its end.
                    #expect(
                        end.exitCode == 1
                            && end.errors.split(separator: "\n").contains {
                                $0.hasPrefix("pieces: ") || $0.hasPrefix(#"{"event":"#)
                            },
                        "\(fault): \(end)")
                    let again = try await pieces.run(arguments)
                    #expect(again.exitCode == 0, "\(fault): \(again)")
                }
                if example.sample == .manyFiles, nth == 1 {
                    let isFetchedAgain = Set(peers[0].served).count < peers[0].served.count
                    #expect(isFetchedAgain == (example.action == .lose), "\(fault): only what is lost is fetched again")
                }
            }
            #expect(torrent.faults(in: pieces.output) == [], "\(example)")
            #expect(try RecordedState(pieces, torrent).claimed.isFull)
        }
    }
}
