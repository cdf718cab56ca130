import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A call fails for as long as its fault lasts: the torrent waits with a sentence, claims nothing that isn't so, serves
/// what it has, and goes on by itself when the fault is gone.
@Suite(.crowded) struct LastingErrorTests {
    struct Example: Sendable, CustomTestStringConvertible {
        let call: String
        let place: String
        let error: Errno
        /// Whether it lasts from the start of the process; else from when something was recorded.
        var isFromStart = false
        /// What is also wrong then.
        var beside: [Fault] = []
        /// What the sentence has in it.
        let words: String

        var testDescription: String { "\(call)@\(place): \(error)\(isFromStart ? ", from the start" : "")" }
    }

    private static let quota = Errno(rawValue: EDQUOT)
    private static let noSpaceLeft = Fault(
        call: "freespace", place: "folder", extent: .forever, action: .fail(.noSpace))

    static let payloadExamples = [
        Example(call: "pwrite", place: "payload", error: .ioError, words: "disk"),
        Example(call: "pwrite", place: "payload", error: .noSpace, beside: [noSpaceLeft], words: "space"),
        Example(call: "pwrite", place: "payload", error: quota, words: "space"),
        Example(call: "pwrite", place: "payload", error: .readOnlyFileSystem, words: "writable"),
        Example(call: "fdatasync", place: "payload", error: .ioError, words: "disk"),
        Example(call: "fdatasync", place: "payload", error: .noSpace, words: "space"),
        Example(call: "fsync", place: "folder", error: .ioError, isFromStart: true, words: "disk"),
        Example(call: "open", place: "payload", error: .tooManyOpenFiles, isFromStart: true, words: "open files"),
        Example(call: "open", place: "payload", error: .permissionDenied, isFromStart: true, words: "access"),
        Example(call: "open", place: "payload", error: .readOnlyFileSystem, isFromStart: true, words: "writable"),
        Example(call: "ftruncate", place: "payload", error: .noSpace, isFromStart: true, words: "space"),
        Example(call: "fstat", place: "payload", error: .ioError, isFromStart: true, words: "disk"),
        Example(call: "open", place: "folder", error: .ioError, words: "disk"),
        Example(call: "open", place: "folder", error: .permissionDenied, words: "readable"),
    ]

    @Test(arguments: payloadExamples) func downloadResumesAfterALastingPayloadError(example: Example) async throws {
        try await last(example) { pieces in
            guard let row = try Self.row(pieces), row.state == .error || row.state == .offline, let text = row.error
            else { return nil }
            return text
        }
    }

    static let databaseExamples = [
        Example(call: "pwrite", place: "wal", error: .ioError, words: "database"),
        Example(call: "pwrite", place: "wal", error: .noSpace, words: "database"),
        Example(call: "pwrite", place: "wal", error: quota, words: "database"),
        Example(call: "pwrite", place: "wal", error: .readOnlyFileSystem, words: "database"),
        Example(call: "fdatasync", place: "wal", error: .ioError, words: "database"),
        Example(call: "lock", place: "shm", error: .ioError, words: "database"),
    ]

    /// The database itself can't say what is wrong with it: the engine does.
    @Test(arguments: databaseExamples) func downloadResumesAfterALastingDatabaseError(example: Example) async throws {
        try await last(example) { _ in nil }
    }

