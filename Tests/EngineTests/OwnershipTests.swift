import Disk
import Engine
import Glibc
import Store
import Swarm
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Every file has one owner: what isn't a torrent's stays as it is, and torrents that share a file never spoil each
/// other's claims.
@Suite(.crowded) struct OwnershipTests {
    // MARK: The user's files

    @Test(arguments: [0, 100, 200_000, 250_000])
    func fileWithoutMatchingPiecesIsNotOverwritten(size: Int) async throws {
        let torrent = try SampleTorrent("notes.txt", length: 200_000, seed: 301)
        try await withSite { site in
            let path = site.output.appending("notes.txt")
            let own = [UInt8](repeating: 7, count: size)
            try Files.write(own, to: path)
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("the torrent to say whose the file is") {
                        try site.row(id).error?.contains(path.string) ?? false
                    }
                    #expect(try site.row(id).state == .error && site.row(id).error?.contains("--overwrite") ?? false)
                    #expect(try Files.read(path) == own && peers[0].requests.isEmpty)
                    try Files.rename(path, to: site.output.appending("mine.txt"))
                    try await site.untilComplete(id)
                }
            }
            #expect(torrent.faults(in: site.output).isEmpty)
            #expect(try Files.read(site.output.appending("mine.txt")) == own)
        }
    }

    @Test(arguments: [false, true]) func userCanAllowOverwriting(allocatesFull: Bool) async throws {
        let torrent = try SampleTorrent("notes.txt", length: 200_000, seed: 302)
        try await withSite { site in
            try Files.write([1, 2, 3], to: site.output.appending("notes.txt"))
            let id = try site.add(torrent) { $0.allocatesFull = allocatesFull }
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("the torrent to say whose the file is") { try site.row(id).state == .error }
                    try site.write { db throws(StoreError) in
                        try db.torrents.setOverwrite(id, true)
                        try db.intents.append(.changed, torrent: id, now: .now())
                    }
                    try await site.untilComplete(id)
                }
            }
            #expect(torrent.faults(in: site.output).isEmpty)
            #expect(
                try site.read { db throws(StoreError) in try db.torrents.mayOverwrite(id) } == false,
                "it was leave for the files that were there")
        }
    }

    @Test func fileWithOneMatchingPieceIsCompleted() async throws {
        let torrent = try SampleTorrent("film.mkv", length: 400_000, seed: 303)
        try await withSite { site in
            var content = Array(torrent.bytes(of: 0))
            for n in 0..<content.count where n / 65536 != 2 { content[n] = 0xee }
            try Files.write(content, to: site.output.appending("film.mkv"))
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(peers[0].requests.allSatisfy { $0.piece != 2 }, "what was right isn't downloaded again")
            }
            #expect(torrent.faults(in: site.output).isEmpty)
        }
    }

    @Test func replacementFileBelongsToTheUser() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 131_072), .init("b", 131_072)], seed: 304)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                peers[0].forget()
                let own = [UInt8](repeating: 9, count: 131_072)
                try Files.write(own, to: site.output.appending("own"))
                try Files.rename(torrent.path(1, in: site.output), to: site.output.appending("old"))
                try Files.rename(site.output.appending("own"), to: torrent.path(1, in: site.output))
                try await site.run(peers: peers.map(\.address), { $0.scope = .only([id]) }) { session in
                    try await eventually("the edit to be reported") { try site.events(.edited, of: id).count == 1 }
                    // It is in nobody's way: what is good is seeded.
                    try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
                }
                #expect(try site.damage(id).map(\.state) == [.held, .held])
                #expect(try Files.read(torrent.path(1, in: site.output)) == own && peers[0].requests.isEmpty)
                #expect(try site.claimed(id, torrent).population == 2, "the other file is claimed as before")
            }
        }
    }

    @Test func deletingDataKeepsFilesOfTheUser() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 131_072), .init("b", 131_072)], seed: 305)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                let own = [UInt8](repeating: 9, count: 100)
                try Files.remove(torrent.path(1, in: site.output))
                try Files.write(own, to: torrent.path(1, in: site.output))
                try await site.run { _ in
                    try site.tell(.removeData, id)
                    try await eventually("the torrent to be gone") {
                        try site.read { db throws(StoreError) in try db.torrents.row(id) } == nil
                    }
                    try await eventually("the log to say what was kept") {
                        try site.events(.kept, of: id).first?.contains("sample/b") ?? false
                    }
                }
                #expect(try Files.read(torrent.path(1, in: site.output)) == own)
                #expect(!Files.exists(torrent.path(0, in: site.output)))
            }
        }
    }

    // MARK: Torrents that share files

    @Test func sharedFileIsDeletedWithItsLastTorrent() async throws {
        let first = try SampleTorrent(folder: "show", [.init("a", 300_000), .init("b", 30_000)], seed: 306)
        let second = try SampleTorrent(folder: "show", [.init("a", 300_000), .init("c", 100_000)], seed: 306)
        try await withSite { site in
            let one = try site.add(first)
            try await withPeers(first) { try await site.download(one, from: $0) }
            let two = try site.add(second)
            try await withPeers(second) { peers in
                try await site.download(two, from: peers)
                #expect(
                    peers[0].requests.allSatisfy { $0.piece >= 4 }, "what the first torrent has isn't downloaded again")
            }
            #expect(first.faults(in: site.output).isEmpty && second.faults(in: site.output).isEmpty)
            try await site.run { _ in
                try site.tell(.removeData, one)
                try await eventually("the first torrent to be gone") {
                    try site.read { db throws(StoreError) in try db.torrents.row(one) } == nil
                }
                try await eventually("the log to name who uses the file") {
                    try site.events(.kept, of: one).first?.contains("torrent \(two)") ?? false
                }
            }
            #expect(second.faults(in: site.output).isEmpty && !Files.exists(first.path(1, in: site.output)))
            // Now it is the second torrent's own.
            try Files.overwrite(second.path(0, in: site.output), at: 5, with: [0, 0, 0, 0])
            try await withPeers(second) { peers in
                try await site.run(peers: peers.map(\.address), { $0.scope = .only([two]) }) { _ in
                    try await eventually("the damage to be repaired") { second.faults(in: site.output).isEmpty }
                }
            }
            try await site.run { _ in
                try site.tell(.removeData, two)
                try await eventually("the data to be gone") { !Files.exists(second.path(0, in: site.output)) }
            }
        }
    }

    @Test func torrentWaitsForTheWriterOfASharedFile() async throws {
        let first = try SampleTorrent(folder: "show", [.init("a", 600_000)], seed: 307)
        let second = try SampleTorrent(folder: "show", [.init("a", 600_000), .init("c", 100_000)], seed: 307)
        try await withSite { site in
            let one = try site.add(first)
            try await withPeers(first, [.slow(3)]) { slow in
                try await withPeers(second) { peers in
                    try await site.run(peers: slow.map(\.address)) { _ in
                        try await eventually("the first torrent to have begun the file") {
                            Files.exists(first.path(0, in: site.output))
                        }
                        let two = try site.add(second)
                        try site.tell(.added, two)
                        try await eventually("the second torrent to name the first") {
                            try site.row(two).error?.contains("torrent \(one)") ?? false
                        }
                        #expect(try !site.row(one).isComplete, "while it waits the first is still at it")
                        try site.tell(.connect, two, argument: peers[0].address.description)
                        slow[0].behave(.good)
                        try await site.untilComplete(one)
                        try await site.untilComplete(two)
                    }
                    #expect(
                        peers[0].requests.allSatisfy { $0.piece >= 9 },
                        "only what isn't in the shared file is downloaded")
                }
            }
            #expect(first.faults(in: site.output).isEmpty && second.faults(in: site.output).isEmpty)
        }
    }

    /// What the writer of a shared file has verified isn't downloaded again when the writer is removed, whether or not
    /// the waiting torrent had recorded the file.
    @Test(arguments: [false, true]) func waitingTorrentTakesOverTheFileOfARemovedOne(knewTheFile: Bool) async throws {
        let first = try SampleTorrent(folder: "show", [.init("a", 1_310_720)], seed: 321)
        let second = try SampleTorrent(folder: "show", [.init("a", 1_310_720), .init("c", 131_072)], seed: 321)
        try await withSite { site in
            let one = try site.add(first)
            let partial = [
                try await FakePeer.start(first, have: Bitfield(first: 6, of: 20)),
                try await FakePeer.start(first, have: Bitfield(first: 12, of: 20)),
            ]
            try await withPeers(second) { peers in
                func have() throws -> Int { try site.claimed(one, first).population }
                func addSecond() throws -> TorrentID {
                    let id = try site.add(second)
                    try site.tell(.added, id)
                    return id
                }
                var two: TorrentID?
                try await site.run(peers: [partial[0].address]) { _ in
                    try await eventually("the first torrent to have six pieces") { try have() == 6 }
                    if knewTheFile {
                        let id = try addSecond()
                        two = id
                        try await eventually("the second torrent to wait") {
                            try site.row(id).error?.contains("torrent \(one)") ?? false
                        }
                    }
                }
                try await site.run(peers: [partial[1].address]) { _ in
                    try await eventually("the first torrent to have twelve pieces") { try have() == 12 }
                    let id = try two ?? addSecond()
                    two = id
                    try await eventually("the second torrent to wait") {
                        try site.row(id).error?.contains("torrent \(one)") ?? false
                    }
                    try site.tell(.remove, one)
                    try await eventually("the first torrent to be gone") {
                        try site.read { db throws(StoreError) in try db.torrents.row(one) } == nil
                    }
                    try site.tell(.connect, id, argument: peers[0].address.description)
                    try await site.untilComplete(id)
                }
                #expect(peers[0].requests.allSatisfy { $0.piece >= 12 }, "what the first had isn't downloaded again")
                let shared = try site.read { db throws(StoreError) in
                    try two.map { id throws(StoreError) in try db.files.ownership(of: id).filter(\.isShared).count }
                }
                #expect(shared == 0, "the file is the second torrent's own")
            }
            for peer in partial { await peer.stop() }
            #expect(second.faults(in: site.output).isEmpty)
        }
    }

    @Test func hardLinkToAnotherTorrentsFileIsNeverWritten() async throws {
        // A newer version of the same file: its first half is the same.
        let old = try SampleTorrent("u.iso", length: 600_000, seed: 308)
        var content = Array(old.bytes(of: 0))
        for n in 300_000..<600_000 { content[n] ^= 0xff }
        let new = try SampleTorrent("u.iso", content: content, pieceLength: 65536)
        try await withSite { site in
            let one = try site.add(old)
            try await withPeers(old) { try await site.download(one, from: $0) }
            let other = site.folder.appending("other")
            try Files.makeFolders(other)
            #expect(link(site.output.appending("u.iso").string, other.appending("u.iso").string) == 0)
            let two = try site.write { db throws(StoreError) in
                try db.torrents.insert(NewTorrent(metainfo: new.metainfo, output: other.string), now: .now())
            }
            try await withPeers(new) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("the second torrent to name the first") {
                        try site.row(two).error?.contains("torrent \(one)") ?? false
                    }
                }
            }
            #expect(old.faults(in: site.output).isEmpty)
            #expect(
                try old.unfounded(site.claimed(one, old), in: site.output).isEmpty
                    && new.unfounded(site.claimed(two, new), in: other).isEmpty)
        }
    }

    @Test(arguments: [false, true]) func namesFoldedByTheFileSystemAreOneFile(isOneTorrent: Bool) async throws {
        let first = try SampleTorrent(
            folder: "show", [.init("A.bin", 200_000)] + (isOneTorrent ? [.init("a.bin", 200_000)] : []), seed: 309)
        let second = try SampleTorrent(folder: "show", [.init("a.bin", 200_000)], seed: 310)
        try await withSite { site in
            let one = try site.add(first)
            try await withPeers(first) { firstPeers in
                try await withPeers(second) { peers in
                    try await site.run(peers: firstPeers.map(\.address), disk: try Disk(calls: FoldingDisk())) { _ in
                        guard !isOneTorrent else {
                            return try await eventually("the torrent to say that two names are one file") {
                                try site.row(one).error?.contains("pieces select") ?? false
                            }
                        }
                        try await site.untilComplete(one)
                        let two = try site.add(second)
                        try site.tell(.added, two)
                        try site.tell(.connect, two, argument: peers[0].address.description)
                        try await eventually("the second torrent to name the first") {
                            try site.row(two).error?.contains("torrent \(one)") ?? false
                        }
                    }
                }
            }
            guard !isOneTorrent else { return }
            #expect(
                try Files.read(site.output.appending("show/a.bin"))[...] == first.bytes(of: 0),
                "it was stored under the folded name")
        }
    }
}

