import Disk
import Engine
import Glibc
import Store
import Swarm
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A running engine reads verified bytes back, and repairs what rotted, with real files and peers.
@Suite(.crowded) struct ScrubTests {
    private static let length = 20 * 65536

    @Test func rottenPieceIsRepairedFromASeeder() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 301)
        try await withPeers(torrent) { peers in
            try await withSite { site in
                let id = try site.addVerified(torrent)
                try site.rot(torrent, at: 5 * 65536 + 1234)
                try await site.run(peers: peers.map(\.address)) { _ in
                    try site.scrubNow()
                    try await site.untilRepaired(id)
                    try await site.untilComplete(id)
                }
                #expect(torrent.faults(in: site.output) == [])
                #expect(peers[0].servedBytes == 65536)
                let damage = try #require(try site.damage(id).first)
                #expect(damage.kind == .rot && damage.state == .repaired && damage.piece == PieceIndex(5))
                #expect(damage.badBytes == 1 && damage.badBits == 1)
                #expect(damage.fileOffset == 5 * 65536 + 1234)
                #expect(damage.source == "\(peers[0].address)")
                let found = try #require(try site.events(.rot, of: id).first)
                #expect(found.contains("sample.bin: piece 5, at offset 327680"), "\(found)")
                let repaired = try #require(try site.events(.repaired, of: id).first)
                #expect(repaired.contains("1 byte had changed (1 bit), the first at offset 328914"), "\(repaired)")
                #expect(repaired.contains("fetched from \(peers[0].address), written and read back"), "\(repaired)")
            }
        }
    }

    @Test func everythingIsReadOnceAndRecordedByPages() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 302)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            let before = try site.oldestPage(id)
            try await site.run { session in
                try site.scrubNow()
                try await eventually("the scrub to end") { try site.control().since == nil }
                // A scrub doesn't activate what is whole.
                #expect(await session.snapshots().isEmpty)
            }
            #expect(try site.oldestPage(id) > before)
            #expect(try site.damage(id).isEmpty)
            let volume = try #require(try site.read { db throws(StoreError) in try db.scrubs.volumes() }.first)
            #expect(volume.readBytes == Int64(Self.length))
        }
    }

    /// A file without a SHA-256 gets one on the way, unless the user doesn't want it.
    @Test(arguments: [true, false]) func filesGetTheirDigest(isWanted: Bool) async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 300_000), .init("b", 100_001), .init("rotten", 200_000)], seed: 320)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            try site.rot(torrent, at: 190_000, file: 2)
            try site.changeControl { $0.computesDigests = isWanted }
            try await site.run { _ in
                try site.scrubNow()
                try await eventually("the scrub to end") { try site.control().since == nil }
            }
            let found = try site.read { db throws(StoreError) in try db.digests.rows(of: id) }
            guard isWanted else {
                #expect(found.isEmpty)
                return
            }
            #expect(
                found.mapValues(\.sha256) == [
                    0: SHA256.hash(Array(torrent.bytes(of: 0))), 1: SHA256.hash(Array(torrent.bytes(of: 1))),
                ])
        }
    }

    @Test func torrentsSeedOnAndPeersHearOfTheLoss() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 303)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            try site.rot(torrent, at: 3 * 65536)
            try await site.run { session in
                let peer = try await LossPeer.dial(await session.address, torrent)
                try await peer.untilTold(14)
                try site.scrubNow()
                #expect(try await peer.untilDontHave() == 3)
                // What is good is served on the same connection.
                #expect(try await peer.download(4) == Array(torrent.bytes(of: PieceIndex(4))))
                await peer.hangUp()
            }
            let claimed = try site.claimed(id, torrent)
            #expect(!claimed[PieceIndex(3)] && claimed.population == torrent.geometry.pieceCount - 1)
            #expect(try site.damage(id).map(\.state) != [.repaired])
        }
    }

    @Test func transientErrorCostsNothing() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 304)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            let disk = FaultyDisk { $0.flips["sample.bin"] = (offset: 70_000, times: 1) }
            try await site.run(disk: Disk(calls: disk)) { _ in
                try site.scrubNow()
                try await eventually("the scrub to end") { try site.control().since == nil }
            }
            #expect(try site.damage(id).isEmpty)
            #expect(try site.events(.transient, of: id).count == 1)
            #expect(try site.claimed(id, torrent).isFull)
            #expect(try site.read { db throws(StoreError) in try db.scrubs.volumes() }.first?.transients == 1)
        }
    }

    @Test func unreadableBlocksAreFoundAndWrittenAnew() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 305)
        try await withPeers(torrent) { peers in
            try await withSite { site in
                let id = try site.addVerified(torrent)
                let bad = Int64(7 * 65536 + 8192)
                let disk = FaultyDisk { $0.badSectors["sample.bin"] = [bad..<bad + 4096] }
                try await site.run(peers: peers.map(\.address), disk: Disk(calls: disk)) { _ in
                    try site.scrubNow()
                    try await site.untilRepaired(id)
                }
                let damage = try #require(try site.damage(id).first)
                #expect(damage.kind == .unreadable && damage.piece == PieceIndex(7))
                #expect(damage.badBytes == 4096 && damage.fileOffset == bad)
                #expect(torrent.faults(in: site.output) == [])
                let found = try #require(try site.events(.unreadable, of: id).first)
                #expect(
                    found.contains("4,096 bytes at offset \(bad)") || found.contains("4096 bytes at offset \(bad)"),
                    "\(found)")
            }
        }
    }

    @Test func touchedFileGetsANewFingerprintAndNothingElse() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 306)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            let path = torrent.path(0, in: site.output)
            try await Task.sleep(for: .milliseconds(20))
            try Files.overwrite(path, at: 0, with: Array(torrent.bytes(of: 0).prefix(1)))
            try await site.run { _ in
                try site.scrubNow()
                try await eventually("the scrub to end") { try site.control().since == nil }
            }
            #expect(try site.damage(id).isEmpty)
            #expect(try site.events(.touched, of: id).count == 1)
            #expect(try site.claimed(id, torrent).isFull)
            let print = try #require(
                try site.read { db throws(StoreError) in try db.files.fingerprints(of: id) }.first)
            let status = try Files.status(path)
            #expect(print.print.mtimeNs == Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
        }
    }

    @Test func editIsReportedAndKeptUntilTheUserSaysOtherwise() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 307)
        try await withPeers(torrent) { peers in
            try await withSite { site in
                let id = try site.addVerified(torrent)
                let path = torrent.path(0, in: site.output)
                try await Task.sleep(for: .milliseconds(20))
                try Files.overwrite(path, at: 2 * 65536 + 5, with: Array("edited by hand".utf8))
                let edited = try Files.read(path)
                try await site.run(peers: peers.map(\.address)) { session in
                    try site.scrubNow()
                    try await eventually("the scrub to end") { try site.control().since == nil }
                    let damage = try site.damage(id)
                    #expect(damage.map(\.kind) == [.edit] && damage.map(\.state) == [.held])
                    // What is good is served, and nothing is fetched.
                    try site.tell(.connect, id, argument: "\(peers[0].address)")
                    try await eventually("the torrent to be active") { await session.snapshot(id) != nil }
                    try await site.untilSettled()
                    #expect(await session.snapshot(id)?.have.population == torrent.geometry.pieceCount - 1)
                    #expect(peers[0].servedBytes == 0)
                    #expect(try Files.read(path) == edited)
                    try site.repair(id, overwritesEdits: true)
                    try await site.untilRepaired(id)
                }
                #expect(torrent.faults(in: site.output) == [])
                #expect(try site.events(.edited, of: id).first?.contains("its bytes are kept") == true)
            }
        }
    }

    @Test func missingFileIsFetchedAgain() async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 4 * 65536), .init("b", 6 * 65536), .init("c", 5 * 65536)], seed: 308)
        try await withPeers(torrent) { peers in
            try await withSite { site in
                let id = try site.addVerified(torrent)
                try Files.remove(torrent.path(1, in: site.output))
                try await site.run(peers: peers.map(\.address)) { _ in
                    try site.scrubNow()
                    try await site.untilRepaired(id)
                }
                #expect(torrent.faults(in: site.output) == [])
                #expect(peers[0].servedBytes == 6 * 65536)
                #expect(try site.damage(id).allSatisfy { $0.kind == .missing })
                #expect(
                    try site.events(.missing, of: id) == ["sample/b is missing; its pieces are fetched again"])
            }
        }
    }

    @Test func unmountedFolderIsNotMissing() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 309)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            let away = site.folder.appending("away")
            try Files.rename(site.output, to: away)
            try await site.run { _ in
                try site.scrubNow()
                try await eventually("the scrub to give up") { try site.control().since == nil }
            }
            try Files.rename(away, to: site.output)
            #expect(try site.damage(id).isEmpty)
            #expect(try site.claimed(id, torrent).isFull)
        }
    }

    @Test func manyBadPiecesStopRepairsUntilTheUserContinues() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 310)
        try await withPeers(torrent) { peers in
            try await withSite { site in
                let id = try site.addVerified(torrent)
                for piece in 0..<12 { try site.rot(torrent, at: piece * 65536 + 7) }
                try await site.run(peers: peers.map(\.address)) { _ in
                    try site.scrubNow()
                    try await eventually("the scrub to end") { try site.control().since == nil }
                    let damage = try site.damage(id)
                    #expect(damage.count == 12)
                    #expect(damage.count { $0.state == .held } >= 5)
                    let volume = try site.read { db throws(StoreError) in try db.scrubs.volumes() }.first
                    #expect(volume?.heldReason == "8 pieces of one file are bad")
                    let held = try site.events(.held, of: id)
                    let mount = try site.read { db throws(StoreError) in try db.volumes.rows() }.first?.title ?? "?"
                    #expect(held.count == 1 && held[0].hasPrefix("repairs on \(mount) stopped: "), "\(held)")
                    // What was found before the brake isn't fetched, either.
                    try await site.untilSettled()
                    #expect(try site.damage(id).allSatisfy { [.held, .repaired, .written].contains($0.state) })
                    try site.continueRepairs()
                    try await site.untilRepaired(id)
                }
                #expect(torrent.faults(in: site.output) == [])
            }
        }
    }

    @Test func pieceThatNoPeerHasIsAStateOfItsOwn() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 311)
        var most = Bitfield(fullCount: torrent.geometry.pieceCount)
        most.remove(PieceIndex(9))
        let peer = try await FakePeer.start(torrent, have: most)
        let result = await Result {
            try await withSite { site in
                let id = try site.addVerified(torrent)
                try site.rot(torrent, at: 9 * 65536)
                try await site.run(peers: [peer.address]) {
                    $0.repairPatience = .milliseconds(200)
                } _: { _ in
                    try site.scrubNow()
                    try await eventually("the piece to be unavailable") {
                        try site.damage(id).map(\.state) == [.unavailable]
                    }
                    // It comes from the first peer that has it.
                    try await withPeers(torrent) { peers in
                        try site.tell(.connect, id, argument: "\(peers[0].address)")
                        try await site.untilRepaired(id)
                    }
                }
                #expect(torrent.faults(in: site.output) == [])
            }
        }
        await peer.stop()
        try result.get()
    }

    /// The database refuses damage for a while: it isn't forgotten, and peers hear of it when it is recorded.
    @Test func damageThatCouldNotBeRecordedIsRecordedLater() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 314)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            try site.rot(torrent, at: 3 * 65536)
            try site.write { db throws(StoreError) in
                try db.execute(
                    "CREATE TRIGGER refuse BEFORE INSERT ON damage BEGIN SELECT RAISE(ABORT, 'refused'); END")
            }
            let disk = FaultyDisk { $0.flips["sample.bin"] = (offset: 12 * 65536, times: 1) }
            try await site.run(disk: Disk(calls: disk)) { session in
                let peer = try await LossPeer.dial(await session.address, torrent)
                try await peer.untilTold(14)
                try site.changeControl { $0.rate = 400_000 }
                try site.scrubNow()
                // The read of a later piece shows that the damage was refused.
                try await eventually("the rest to be read") { disk.flipsLeft["sample.bin"] == 0 }
                #expect(try site.damage(id).isEmpty && site.claimed(id, torrent).isFull)
                try site.write { db throws(StoreError) in try db.execute("DROP TRIGGER refuse") }
                #expect(try await peer.untilDontHave() == 3)
                await peer.hangUp()
            }
            #expect(try site.damage(id).map(\.kind) == [.rot])
            #expect(!(try site.claimed(id, torrent)[PieceIndex(3)]))
        }
    }

    /// A server that is gone doesn't answer: the others are scrubbed, and the engine stops.
    @Test func diskThatDoesNotAnswerHoldsNothingUp() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 315)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            try await site.run { _ in
                try site.scrubNow()
                try await eventually("the scrub to end") { try site.control().since == nil }
            }
            let mount = try #require(try site.read { db throws(StoreError) in try db.volumes.rows() }.first?.mountPath)
            let disk = FaultyDisk { $0.hangsAt = FilePath(mount) }
            try await site.run(disk: Disk(calls: disk)) {
                $0.scrubPatience = .milliseconds(200)
            } _: { _ in
                try site.scrubNow()
                try await eventually("the volume to count as away") {
                    try site.read { db throws(StoreError) in try db.scrubs.volumes() }.first?.activity == .away
                }
            }
            disk.mend()
            #expect(try site.claimed(id, torrent).isFull)
        }
    }

    @Test func pauseAndStopKeepWhatWasRead() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 312)
        try await withSite { site in
            _ = try site.addVerified(torrent)
            // Slow enough that a busy machine looks at it before it ends.
            try site.changeControl {
                $0.since = .now()
                $0.rate = 60_000
            }
            try await site.run { _ in
                try site.tell(.scrub)
                try await eventually("something to be read") {
                    try site.read { db throws(StoreError) in try db.scrubs.volumes() }.first?.cursor != nil
                }
            }
            let cursor = try #require(
                try site.read { db throws(StoreError) in try db.scrubs.volumes() }.first?.cursor)
            #expect(cursor.nextPiece > PieceIndex(0))
            let read = try site.read { db throws(StoreError) in try db.scrubs.volumes() }.first?.readBytes ?? 0
            try site.changeControl { $0.rate = nil }
            try await site.run { _ in
                try site.tell(.scrub)
                try await eventually("the scrub to end") { try site.control().since == nil }
            }
            let total = try site.read { db throws(StoreError) in try db.scrubs.volumes() }.first?.readBytes ?? 0
            #expect(total == Int64(Self.length), "\(read) bytes were read before the stop")
        }
    }

    @Test func pausedTorrentIsRepairedWhenItIsResumed() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 313)
        try await withPeers(torrent) { peers in
            try await withSite { site in
                let id = try site.addVerified(torrent)
                try site.write { db throws(StoreError) in try db.torrents.setPaused(id, true) }
                try site.rot(torrent, at: 65536)
                try await site.run(peers: peers.map(\.address)) { _ in
                    try site.scrubNow()
                    try await eventually("the scrub to end") { try site.control().since == nil }
                    #expect(try site.damage(id).map(\.state) == [.waiting])
                    #expect(peers[0].servedBytes == 0)
                    try site.write { db throws(StoreError) in try db.torrents.setPaused(id, false) }
                    try site.tell(.changed, id)
                    try await site.untilRepaired(id)
                }
                #expect(torrent.faults(in: site.output) == [])
            }
        }
    }
}

