import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A volume is full: that of the payload, that of the database, one that has both. What is on the disk is recorded, the
/// torrent says what is missing, nothing is downloaded twice, and it goes on by itself when there is room.
@Suite(.crowded) struct FullVolumeTests {
    enum Victim: String, Sendable, CaseIterable {
        case payload, database, both
    }

    @Test(arguments: Victim.allCases) func downloadWaitsForRoom(victim: Victim) async throws {
        let torrent = try KillScenario.torrent()
        try await withTemporaryFolder { folder in
            try await SmallVolume.with(bytes: 12 << 20, in: folder) { volume in
                let place = volume?.path ?? folder
                let pieces = try Pieces(
                    in: folder, database: victim == .payload ? nil : place.appending("pieces.db"),
                    output: victim == .database ? nil : place.appending("output"))
                try await withPeers(torrent, [.slow(12)]) { peers in
                    try await run(pieces, torrent, peers[0], victim, volume)
                }
                #expect(try RecordedState(pieces, torrent).claimed.isFull)
                #expect(torrent.faults(in: pieces.output) == [])
                #expect(try await pieces.run(["verify", "--quiet"]).exitCode == 0)
            }
        }
    }

    private func run(
        _ pieces: Pieces, _ torrent: SampleTorrent, _ peer: FakePeer, _ victim: Victim, _ volume: SmallVolume?
    ) async throws {
        let (begin, end) = (pieces.folder.appending("begin"), pieces.folder.appending("end"))
        let faults = volume == nil ? Self.faults(victim, pieces, begin: begin, end: end) : []
        let arguments = try pieces.download(torrent, from: [peer.address], KillScenario.commitInterval)
        let running = try pieces.start(arguments, environment: try Shim.environment(for: pieces, faults))
        let result = await Result {
            try await eventually("something to be recorded: \(running.errors)") {
                try Self.row(pieces)?.piecesHave ?? 0 >= 4
            }
            if let volume { try volume.fill() } else { try Files.write([], to: begin) }
            let text = try await eventually("the state to say so: \(running.errors)") {
                let row = try Self.row(pieces)
                return row?.state == .error ? row?.error : nil
            }
            #expect(text.contains("space"), "\(text)")
            // What was on the disk before is recorded, though there is no room.
            let written = try torrent.geometry.pieces.filter { piece in
                // Files are made as their first pieces come, in no order.
                let files = torrent.metainfo.layout.files(of: piece, geometry: torrent.geometry)
                guard files.allSatisfy({ Files.exists(torrent.path($0, in: pieces.output)) }) else { return false }
                var one = Bitfield(count: torrent.geometry.pieceCount)
                one.insert(piece)
                return try torrent.unfounded(one, in: pieces.output).isEmpty
            }
            try await eventually("all that is written to be recorded") {
                let claimed = try RecordedState(pieces, torrent).claimed
                return written.allSatisfy { claimed[$0] }
            }
            let recordedState = try RecordedState(pieces, torrent)
            #expect(!recordedState.claimed.isFull, "the volume was not full early enough")
            #expect(try torrent.unfounded(recordedState.claimed, in: pieces.output) == [])
            if let piece = recordedState.claimed.pieces.first(where: { _ in true }) {
                try await DownloadingPeer.get(piece, of: torrent, from: try await running.address())
            }
            if let volume { try volume.empty() } else { try Files.write([], to: end) }
            peer.behave(.good)
            return try await running.end()
        }
        await running.kill()
        let last = try result.get()
        #expect(last.exitCode == 0, "\(last)")
        #expect(Set(peer.served).count == peer.served.count, "something was downloaded twice")
    }

    /// What a full volume does, where none can be mounted: the database has no space while its reserve is taken.
    private static func faults(_ victim: Victim, _ pieces: Pieces, begin: FilePath, end: FilePath) -> [Fault] {
        var faults: [Fault] = []
        let full = Fault.Action.fail(.noSpace)
        if victim != .database {
            faults.append(
                Fault(call: "pwrite", place: "payload", extent: .forever, action: full, after: begin, until: end))
            faults.append(
                Fault(call: "freespace", place: "folder", extent: .forever, action: full, after: begin, until: end))
        }
        if victim != .payload {
            let reserve = FilePath(pieces.database.string + ".reserve")
            faults.append(
                Fault(
                    call: "pwrite", place: "wal", extent: .forever, action: full, after: begin, until: end,
                    during: reserve))
            faults.append(
                Fault(call: "fallocate", place: "reserve", extent: .forever, action: full, after: begin, until: end))
        }
        return faults
    }

    /// There is no room for a database, or for more of it: one sentence, or the engine runs in the space that was kept.
    @Test(arguments: [false, true]) func engineStartsOrFailsClearlyOnAFullVolume(isKnown: Bool) async throws {
        let torrent = try KillScenario.torrent()
        try await withTemporaryFolder { folder in
            try await SmallVolume.with(bytes: 8 << 20, in: folder) { volume in
                guard let volume else {
                    try Test.cancel("it takes a volume of its own, and none may be mounted here: run it as root")
                }
                let pieces = try Pieces(in: folder, database: volume.path.appending("pieces.db"))
                try await withPeers(torrent, [.slow(12)]) { peers in
                    let arguments = try pieces.download(torrent, from: [peers[0].address], KillScenario.commitInterval)
                    if isKnown {
                        let first = try pieces.start(arguments)
                        let begun = await Result {
                            try await eventually("something to be recorded") {
                                try Self.row(pieces)?.piecesHave ?? 0 >= 4
                            }
                        }
                        await first.kill()
                        try begun.get()
                    }
                    let before = try RecordedState(pieces, torrent).claimed
                    try volume.fill()
                    let running = try pieces.start(arguments)
                    let result = await Result {
                        try await eventually("a sentence or the state: \(running.output)") {
                            try !running.isRunning || Self.row(pieces)?.state == .error
                        }
                        if running.isRunning {
                            #expect(try Self.row(pieces)?.error?.contains("space") == true)
                        } else {
                            let end = try await running.end()
                            #expect(
                                end.exitCode == 1 && end.errors.contains("space") && end.errors.contains("pieces.db"),
                                "\(end)")
                        }
                        #expect(before.isSubset(of: try RecordedState(pieces, torrent).claimed))
                        try volume.empty()
                        peers[0].behave(.good)
                        if running.isRunning { #expect(try await running.end().exitCode == 0) }
                    }
                    await running.kill()
                    try result.get()
                    let end = try await pieces.run(arguments)
                    #expect(end.exitCode == 0, "\(end)")
                }
                #expect(torrent.faults(in: pieces.output) == [])
            }
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
}
