import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Torrents of real clients: complete, half-way, renamed, selected and paused ones, and one that has rotted since.
@Suite(.crowded) struct ImportTests {
    private static func sample(_ name: String, seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(
            folder: name, [.init("a.bin", 300_000), .init("sub/b.bin", 200_000), .init("c.bin", 150_000)],
            pieceLength: 32768, seed: seed, trackers: [["http://127.0.0.1:1/announce"]])
    }

    /// The row of a torrent, by its info hash.
    private static func row(_ torrent: SampleTorrent, _ connection: Connection) throws -> TorrentRow {
        try #require(try connection.torrents.row(torrent.infoHash), "\(torrent.metainfo.name) was not imported")
    }

    /// What the torrents' files have below the folder.
    private static func payload(_ folder: FilePath) throws -> [[UInt8]: [UInt8]] {
        try Files.tree(folder)
    }

    @Test(arguments: RealClient.all) func everythingOfARealClientIsImported(client: RealClient) async throws {
        try await withTemporaryFolder { folder in
            let data = try folder.appending("data").makingFolder()
            let whole = try Self.sample("whole", seed: 1)
            let half = try Self.sample("half", seed: 2)
            let selected = try Self.sample("selected", seed: 3)
            let rotten = try Self.sample("rotten", seed: 4)
            // rTorrent takes no torrent that has neither a tracker nor a DHT.
            let single = try SampleTorrent(
                "single.bin", length: 100_000, pieceLength: 32768, seed: 5, trackers: [["http://127.0.0.1:1/announce"]])
            // Where the client can, one of its files gets another name.
            let renamed = try Self.sample("renamed", seed: 6)
            let canRename = !["aria2", "rtorrent"].contains(client.name)
            for torrent in [whole, rotten, single, renamed] { try torrent.write(to: data) }
            // Nine whole pieces of ten, and a bit of the rest: the end of the first file is missing.
            try half.write(to: data)
            for file in [1, 2] { try Files.remove(half.path(file, in: data)) }
            let halfBytes = 9 * half.geometry.pieceLength
            try selected.write(to: data)
            try Files.remove(selected.path(2, in: data))
            let state = try await client.makeState(
                of: [
                    .init(
                        torrent: whole, data: data, labels: ["films"], uploadLimit: 50_000,
                        complete: whole.content.count),
                    .init(torrent: half, data: data, isPaused: true, complete: halfBytes),
                    .init(torrent: selected, data: data, unwanted: [2], complete: 15 * 32768),
                    .init(torrent: rotten, data: data, complete: rotten.content.count),
                    .init(torrent: single, data: data, isPaused: true, complete: single.content.count),
                    .init(
                        torrent: renamed, data: data,
                        renamed: canRename ? [(0, "renamed/a.bin", "renamed/z.bin")] : [],
                        complete: renamed.content.count),
                ], in: folder)

            // One bit turns over after the client's end, and the file looks as ever.
            let path = rotten.path(0, in: data)
            let before = try Files.status(path)
            let byte = try Files.read(path, at: 100_000, count: 1)[0]
            try Files.overwrite(path, at: 100_000, with: [byte ^ 4])
            try Files.setTimes(path, from: before)
            let stateBefore = try Files.tree(state)
            let payloadBefore = try Self.payload(data)

            let pieces = try Pieces(in: folder)
            let arguments = ["import", state.string, "--from", client.name]
            let trial = try await pieces.run(arguments + ["--dry-run"])
            #expect(trial.exitCode == 0 && trial.output.contains("6 torrents would be imported"), "\(trial)")
            #expect(!Files.exists(pieces.database))
            let end = try await pieces.run(arguments)
            #expect(end.exitCode == 2, "\(end)")

            // Nothing was written where the client is, and nothing to the payload.
            #expect(try Files.tree(state) == stateBefore)
            #expect(try Self.payload(data) == payloadBefore)

            let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
            for (torrent, isPaused) in [
                (whole, false), (half, true), (selected, false), (rotten, false), (single, true),
            ] {
                let row = try Self.row(torrent, connection)
                #expect(row.output == data.string && row.settings.isPaused == isPaused, "\(row)")
                let have = try connection.pieces.have(of: row.id, count: row.pieceCount)
                #expect(try torrent.unfounded(have, in: data) == [], "\(row.name)")
                #expect(try connection.imports.row(row.id)?.hashedAt != nil, "\(row.name)")
            }
            #expect(try Self.row(whole, connection).isComplete && Self.row(single, connection).isComplete)
            #expect(try Self.row(half, connection).piecesHave == 9)
            let rottenRow = try Self.row(rotten, connection)
            #expect(rottenRow.piecesHave == rotten.geometry.pieceCount - 1)
            #expect(try connection.imports.row(rottenRow.id)?.wrongPieces == 1)
            let damage = try pieces.events(.inheritedDamage)
            #expect(damage.count == 1 && damage[0].contains("a.bin") && damage[0].contains("1 piece"), "\(damage)")
            let other = try Self.row(renamed, connection)
            #expect(other.isComplete)
            #expect(try connection.renames.of(other.id).files == (canRename ? [0: "z.bin"] : [:]))
            if ["qbittorrent", "transmission", "rtorrent"].contains(client.name) {
                #expect(try connection.labels.names(of: try Self.row(whole, connection).id) == ["films"])
            }
            let chosen = try Self.row(selected, connection)
            #expect(try connection.files.wanted(of: chosen.id, count: 3) == [true, true, false], "\(client)")
            // The last piece of the second file has bytes of the third one, too.
            #expect(chosen.piecesHave == 15)
            if !["aria2", "rtorrent", "deluge"].contains(client.name) {
                #expect(try Self.row(whole, connection).settings.limits.upload == 50_000)
            }
            #expect(
                try connection.trackers.rows(of: try Self.row(whole, connection).id).map(\.url) == [
                    "http://127.0.0.1:1/announce"
                ])

            // Once more: everything is known, and nothing is hashed again.
            let again = try await pieces.run(arguments + ["--json"])
            #expect(again.exitCode == 0, "\(again)")
            #expect(again.output.components(separatedBy: #""event":"known""#).count == 7, "\(again)")
            let report = try await pieces.run(["import", "--report"])
            #expect(report.exitCode == 2, "\(report)")
            let scrub = try await pieces.run(["scrub"])
            #expect(scrub.exitCode == 2 && scrub.output.contains("waits to be fetched"), "\(scrub)")
        }
    }

    /// A running engine hashes what is imported, uploads it, and reports the damage.
    @Test func runningEngineHashesWhatIsImported() async throws {
        let client = RealClient.all[2]
        try await withTemporaryFolder { folder in
            let data = try folder.appending("data").makingFolder()
            let rotten = try Self.sample("rotten", seed: 6)
            try rotten.write(to: data)
            let state = try await client.makeState(
                of: [.init(torrent: rotten, data: data, complete: rotten.content.count)], in: folder)
            let byte = try Files.read(rotten.path(1, in: data), at: 1000, count: 1)[0]
            try Files.overwrite(rotten.path(1, in: data), at: 1000, with: [byte ^ 4])
            let pieces = try Pieces(in: folder)
            try await withPeers(rotten, [.good]) { peers in
                let run = ["run", "--quiet"] + Pieces.network + ["--peer", "\(peers[0].address)"]
                try await pieces.beside(run) { engine in
                    try await eventually("the engine to be at work: \(engine.errors)") {
                        Files.exists(pieces.database)
                            && (try? Connection.open(pieces.database, mode: .readOnly, now: .now()).runs.last()) != nil
                    }
                    let end = try await pieces.run(["import", state.string])
                    #expect(end.exitCode == 0 && end.output.contains("the engine hashes 1 torrent"), "\(end)")
                    try await eventually("the damage to be repaired: \(engine.errors)") {
                        try await pieces.claimed(rotten).isFull
                    }
                    try await eventually("the repair to be read back: \(engine.errors)") {
                        try await pieces.run(["scrub"]).exitCode == 0
                    }
                }
                // Only the rotten piece was fetched.
                #expect(peers[0].servedBytes <= 2 * rotten.geometry.pieceLength, "\(peers[0].servedBytes)")
            }
            #expect(rotten.faults(in: data) == [])
            #expect(try pieces.events(.inheritedDamage).count == 1)
            let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
            #expect(try connection.imports.row(TorrentID(1))?.wrongPieces == 1)
        }
    }

    /// While the client runs, its state may be old, and it may write.
    @Test func runningClientIsRefused() async throws {
        let program = try RealProgram.require("transmission-daemon")
        try await withTemporaryFolder { folder in
            let work = try folder.appending("state").makingFolder()
            let arguments = [
                "--foreground", "--config-dir", work.string, "--port", "\(try Machine.freePort())",
                "--rpc-bind-address", "127.0.0.1", "--peerport", "\(try Machine.freePort())", "--no-portmap",
                "--no-dht",
                "--no-lpd", "--no-utp",
            ]
            let pieces = try Pieces(in: folder)
            try await withProgram(program, arguments, in: folder) { running in
                try await eventually("its folders: \(running.errors)") {
                    Files.exists(work.appending("resume"))
                }
                let end = try await pieces.run(["import", work.string, "--from", "transmission"])
                #expect(end.exitCode == 1 && end.errors.contains("seems to be running"), "\(end)")
                #expect(!Files.exists(pieces.database))
                let forced = try await pieces.run(["import", work.string, "--from", "transmission", "--while-running"])
                #expect(forced.exitCode == 0 && forced.errors.contains("is not imported"), "\(forced)")
            }
        }
    }
}