extension Site {
    /// Adds the torrent with its files, as verified a long time ago, with the fingerprints of its files.
    func addVerified(_ torrent: SampleTorrent, age: Duration = .seconds(10 * 86400)) throws -> TorrentID {
        let id = try addComplete([torrent])[0]
        let at = Timestamp.now() + (.zero - age)
        var record = ProgressRecord(torrent: id, verifiedAt: at)
        record.lostPieces = Array(torrent.geometry.pieces)
        record.newPieces = Array(torrent.geometry.pieces)
        record.completedBytes = torrent.geometry.totalBytes
        record.files = try torrent.metainfo.layout.files.filter { !$0.isPad }.map { file in
            let status = try Files.status(torrent.path(file.index, in: output))
            return FingerprintRow(
                index: file.index,
                FileFingerprint(
                    size: Int64(status.st_size),
                    mtimeNs: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
                    inode: UInt64(status.st_ino), device: UInt64(status.st_dev)))
        }
        try write { [record] db throws(StoreError) in _ = try db.pieces.record([record]) }
        return id
    }

    /// Flips a bit of a file without changing its times, as a disk does.
    func rot(_ torrent: SampleTorrent, at offset: Int, file: Int = 0) throws {
        let path = torrent.path(file, in: output)
        let status = try Files.status(path)
        let byte = try Files.read(path, at: Int64(offset), count: 1)[0]
        try Files.overwrite(path, at: Int64(offset), with: [byte ^ 0x04])
        try Files.setTimes(path, from: status)
    }