/// A file system that doesn't tell upper from lower case: it stores every name in lower case.
private struct FoldingDisk: DiskCalls {
    private let system = SystemCalls()

    func open(_ path: FilePath, flags: Int32) throws(Errno) -> Int32 {
        var folded = path
        // What is looked at, and not the folders that lead to it.
        if flags & O_NOFOLLOW != 0, let last = folded.lastComponent {
            folded = folded.removingLastComponent().appending(last.string.lowercased())
        }
        return try system.open(folded, flags: flags)
    }
    func open(_ path: String, beneath root: Int32, flags: Int32) throws(Errno) -> Int32 {
        try system.open(path.lowercased(), beneath: root, flags: flags)
    }
    func open(_ name: String, in directory: Int32, flags: Int32) throws(Errno) -> Int32 {
        try system.open(name.lowercased(), in: directory, flags: flags)
    }
    func close(_ descriptor: Int32) throws(Errno) { try system.close(descriptor) }
    func makeDirectory(_ path: FilePath) throws(Errno) { try system.makeDirectory(path) }
    func makeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        try system.makeDirectory(name.lowercased(), in: directory)
    }
    func removeFile(_ name: String, in directory: Int32) throws(Errno) {
        try system.removeFile(name.lowercased(), in: directory)
    }
    func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        try system.removeDirectory(name.lowercased(), in: directory)
    }
    func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        try system.read(descriptor, into: buffer, at: offset)
    }
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        try system.write(descriptor, bytes, at: offset)
    }
    func truncate(_ descriptor: Int32, to length: Int64) throws(Errno) { try system.truncate(descriptor, to: length) }
    func allocate(_ descriptor: Int32, length: Int64) throws(Errno) { try system.allocate(descriptor, length: length) }
    func startWriteback(_ descriptor: Int32, at offset: Int64, length: Int64) {}
    func readAhead(_ descriptor: Int32, at offset: Int64, length: Int64) {}
    func dropCache(_ descriptor: Int32) {}
    func openDirect(_ descriptor: Int32) throws(Errno) -> Int32 { throw .notSupported }
    func syncData(_ descriptor: Int32) throws(Errno) { try system.syncData(descriptor) }
    func syncDirectory(_ descriptor: Int32) throws(Errno) { try system.syncDirectory(descriptor) }
    func nextData(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64? {
        try system.nextData(descriptor, from: offset)
    }
    func status(_ descriptor: Int32) throws(Errno) -> FileStatus { try system.status(descriptor) }
    func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus {
        try system.status(of: name.lowercased(), in: directory)
    }
    func mayWrite(_ folder: FilePath) throws(Errno) -> Bool { try system.mayWrite(folder) }
    func freeBytes(_ descriptor: Int32) throws(Errno) -> Int64 { try system.freeBytes(descriptor) }
}

extension Bitfield {
    fileprivate init(first present: Int, of count: Int) {
        self.init(count: count)
        for piece in 0..<present { insert(PieceIndex(piece)) }
    }
}
