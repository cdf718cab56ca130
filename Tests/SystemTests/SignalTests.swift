import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What signals do, and what the program says at its end.
@Suite(.crowded) struct SignalTests {
    /// A clean stop: the next start hashes nothing and asks for no block twice.
    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT]) func firstSignalStopsCleanly(signal: Int32) async throws {
        let torrent = try SampleTorrent(length: 4 << 20, pieceLength: 1 << 18, seed: 131)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.stopping(after: 0)]) { peers in
                for blocks in [70, 170] {
                    peers[0].behave(.stopping(after: blocks))
                    let running = try pieces.start(try pieces.download(torrent, from: [peers[0].address]))
                    let served = await Result { try await running.untilDownloaded(blocks * Geometry.blockLength) }
                    running.send(signal)
                    let end = await Result { try await running.end() }
                    await running.kill()
                    try served.get()
                    let last = try end.get()
                    #expect(last.exitCode == 130, "\(last)")
                    #expect(try torrent.unfounded(try await pieces.claimed(torrent), in: pieces.output) == [])
                }
                peers[0].behave(.good)
                let end = try await pieces.run(try pieces.download(torrent, from: [peers[0].address]))
                #expect(end.exitCode == 0, "\(end)")
                #expect(peers[0].servedBytes == torrent.content.count)
            }
            #expect(try pieces.events(.verified) == [])
            #expect(torrent.faults(in: pieces.output) == [])
        }
    }

    /// Runs a download, sends it the first signal, and calls `body` while its goodbye waits for a tracker that doesn't
    /// answer.
    private func withSlowGoodbye(
        seed: UInt64, _ first: Int32, _ body: (RunningProgram, Connection) async throws -> Void
    ) async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 1 << 20, seed: seed, trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                let pieces = try Pieces(in: folder)
                try await pieces.beside(try pieces.download(torrent)) { running in
                    try await eventually("the first announce") { tracker.events == ["started"] }
                    let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                    let id = try #require(try connection.torrents.rows().first?.id)
                    try await eventually("the answer to be written down") {
                        try connection.trackers.rows(of: id).first?.lastSuccessAt != nil
                    }
                    tracker.answer { $0.isDeaf = true }
                    running.send(first)
                    try await eventually("goodbye") { tracker.events == ["started", "stopped"] }
                    try await body(running, connection)
                }
            }
        }
    }

    /// A tracker that doesn't hear goodbye holds the first up for some seconds; the second ends the program at once.
    @Test(arguments: [SIGINT, SIGQUIT]) func secondSignalEndsTheProgramAtOnce(signal: Int32) async throws {
        try await withSlowGoodbye(seed: 132, signal) { running, connection in
            running.send(signal)
            let end = try await running.end()
            #expect(end.exitCode == 130, "\(end)")
            // It didn't come to its own end.
            #expect(try connection.runs.last()?.stoppedAt == nil)
        }
    }

    /// A terminal that closes sends SIGHUP more than once, and a service manager behind SIGTERM: none of them cuts the
    /// coming to rest short.
    @Test(arguments: [(SIGHUP, SIGHUP), (SIGTERM, SIGHUP), (SIGHUP, SIGTERM)]) func hangUpNeverEndsTheProgramAtOnce(
        first: Int32, second: Int32
    ) async throws {
        try await withSlowGoodbye(seed: 134, first) { running, connection in
            running.send(second)
            // Until the tracker has had its time to answer.
            let end = try await running.end()
            #expect(end.exitCode == 130, "\(end)")
            let run = try #require(try connection.runs.last())
            #expect(run.stoppedAt != nil && run.isClean)
        }
    }

    /// Scripts send them to daemons, many of which do something then; the default would end the program.
    @Test(arguments: [SIGUSR1, SIGUSR2]) func userSignalsAreIgnored(signal: Int32) async throws {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                _ = try await running.address()
                running.send(signal)
                running.send(SIGTERM)
                let end = try await running.end()
                #expect(end.exitCode == 0, "\(end)")
            }
            #expect(try Connection.open(pieces.database, mode: .readOnly, now: .now()).runs.last()?.isClean == true)
        }
    }

    /// nohup(1) has the signal ignored, and so it stays.
    @Test func hangUpIsIgnoredUnderNohup() async throws {
        let nohup = try RealProgram.require("nohup", package: "coreutils")
        let torrent = try SampleTorrent(length: 1 << 20, seed: 135)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let arguments = [try Pieces.program.path, "run", "--json"] + Pieces.network
            try await withProgram(
                nohup, arguments, in: folder, environment: ["PIECES_DATABASE": pieces.database.string]
            ) { running in
                _ = try await running.address()
                running.send(SIGHUP)
                // It is still there for what comes after.
                try await pieces.run(["add", try pieces.file(of: torrent).string, "--output", pieces.output.string])
                try await eventually("the torrent to be begun with") {
                    try Connection.open(pieces.database, mode: .readOnly, now: .now()).torrents.rows().first?.state
                        == .downloading
                }
                running.send(SIGTERM)
                let end = try await running.end()
                #expect(end.exitCode == 0, "\(end)")
            }
        }
    }

    /// The engine is told to stop through the database before all is there.
    @Test func stopCommandEndsAnIncompleteDownload() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 133)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.stopping(after: 10)]) { peers in
                try await pieces.beside(try pieces.download(torrent, from: [peers[0].address])) { running in
                    try await eventually("some blocks") { peers[0].served.count == 10 }
                    try pieces.tellToStop()
                    let end = try await running.end()
                    #expect(end.exitCode == 2, "\(end)")
                }
            }
        }
    }

    /// A running engine's last words: 0 for `run` after SIGTERM, and after its terminal has gone.
    @Test(arguments: [SIGTERM, SIGHUP, SIGQUIT]) func runExitsWithZeroAfterASignal(signal: Int32) async throws {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                _ = try await running.address()
                running.send(signal)
                let end = try await running.end()
                #expect(end.exitCode == 0, "\(end)")
            }
            let run = try Connection.open(pieces.database, mode: .readOnly, now: .now()).runs.last()
            #expect(run?.stoppedAt != nil && run?.isClean == true)
        }
    }
}