    func control() throws -> ScrubControl { try read { db throws(StoreError) in try db.scrubs.control() } }

    func changeControl(_ change: (inout ScrubControl) -> Void) throws {
        try write { db throws(StoreError) in
            var control = try db.scrubs.control()
            change(&control)
            try db.scrubs.set(control)
        }
    }

    /// As `pieces scrub now` does.
    func scrubNow() throws {
        try changeControl { $0.since = .now() }
        try tell(.scrub)
    }

    func damage(_ id: TorrentID) throws -> [DamageRow] {
        try read { db throws(StoreError) in try db.damage.rows(of: id, limit: 1000) }
    }

    func untilRepaired(_ id: TorrentID) async throws {
        try await eventually("the damage to be repaired") {
            let damage = try damage(id)
            return !damage.isEmpty && damage.allSatisfy { $0.state == .repaired }
        }
    }

    func oldestPage(_ id: TorrentID) throws -> Timestamp {
        guard let page = try read({ db throws(StoreError) in try db.pieces.oldestPages(of: id, limit: 1) }).first else {
            throw TestFault("torrent \(id) has no pages")
        }
        return page.verifiedAt
    }

    /// As `pieces repair` does.
    func repair(_ id: TorrentID, overwritesEdits: Bool) throws {
        try write { db throws(StoreError) in
            let damage = try db.damage.standing(of: id)
            try db.damage.setState(id, damage.map(\.piece), .waiting)
            try db.pieces.addWriteIntents(id, damage.map(\.piece), now: .now())
            try db.intents.append(.repair, torrent: id, now: .now())
        }
    }

