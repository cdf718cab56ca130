import Disk
import Engine
import Store
import Swarm
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A disk that is full or failing stops its torrent with a clear text; when the fault goes the torrent goes on by
/// itself, and nothing is claimed that isn't so.
@Suite(.crowded) struct DiskFaultTests {
    struct Example: Sendable, CustomTestStringConvertible {
        let name: String
        let breakIt: @Sendable (FaultyDisk) -> Void
        let words: String

        var testDescription: String { name }
    }

    static let examples = [
        Example(name: "full", breakIt: { $0.fill() }, words: "space"),
        Example(name: "writes fail", breakIt: { $0.failWrites(.ioError) }, words: "error"),
        Example(name: "syncs fail", breakIt: { $0.fail(.syncData, .ioError) }, words: "error"),
        Example(name: "read-only", breakIt: { $0.failWrites(.readOnlyFileSystem) }, words: "read-only"),
    ]

    /// Breaks the disk as soon as something of the torrent is recorded. Returns when its state says so.
    private func breakWhenRecorded(_ torrent: SampleTorrent, _ id: TorrentID, _ site: Site, _ breakIt: () -> Void)
        async throws
    {
        try await eventually("something to be recorded") { !(try site.claimed(id, torrent).isEmpty) }
        breakIt()
        try await eventually("the state to say so") { try site.row(id).state == .error }
    }

