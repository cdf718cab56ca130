import Disk
import Engine
import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Read-only torrents and read-only storage: what is there is checked and served, and nothing is written.
@Suite(.crowded) struct ReadOnlyTests {
    /// Contents, sizes and times of everything in the folder.
    private func picture(_ folder: FilePath) throws -> [String] {
        try Files.tree(folder).map { path, content in
            let status = try Files.status(folder.appending(name: PathText.text(path)))
            return
                "\(PathText.text(path)) \(content.hashValue) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(status.st_ino) \(status.st_blocks)"
        }.sorted()
    }

    private func leech(_ torrent: SampleTorrent, from session: Session, until pieces: Int) async throws {
        let address = await session.address
        try await withSite { leecher in
            let id = try leecher.add(torrent)
            try await leecher.run(peers: [address]) { _ in
                try await eventually("\(pieces) pieces") { try leecher.claimed(id, torrent).population >= pieces }
            }
        }
    }

    private func isStalled(_ id: TorrentID, _ site: Site) throws -> Bool {
        let row = try site.row(id)
        return row.isServedAsItIs && row.error?.contains("missing: pieces serves what is there") == true
    }

    @Test func incompletePayloadIsServedAndNotWritten() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 300_000), .init("b", 300_000)], seed: 701)
        try await withSite { site in
            try torrent.write(to: site.output)
            // The second file is cut, as no torrent client leaves it.
            try Files.write(
                Array(try Files.read(torrent.path(1, in: site.output)).prefix(150_000)),
                to: torrent.path(1, in: site.output))
            let before = try picture(site.output)
            let id = try site.add(torrent) { $0.isReadOnly = true }
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { session in
                    try await eventually("it to say what is missing") { try isStalled(id, site) }
                    try await eventually("what is there to be recorded") {
                        try site.claimed(id, torrent).population >= 5
                    }
                    let have = try site.claimed(id, torrent).population
                    #expect(have < torrent.geometry.pieceCount)
                    #expect(peers[0].servedBytes == 0)
                    try await leech(torrent, from: session, until: have)
                    #expect(try picture(site.output) == before)
                    // The user allows it: the rest comes.
                    try site.write { db throws(StoreError) in
                        try db.torrents.setReadOnly(id, false)
                        try db.intents.append(.changed, torrent: id, now: .now())
                    }
                    try await site.untilComplete(id)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    @Test func nothingIsCreatedForANewTorrent() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 100_000), .init("empty", 0)], seed: 702)
        try await withSite { site in
            let id = try site.add(torrent) { $0.isReadOnly = true }
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("it to say what is missing") { try isStalled(id, site) }
                    try await site.untilSettled()
                }
                #expect(peers[0].servedBytes == 0)
            }
            #expect(try Files.names(in: site.output) == [])
        }
    }

    /// A file system that is mounted read-only is left alone, seeded from, and downloaded to when it is writable again.
    @Test func readOnlyStorageIsServedAndLeftAlone() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 300_000), .init("b", 300_000)], seed: 703)
        try await withSite { site in
            try await withMountedMemory(at: site.output) {
                let id = try site.add(torrent)
                try await withPeers(torrent, [.stopping(after: 20)]) { peers in
                    try await site.run(peers: peers.map(\.address)) { _ in
                        try await eventually("pieces") { try site.claimed(id, torrent).population >= 3 }
                    }
                    peers[0].behave(.good)
                    func remount(_ flags: Int) throws {
                        guard mount("", site.output.string, "", UInt(MS_REMOUNT | flags), nil) == 0 else {
                            throw Errno(rawValue: errno)
                        }
                    }
                    try remount(MS_RDONLY)
                    let before = try picture(site.output)
                    let have = try site.claimed(id, torrent).population
                    try await site.run(peers: peers.map(\.address)) { session in
                        try await eventually("it to say so") {
                            try site.row(id).error?.contains("mounted read-only") == true
                        }
                        try await leech(torrent, from: session, until: have)
                        #expect(try picture(site.output) == before)
                        try remount(0)
                        try await site.untilComplete(id)
                    }
                }
                #expect(torrent.faults(in: site.output) == [])
            }
        }
    }

    /// The gate stands in the disk itself: whatever asks it, nothing is written.
    @Test func diskRefusesToWrite() async throws {
        let torrent = try SampleTorrent("sample.bin", length: 100_000, seed: 704)
        try await withSite { site in
            let disk = try Disk()
            let payload = Payload(
                infoHash: torrent.infoHash, root: site.output, layout: torrent.metainfo.layout,
                geometry: torrent.geometry
            ).protected(.byUser)
            try await disk.create(payload, .full, makingRoot: true)
            #expect(try Files.names(in: site.output) == [])
            try torrent.write(to: site.output)
            await #expect(throws: DiskError.self) { try await disk.removeData(payload, own: [:]) }
            #expect(torrent.faults(in: site.output) == [])
        }
    }
}