    /// As `pieces scrub --continue` does.
    func continueRepairs() throws {
        try write { db throws(StoreError) in
            _ = try db.scrubs.release()
            for id in try db.damage.torrents() {
                let held = try db.damage.standing(of: id).filter { $0.state == .held }
                try db.damage.setState(id, held.map(\.piece), .waiting)
                try db.pieces.addWriteIntents(id, held.map(\.piece), now: .now())
                try db.intents.append(.repair, torrent: id, now: .now())
            }
            try db.intents.append(.scrub, now: .now())
        }
    }
}

/// A peer that hears of lost pieces (BEP 54), and downloads one.
private struct LossPeer {
    private let raw: RawPeer
    private let torrent: SampleTorrent

    static func dial(_ address: PeerAddress, _ torrent: SampleTorrent) async throws -> LossPeer {
        let raw = try await RawPeer.dial(address)
        var reserved = [UInt8](repeating: 0, count: 8)
        reserved[5] = 0x10
        reserved[7] = 0x04
        let id = Array("-XX0000-abcdefghijkl".utf8)
        try await raw.say(
            [19] + Array("BitTorrent protocol".utf8) + reserved + torrent.infoHash.bytes + id)
        try await raw.say(frame([20, 0] + Array("d1:md11:lt_donthavei9eee".utf8)))
        return LossPeer(raw: raw, torrent: torrent)
    }

