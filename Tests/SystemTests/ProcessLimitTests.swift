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
            ["--default-signal=XFSZ", "sh", "-c", "ulimit \(limit) && exec \"$@\"", "sh", try Pieces.program.path]
                + arguments, in: pieces.folder,
            environment: ["PIECES_DATABASE": pieces.database.string])
    }

    /// Blocks of 512 or of 1024 bytes, as the shell counts.
    @Test func payloadFileBeyondTheLimitIsReported() async throws {
        let torrent = try SampleTorrent(length: 4 << 20, pieceLength: 1 << 18, seed: 411)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.good]) { peers in
                let running = try start("-f 2000", pieces, try pieces.download(torrent, from: [peers[0].address]))
                let result = await Result {
                    try await eventually("the limit to be named: \(running.output) \(running.errors)") {
                        () throws -> String? in
                        guard Files.exists(pieces.database) else { return nil }
                        do {
                            let row = try Connection.open(pieces.database, mode: .readOnly, now: .now()).torrents.rows()
                                .first
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
                #expect(
                    error.contains("ulimit -f") && error.contains("bytes") && error.contains(torrent.metainfo.name),
                    "\(error)")
                #expect(try end.get().signal == nil)
            }
        }
    }

    @Test func databaseBeyondTheLimitIsReported() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 412)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let running = try start(
                "-f 32", pieces, ["add", try pieces.file(of: torrent).string, "--output", pieces.output.string])
            let end = try await running.end()
            #expect(end.exitCode == 1 && end.errors.contains("ulimit -f"), "\(end)")
            // Nothing of it is half there.
            #expect(
                try await pieces.run(["add", try pieces.file(of: torrent).string, "--output", pieces.output.string])
                    .exitCode == 0)
        }
    }

    @Test(arguments: [8, 12, 16, 20]) func tooFewOpenFilesAreReported(count: Int) async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 413)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let end = try await start("-n \(count)", pieces, try pieces.download(torrent)).end()
            #expect(
                end.exitCode == 1 && end.errors.contains("may have \(count) files and sockets open")
                    && end.errors.contains("ulimit -n"), "\(end)")
        }
    }

    /// Runs each command under the limit. Each answers, or says what is missing; none is ended by a signal.
    private func answers(_ pieces: Pieces, _ torrent: SampleTorrent, _ peer: PeerAddress, under limit: String)
        async throws
    {
        let file = try pieces.file(of: torrent).string
        // The database of the limit is its own: what a command makes is there for the next one.
        let database = ["--database", pieces.folder.appending("limit \(limit).db").string]
        let content = pieces.folder.appending("content")
        try Files.write(torrent.content, to: content)
        let made = pieces.folder.appending("made \(limit).torrent").string
        for command in [
            ["show", file], ["create", content.string, "--output", made, "--quiet"],
            ["add", file, "--output", pieces.output.string] + database, ["status", "--json"] + database,
            ["run", "--until-complete", "--json"] + Pieces.network + ["--peer", "\(peer)"] + database,
            try pieces.download(torrent, from: [peer]) + database, ["verify", "--quiet"] + database,
            ["doctor"] + database,
        ] {
            let end = try await start(limit, pieces, command).end()
            // 127: the loader found no room for the program itself.
            let isAnswer = end.exitCode == 0 || end.exitCode == 2 && command[0] == "doctor"
            let isRefusal =
                [1, 2, 127].contains(end.exitCode) && !end.errors.isEmpty || end.exitCode == 1 && command[0] == "doctor"
            #expect(isAnswer || isRefusal, "\(limit): \(command[0]): \(end)")
            if end.exitCode == 1,
                end.errors.contains("cannot start enough threads") || end.errors.contains("not enough memory")
            {
                #expect(end.errors.contains("ulimit"), "\(end)")
            }
        }
    }

    /// KiB of address space, from less than the program is large to enough for all of its threads.
    @Test(arguments: ["v", "d"]) func littleMemoryNeverCrashesTheProgram(kind: String) async throws {
        let torrent = try SampleTorrent(length: 1 << 20, pieceLength: 1 << 16, seed: 415)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.good]) { peers in
                for mebibytes in stride(from: kind == "v" ? 128 : 16, through: 480, by: 44) {
                    try await answers(pieces, torrent, peers[0].address, under: "-\(kind) \(mebibytes << 10)")
                }
            }
        }
    }

    @Test func fewDescriptorsNeverCrashTheProgram() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, pieceLength: 1 << 16, seed: 416)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.good]) { peers in
                for count in [4, 6, 9, 12, 15, 18, 21, 23, 24, 26, 27, 28, 30] {
                    try await answers(pieces, torrent, peers[0].address, under: "-n \(count)")
                }
            }
        }
    }

    /// Root may have as many as it likes, so that this is another user (getrlimit(2)).
    @Test(arguments: [1, 4, 10, 16, 19, 22, 30]) func fewThreadsNeverCrashTheProgram(count: Int) async throws {
        // One for each count, because they run side by side.
        let user = uid_t(54300 + count)
        guard geteuid() == 0 else {
            try Test.cancel("only root can start a program as a user that has no other processes")
        }
        let program = try RealProgram.require("setpriv", package: "util-linux")
        let torrent = try SampleTorrent(length: 1 << 20, pieceLength: 1 << 16, seed: 417)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            for path in [pieces.folder, pieces.output, file] {
                #expect(path.withPlatformString { chown($0, user, user) } == 0)
            }
            try await withPeers(torrent, [.good]) { peers in
                for command in [
                    ["add", file.string, "--output", pieces.output.string],
                    try pieces.download(torrent, from: [peers[0].address]),
                ] {
                    let end = try await program.run(
                        ["--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", "prlimit", "--nproc=\(count)"]
                            + [try Pieces.program.path] + command, in: pieces.folder,
                        environment: ["PIECES_DATABASE": pieces.database.string])
                    if command[0] == "add" {
                        #expect(end.exitCode == 0, "\(end)")
                    } else {
                        let sentence = "this user may have \(count) processes and threads"
                        let isRefusal =
                            end.errors.contains("cannot start enough threads") && end.errors.contains(sentence)
                        #expect(end.exitCode == 0 || end.exitCode == 1 && isRefusal, "\(end)")
                    }
                }
            }
        }
    }

    /// The engine takes what it may have: the usual limit is lower.
    @Test func softLimitIsRaised() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, pieceLength: 1 << 16, seed: 414)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.good]) { peers in
                let end = try await start("-Sn 24", pieces, try pieces.download(torrent, from: [peers[0].address]))
                    .end()
                #expect(end.exitCode == 0, "\(end)")
            }
        }
    }
}
