import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The real program is killed at calls of a run that begins with a magnet link, and goes on: what is stored of the
/// metadata is right, and isn't requested again.
///
/// `PIECES_KILLS=5000 swift test --filter MagnetKillTests` kills it at every boundary.
@Suite struct MagnetKillTests {
    private static let atOnce = 8

    /// Eleven blocks of metadata.
    private static func torrent() throws -> SampleTorrent {
        try SampleTorrent("linked.bin", length: 8700 * 128 + 7, pieceLength: 128, seed: 231)
    }

    private static func arguments(_ pieces: Pieces, _ torrent: SampleTorrent, _ peer: FakeMetadataPeer) -> [String] {
        let link = MagnetLink(infoHash: torrent.infoHash, peers: [MagnetPeer("\(peer.address)")].compactMap(\.self))
        return ["download", "\(link)", "--output", pieces.output.string, "--json"] + KillScenario.commitInterval
            + Pieces.network
    }

    @Test func magnetSurvivesAKillAtEveryCall() async throws {
        let torrent = try Self.torrent()
        let wanted = KillChoice.setting("PIECES_KILLS") ?? 60
        let counts = try await withTemporaryFolder { folder in
            try await withMetadataPeers(torrent) { peers in
                let pieces = try Pieces(in: folder)
                let file = folder.appending("counts")
                let end = try await ProgramRun(death: .none).run(
                    pieces, Self.arguments(pieces, torrent, peers[0]), counts: file)
                try #require(end.exitCode == 0, "\(end)")
                return try Shim.counts(file)
            }
        }
        let boundaries = KillPlan(counts: counts, isThorough: wanted > 1000).boundaries.prefix(wanted)
        let kills = try await KillChoice.die(at: Array(boundaries), atOnce: Self.atOnce) {
            try await Self.die(at: $0, torrent)
        }.count { $0 }
        print("killed \(kills) times at \(boundaries.count) boundaries")
        #expect(kills * 2 > boundaries.count)
    }

    /// The database can't be written while metadata arrives: the fetch waits, and goes on when it can.
    @Test(arguments: [("pwrite", "wal", Errno.noSpace), ("pwrite", "wal", .ioError), ("lock", "shm", .ioError)])
    func metadataIsStoredWhenTheDatabaseCanBeWrittenAgain(call: String, place: String, error: Errno) async throws {
        let torrent = try Self.torrent()
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let (begin, end) = (folder.appending("begin"), folder.appending("end"))
            try await withMetadataPeers(torrent, [.stopping(after: 3)]) { peers in
                let peer = peers[0]
                let fault = Fault(
                    call: call, place: place, extent: .forever, action: .fail(error), after: begin, until: end)
                let running = try pieces.start(
                    Self.arguments(pieces, torrent, peer), environment: try Shim.environment(for: pieces, [fault]))
                let result = await Result {
                    try await eventually("three blocks to be stored: \(running.errors)") {
                        try RecordedState(pieces, torrent).metadataBlocks.count == 3
                    }
                    try Files.write([], to: begin)
                    peer.serve(1)
                    try await eventually("the error: \(running.errors)") {
                        running.errors.contains("could not save metadata")
                    }
                    try Files.write([], to: end)
                    peer.serve(1000)
                    return try await running.end()
                }
                await running.kill()
                let ended = try result.get()
                #expect(ended.exitCode == 0, "\(ended)")
                for block in 0..<3 { #expect(peer.requests.count { $0 == block } == 1) }
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    /// Returns whether the program came to the call, and died there.
    private static func die(at fault: Fault, _ torrent: SampleTorrent) async throws -> Bool {
        try await withTemporaryFolder { folder in
            try await withMetadataPeers(torrent) { peers in
                let (pieces, peer) = (try Pieces(in: folder), peers[0])
                let arguments = arguments(pieces, torrent, peer)
                let first = try await ProgramRun(death: .boundary(fault)).run(pieces, arguments)
                let before = try RecordedState(pieces, torrent)
                #expect(before.damage == [], "\(fault)")
                #expect(try before.unfounded(torrent, in: pieces.output) == [], "\(fault): claimed, and not so")
                let info = torrent.file[torrent.metainfo.infoRange]
                for (index, data) in before.metadataBlocks {
                    #expect(data.elementsEqual(info.dropFirst(index * 16384).prefix(16384)), "\(fault): \(index)")
                }
                let asked = peer.requests.count
                let last = try await pieces.run(arguments)
                #expect(last.exitCode == 0, "\(fault): \(last)")
                let again = peer.requests.dropFirst(asked).filter {
                    before.hasMetadata || before.metadataBlocks[$0] != nil
                }
                #expect(again == [], "\(fault): stored, and requested again")
                #expect(torrent.faults(in: pieces.output) == [], "\(fault)")
                return first.signal == 9
            }
        }
    }
}
