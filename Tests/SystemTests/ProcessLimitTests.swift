import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A limit of the process (`ulimit`) that is met is named, with its value; it never ends the process by a signal.
@Suite(.crowded) struct ProcessLimitTests {
    /// Starts the program under a limit, and with the signals of a login shell.
    private func start(_ limit: String, _ pieces: Pieces, _ arguments: [String]) throws -> RunningProgram {
        try RealProgram.require("env", package: "coreutils").start(
            ["--default-signal=XFSZ", "sh", "-c", "ulimit \(limit) && exec \"$@\"", "sh", try Pieces.program.path] + arguments, in: pieces.folder,
            environment: ["PIECES_DATABASE": pieces.database.string])
    }

    /// Blocks of 512 or of 1024 bytes, as the shell counts.
    @Test func aPayloadFileBeyondTheLimit() async throws {
        let torrent = try SampleTorrent(length: 4 << 20, pieceLength: 1 << 18, seed: 411)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.good]) { peers in
                let running = try start("-f 2000", pieces, try pieces.download(torrent, from: [peers[0].address]))
                let result = await Result {
                    try await eventually("the limit to be named: \(running.output) \(running.errors)") { () throws -> String? in
                        guard Files.exists(pieces.database) else { return nil }
                        do {
                            let row = try Connection.open(pieces.database, mode: .readOnly, now: .now()).torrents().first
                            return row?.state == .error ? row?.error : nil
                        } catch let error as StoreError where error.code == .notFound {
                            // The program is about to create it.
                            return nil
                        }
                    }
                }
                running.send(SIGTERM)
                let end = await Result { try await running.end() }
                await running.kill()
                let error = try result.get()
                #expect(error.contains("ulimit -f") && error.contains("bytes") && error.contains(torrent.metainfo.name), "\(error)")
                #expect(try end.get().signal == nil)
            }
        }
    }

    @Test func aDatabaseBeyondTheLimit() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 412)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let running = try start("-f 32", pieces, ["add", try pieces.file(of: torrent).string, "--output", pieces.output.string])
            let end = try await running.end()
            #expect(end.exitCode == 1 && end.errors.contains("ulimit -f"), "\(end)")
            // Nothing of it is half there.
            #expect(try await pieces.run(["add", try pieces.file(of: torrent).string, "--output", pieces.output.string]).exitCode == 0)
        }
    }

    @Test(arguments: [8, 12, 16, 20]) func tooFewOpenFiles(count: Int) async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 413)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let end = try await start("-n \(count)", pieces, try pieces.download(torrent)).end()
            #expect(
                end.exitCode == 1 && end.errors.contains("may have \(count) files and sockets open") && end.errors.contains("ulimit -n"), "\(end)")
        }
    }

    /// The engine takes what it may have: the usual limit is lower.
    @Test func theSoftLimitIsNone() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, pieceLength: 1 << 16, seed: 414)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.good]) { peers in
                let end = try await start("-Sn 24", pieces, try pieces.download(torrent, from: [peers[0].address])).end()
                #expect(end.exitCode == 0, "\(end)")
            }
        }
    }
}
