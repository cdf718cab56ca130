import Engine
import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A torrent of 100,000 files, half of them empty: what is done for each file is done often, and what is done for each
/// pair of them never ends.
@Suite(.alone) struct HundredThousandFilesTests {
    static let count = 100_000

    /// A hundred files a folder, of 0 to 39 bytes.
    private static func torrent() throws -> SampleTorrent {
        try SampleTorrent(
            folder: "many", (0..<count).map { .init("folder \($0 / 100)/file \($0)", $0 % 2 == 0 ? 0 : $0 % 40) },
            pieceLength: 1 << 14, seed: 211)
    }

    @Test func hundredThousandFilesAreDownloadedAndResumed() async throws {
        let clock = Stopwatch()
        let torrent = try Self.torrent()
        clock.tell("made")
        try await withSite(inMemory: true) { site in
            let id = try site.add(torrent)
            clock.tell("added")
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { session in
                    clock.tell("started")
                    try await site.untilComplete(id, within: .seconds(600))
                    clock.tell("downloaded")
                    #expect(await session.snapshot(id)?.state == .seeding)
                }
                clock.tell("stopped")
                #expect(peers[0].servedBytes == torrent.content.count)
            }
            let row = try site.row(id)
            #expect(row.completedBytes == row.totalBytes && row.piecesHave == row.pieceCount)
            try await site.run {
                $0.scope = .only([id])
            } _: { session in
                try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
                #expect(await session.snapshot(id)?.unverified == 0)
                clock.tell("started again")
            }
            clock.tell("stopped again")
            #expect(try site.events(.verified, of: id) == [])
            #expect(Self.content(of: torrent, in: site.output.string) == torrent.content)
            clock.tell("compared")
        }
        clock.tell("deleted")
    }
}

extension HundredThousandFilesTests {
    /// The bytes of all files that are there, one behind the other; by plain calls, because a debug build takes a
    /// millisecond for a `FilePath`.
    private static func content(of torrent: SampleTorrent, in output: String) -> [UInt8] {
        var content: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 64)
        for file in torrent.metainfo.layout.files {
            let descriptor = open("\(output)/\(file.displayPath)", O_RDONLY)
            guard descriptor >= 0 else { return [] }
            let count = read(descriptor, &bytes, bytes.count)
            if count > 0 { content += bytes[..<count] }
            close(descriptor)
        }
        return content
    }
}

/// Says how long steps took, and the memory that is resident.
private final class Stopwatch {
    private var last = ContinuousClock.now

    func tell(_ step: String) {
        let now = ContinuousClock.now
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        print("100,000 files \(step): \(now - last), \(usage.ru_maxrss / 1024) MiB at most so far")
        last = ContinuousClock.now
    }
}