    private func last(_ example: Example, _ sentence: @escaping @Sendable (Pieces) throws -> String?) async throws {
        // No empty file: it would be made before anything else, and a download that can't begin ends with the sentence.
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 700_001), .init("b/c", 1_300_000), .init("b/d", 900_000)], seed: 201)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let (begin, end) = (folder.appending("begin"), folder.appending("end"))
            try await withPeers(torrent, [.slow(3)]) { peers in
                let main = Fault(
                    call: example.call, place: example.place, extent: .forever, action: .fail(example.error))
                let faults = ([main] + example.beside).map { fault in
                    var fault = fault
                    fault.after = begin
                    fault.until = end
                    return fault
                }
                if example.isFromStart { try Files.write([], to: begin) }
                let arguments = try pieces.download(torrent, from: [peers[0].address], KillScenario.commitInterval)
                let running = try pieces.start(arguments, environment: try Shim.environment(for: pieces, faults))
                let result = await Result {
                    if !example.isFromStart {
                        try await eventually("something to be recorded: \(running.errors)") {
                            guard let row = try Self.row(pieces) else { return false }
                            return row.piecesHave >= 4
                        }
                        try Files.write([], to: begin)
                    }
                    let text = try await eventually(
                        "a sentence: \(running.errors) \(try Self.row(pieces).map { "\($0)" } ?? "")"
                    ) {
                        try #require(running.isRunning, "\(running.output) \(running.errors)")
                        return try sentence(pieces) ?? Self.complaint(running)
                    }
                    #expect(text.contains(example.words), "\(text)")
                    let recordedState = try RecordedState(pieces, torrent)
                    #expect(try torrent.unfounded(recordedState.claimed, in: pieces.output) == [])
                    // What is recorded is served on, unless it can't be read.
                    if !example.isFromStart, example.place != "folder",
                        let piece = recordedState.claimed.pieces.first(where: { _ in true })
                    {
                        try await DownloadingPeer.get(piece, of: torrent, from: try await running.address())
                    }
                    try Files.write([], to: end)
                    peers[0].behave(.good)
                    return try await running.end()
                }
                await running.kill()
                let last = try result.get()
                #expect(last.exitCode == 0, "\(last)")
            }
            let recordedState = try RecordedState(pieces, torrent)
            #expect(recordedState.claimed.isFull && recordedState.damage == [])
            #expect(torrent.faults(in: pieces.output) == [])
            #expect(try await pieces.run(["verify", "--quiet"]).exitCode == 0)
        }
    }

    /// The file system as a whole can't be synced, and each file can: the download goes on, a file after the other.
    @Test(arguments: [Errno.ioError, .noSpace]) func failingVolumeSyncFallsBackToFileSyncs(error: Errno) async throws {
        let torrent = try KillScenario.manyFiles()
        try await withTemporaryFolder(inMemory: true) { folder in
            let pieces = try Pieces(in: folder)
            let counts = folder.appending("counts")
            // Two commits at least: the bytes take a second and a half.
            try await withPeers(torrent, [.slow(35)]) { peers in
                let arguments = try pieces.download(torrent, from: [peers[0].address], KillScenario.commitInterval)
                let fault = Fault(call: "syncfs", place: "folder", extent: .forever, action: .fail(error))
                let end = try await pieces.start(
                    arguments, environment: try Shim.environment(for: pieces, [fault], counts: counts)
                ).end()
                #expect(end.exitCode == 0 && end.errors.isEmpty, "\(end)")
                #expect(Set(peers[0].served).count == peers[0].served.count, "something was downloaded twice")
            }
            let calls = try Shim.counts(counts)
            #expect(calls[Shim.Site(call: "syncfs", place: "folder")] == 1, "it isn't asked again")
            let synced = calls[Shim.Site(call: "fdatasync", place: "payload"), default: 0]
            #expect(synced >= torrent.metainfo.layout.files.count { !$0.isEmpty })
            #expect(try RecordedState(pieces, torrent).claimed.isFull)
            #expect(torrent.faults(in: pieces.output) == [])
            #expect(try await pieces.run(["verify", "--quiet"]).exitCode == 0)
        }
    }

    private static func row(_ pieces: Pieces) throws -> TorrentRow? {
        guard Files.exists(pieces.database) else { return nil }
        do throws(StoreError) {
            return try Connection.open(pieces.database, mode: .readOnly, now: .now()).torrents.rows().first
        } catch {
            guard error.code == .notFound || error.code == .busy else { throw error }
            return nil
        }
    }

    /// What the program says on the standard error stream.
    private static func complaint(_ running: RunningProgram) -> String? {
        running.errors.isEmpty ? nil : running.errors
    }
}