    @Test(arguments: examples) func downloadPausesOnADiskFaultAndResumes(example: Example) async throws {
        let torrent = try SampleTorrent(length: 4 << 20, seed: 71)
        try await withSite { site in
            let id = try site.add(torrent)
            let calls = FaultyDisk()
            try await withPeers(torrent, [.slow(20)]) { peers in
                try await site.run(peers: peers.map(\.address), disk: try Disk(calls: calls)) { session in
                    try await breakWhenRecorded(torrent, id, site) { example.breakIt(calls) }
                    let row = try site.row(id)
                    let text = try #require(row.error)
                    #expect(text.lowercased().contains(example.words), "\(text)")
                    // It asks for no more, and keeps to what it says.
                    try await eventually("it to ask for no more") {
                        let asked = peers[0].requests.count
                        try await Task.sleep(for: .milliseconds(500))
                        return peers[0].requests.count == asked
                    }
                    #expect(peers[0].requests.count < torrent.content.count / Geometry.blockLength)
                    #expect(try torrent.unfounded(try site.claimed(id, torrent), in: site.output) == [])
                    calls.mend()
                    peers[0].behave(.good)
                    try await site.untilComplete(id)
                    #expect(try site.row(id).error == nil)
                    #expect(await session.snapshot(id)?.state == .seeding)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// A piece that couldn't be written is in memory still: it doesn't come twice.
    @Test func fullDiskCausesNoRepeatedDownload() async throws {
        let torrent = try SampleTorrent(length: 4 << 20, seed: 72)
        try await withSite { site in
            let id = try site.add(torrent)
            let calls = FaultyDisk()
            try await withPeers(torrent, [.slow(20)]) { peers in
                try await site.run(peers: peers.map(\.address), disk: try Disk(calls: calls)) { _ in
                    try await breakWhenRecorded(torrent, id, site) { calls.fill() }
                    calls.mend()
                    try await site.untilComplete(id)
                }
                #expect(Set(peers[0].served).count == peers[0].served.count)
            }
        }
    }

    /// The disk is still broken when the engine is stopped: the next life looks at what is in doubt, and completes.
    @Test(arguments: examples) func downloadResumesAfterAStopWithADiskFault(example: Example) async throws {
        let torrent = try SampleTorrent(length: 4 << 20, seed: 73)
        try await withSite { site in
            let id = try site.add(torrent)
            let calls = FaultyDisk()
            try await withPeers(torrent, [.slow(20)]) { peers in
                try await site.run(peers: peers.map(\.address), disk: try Disk(calls: calls)) { _ in
                    try await breakWhenRecorded(torrent, id, site) { example.breakIt(calls) }
                }
                #expect(try site.row(id).state == .error)
                #expect(try torrent.unfounded(try site.claimed(id, torrent), in: site.output) == [])
                peers[0].behave(.good)
                try await site.download(id, from: peers)
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// Not even its empty files can be made: it is tried again, by itself.
    @Test(arguments: [Errno.tooManyOpenFiles, .noSpace, .permissionDenied, .readOnlyFileSystem])
    func failedFileCreationIsRetried(
        error: Errno
    ) async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 200_000), .init("empty", 0)], seed: 77)
        try await withSite { site in
            let id = try site.add(torrent)
            let calls = FaultyDisk()
            calls.fail(.create, error)
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address), disk: try Disk(calls: calls)) { _ in
                    try await eventually("the state to say so") { try site.row(id).state == .error }
                    #expect(try site.row(id).error?.contains("sample/empty") == true)
                    calls.mend()
                    try await site.untilComplete(id)
                    #expect(try site.row(id).error == nil)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// Who has what is recorded gets it, whatever becomes of what is to be written.
    @Test(arguments: examples) func recordedPiecesAreServedDuringADiskFault(example: Example) async throws {
        let torrent = try SampleTorrent(length: 4 << 20, seed: 78)
        try await withSite { site in
            let id = try site.add(torrent)
            let calls = FaultyDisk()
            try await withPeers(torrent, [.slow(20)]) { peers in
                try await site.run(peers: peers.map(\.address), disk: try Disk(calls: calls)) { session in
                    try await breakWhenRecorded(torrent, id, site) { example.breakIt(calls) }
                    let claimed = try site.claimed(id, torrent)
                    try await withSite { other in
                        let copy = try other.add(torrent)
                        let address = await session.address
                        try await other.run(peers: [address]) { _ in
                            try await eventually("all that the first had recorded") {
                                claimed.isSubset(of: try other.claimed(copy, torrent))
                            }
                        }
                    }
                }
            }
        }
    }

    /// With `--allocate full` a disk without room is told before anything is made.
    @Test func fullAllocationReportsAFullDisk() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 74)
        try await withSite { site in
            let id = try site.add(torrent) { $0.allocatesFull = true }
            let calls = FaultyDisk()
            calls.fill()
            try await site.run(disk: try Disk(calls: calls)) { _ in
                try await eventually("the state to say so") {
                    [.error, .noSpace].contains(try site.row(id).state)
                }
                let sentence = try site.row(id).error ?? ""
                #expect(sentence.contains("space") || sentence.contains("free"), "\(sentence)")
                #expect(try Files.names(in: site.output) == [])
            }
        }
    }

    @Test func fileInPlaceOfTheOutputFolderIsReported() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 75)
        try await withSite { site in
            let id = try site.add(torrent)
            try Files.remove(site.output)
            try Files.write([1, 2, 3], to: site.output)
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("the state to say so") { [.error, .offline].contains(try site.row(id).state) }
                    let text = try site.row(id).error ?? ""
                    #expect(text.contains("output"), "\(text)")
                }
            }
            #expect(try Files.read(site.output) == [1, 2, 3])
        }
    }

    /// Where a file should be there is a folder, or a link that leads out.
    @Test(arguments: ["folder", "link"]) func folderOrLinkInPlaceOfAFileIsReported(what: String) async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 100_000), .init("b", 100_000)], seed: 76)
        try await withSite { site in
            let id = try site.add(torrent)
            let victim = site.folder.appending("victim")
            try Files.write([1, 2, 3], to: victim)
            try Files.makeFolders(site.output.appending("sample"))
            let place = torrent.path(1, in: site.output)
            if what == "folder" { try Files.makeFolders(place) } else { try Files.link(place, to: victim) }
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually(try "the state to say so: \(site.row(id))") {
                        try site.row(id).state == .error
                    }
                    let text = try site.row(id).error ?? ""
                    #expect(text.contains("sample/b"), "\(text)")
                }
            }
            #expect(try Files.read(victim) == [1, 2, 3])
        }
    }
}
