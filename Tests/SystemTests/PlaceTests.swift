import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Databases and output folders that are not as they should be: one sentence, its exit code, and nothing lost.
@Suite(.crowded) struct PlaceTests {
    private func expectSentence(
        _ end: RunningProgram.End, _ words: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(end.exitCode == 1, "\(end)", sourceLocation: sourceLocation)
        // The log may have said it before.
        let lines = end.errors.split(separator: "\n").filter { !$0.hasPrefix("pieces: warning: ") }
        #expect(
            lines.count == 1 && (lines[0].hasPrefix("pieces: ") || lines[0].hasPrefix(#"{"event":"#)), "\(end.errors)",
            sourceLocation: sourceLocation)
        for word in words { #expect(end.errors.contains(word), "\(end.errors)", sourceLocation: sourceLocation) }
    }

    @Test func textFileInPlaceOfTheDatabaseIsReported() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let text = Array("This is no database.\n".utf8)
            try Files.write(text, to: pieces.database)
            expectSentence(try await pieces.run(try pieces.download(torrent)), ["pieces.db"])
            expectSentence(try await pieces.run(["run"] + Pieces.network), ["pieces.db"])
            #expect(try Files.read(pieces.database) == text)
        }
    }

    @Test func runningEngineIsNamedAsTheLockHolder() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                _ = try await running.address()
                expectSentence(try await pieces.run(["run"] + Pieces.network), ["\(running.pid)"])
                expectSentence(try await pieces.run(try pieces.download(torrent)), ["\(running.pid)"])
            }
            // A killed engine holds nothing.
            try await pieces.beside(["run", "--json"] + Pieces.network) { running in _ = try await running.address() }
        }
    }

    @Test func fileInPlaceOfTheOutputFolderIsReported() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try Files.remove(pieces.output)
            try Files.write([1, 2, 3], to: pieces.output)
            try await withPeers(torrent) { peers in
                let end = try await pieces.run(try pieces.download(torrent, from: [peers[0].address]))
                expectSentence(end, ["output"])
            }
            #expect(try Files.read(pieces.output) == [1, 2, 3])
        }
    }

    /// The output folder goes away under a download that is stopped, and comes back under one that runs.
    @Test func downloadResumesWhenTheOutputFolderReturns() async throws {
        let torrent = try SampleTorrent(length: 2 << 20, seed: 161)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let away = folder.appending("away")
            try await withPeers(torrent, [.stopping(after: 50)]) { peers in
                let download = try pieces.download(torrent, from: [peers[0].address])
                try await pieces.beside(download) { running in
                    try await running.untilDownloaded(50 * Geometry.blockLength)
                    running.send(SIGTERM)
                    #expect(try await running.end().exitCode == 130)
                }
                try Files.rename(pieces.output, to: away)
                peers[0].behave(.good)
                try await pieces.beside(download) { running in
                    try await eventually("it to be offline") {
                        try await pieces.status()?["state"] as? String == "offline"
                    }
                    #expect(!Files.exists(pieces.output))
                    running.send(SIGINT)
                    let end = try await running.end()
                    expectSentence(end, ["output"])
                    #expect(!Files.exists(pieces.output))
                }
                try await pieces.beside(download) { running in
                    try await eventually("it to be offline") {
                        try await pieces.status()?["state"] as? String == "offline"
                    }
                    try Files.rename(away, to: pieces.output)
                    #expect(try await running.end().exitCode == 0)
                }
                #expect(peers[0].servedBytes == torrent.content.count)
            }
            let checks = try pieces.events(.verified)
            #expect(checks == [], "\(checks)")
            #expect(torrent.faults(in: pieces.output) == [])
        }
    }

    /// A job that nobody watches ends by itself.
    @Test func downloadIsGivenUpWhenTheOutputStaysMissing() async throws {
        let torrent = try SampleTorrent(length: 2 << 20, seed: 162)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.stopping(after: 50)]) { peers in
                let download = try pieces.download(torrent, from: [peers[0].address])
                try await pieces.beside(download) { running in
                    try await running.untilDownloaded(50 * Geometry.blockLength)
                    running.send(SIGTERM)
                    #expect(try await running.end().exitCode == 130)
                }
                try Files.rename(pieces.output, to: folder.appending("away"))
                let end = try await pieces.run(download + ["--give-up-after", "1s"])
                expectSentence(end, ["output", "gave up after 1 s; the same command resumes it"])
                #expect(!Files.exists(pieces.output))
                #expect(try await pieces.run(download + ["--give-up-after", "soon"]).exitCode == 64)
                peers[0].behave(.good)
                try Files.rename(folder.appending("away"), to: pieces.output)
                #expect(try await pieces.run(download + ["--give-up-after", "none"]).exitCode == 0)
            }
        }
    }

    /// Who may not write there is told so.
    @Test func unwritableOutputFolderIsReported() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: pieces.output.string)
            try await withPeers(torrent) { peers in
                let running = try pieces.startPlain(try pieces.download(torrent, from: [peers[0].address]))
                let state = await Result {
                    try await eventually("it to say so") { try await pieces.status()?["state"] as? String == "error" }
                }
                running.send(SIGTERM)
                let end = await Result { try await running.end() }
                await running.kill()
                try state.get()
                expectSentence(try end.get(), ["output"])
            }
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: pieces.output.string)
        }
    }
}