    func hangUp() async { await raw.hangUp() }

    private static func frame(_ body: [UInt8]) -> [UInt8] { bytes(UInt32(body.count)) + body }

    private static func bytes(_ number: UInt32) -> [UInt8] {
        stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
    }

    /// The messages so far, each with its number first.
    private var messages: [[UInt8]] {
        var rest = raw.bytes.dropFirst(68)
        var messages: [[UInt8]] = []
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 4 + length else { break }
            if length > 0 { messages.append(Array(rest.dropFirst(4).prefix(length))) }
            rest = rest.dropFirst(4 + length)
        }
        return messages
    }

    func untilTold(_ number: UInt8) async throws {
        try await eventually("message \(number)") { messages.contains { $0.first == number } }
    }

    func untilDontHave() async throws -> Int {
        var piece: Int?
        try await eventually("the loss of a piece") {
            let told = messages.first { $0.prefix(2) == [20, 9] && $0.count == 6 }
            piece = told?.dropFirst(2).reduce(0) { $0 << 8 | Int($1) }
            return piece != nil
        }
        return piece ?? -1
    }

    func download(_ piece: UInt32) async throws -> [UInt8] {
        try await raw.say(Self.frame([2]))
        try await untilTold(1)
        var content: [UInt8] = []
        for begin in stride(from: 0, to: torrent.geometry.pieceLength, by: 16384) {
            try await raw.say(
                Self.frame([6] + Self.bytes(piece) + Self.bytes(UInt32(begin)) + Self.bytes(16384)))
            let head = [7] + Self.bytes(piece) + Self.bytes(UInt32(begin))
            var block: [UInt8] = []
            try await eventually("a block") {
                block = messages.first { $0.starts(with: head) }.map { Array($0.dropFirst(9)) } ?? []
                return !block.isEmpty
            }
            content += block
        }
        return content
    }
}
