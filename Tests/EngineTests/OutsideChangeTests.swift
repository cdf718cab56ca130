import Engine
import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Files that somebody else touched while no engine ran: their pieces are looked at again, and only theirs. What was
/// changed is reported and kept; what is gone comes again.
@Suite(.crowded) struct OutsideChangeTests {
    struct Change: Sendable, CustomTestStringConvertible {
        let name: String
        /// What is done to the second of three files.
        let make: @Sendable (SampleTorrent, FilePath) throws -> Void
        /// Pieces that are to be looked at and, of those, found bad or missing; the second file has six pieces.
        var checked = 6
        var lost = 0
        /// Whether the bad pieces are fetched again without a word of the user.
        var isFetched = false

        var testDescription: String { name }
    }

    static let changes: [Change] = [
        Change(name: "nothing", make: { _, _ in }, checked: 0),
        Change(
            name: "touched",
            make: { torrent, path in try Files.overwrite(path, at: 0, with: Array(torrent.bytes(of: 1).prefix(1))) }),
        Change(
            name: "one byte changed",
            make: { torrent, path in
                try Files.overwrite(path, at: 70_000, with: [~torrent.bytes(of: 1).dropFirst(70_000).first!])
            }, lost: 1),
        Change(name: "truncated to half", make: { _, path in try Files.truncate(path, to: 3 * 65536) }, lost: 3),
        Change(name: "truncated to nothing", make: { _, path in try Files.truncate(path, to: 0) }, lost: 6),
        Change(name: "longer", make: { _, path in try Files.overwrite(path, at: 6 * 65536, with: [1, 2, 3]) }),
        Change(
            name: "replaced by a copy",
            make: { torrent, path in
                try Files.remove(path)
                try Files.write(Array(torrent.bytes(of: 1)), to: path)
            }),
        Change(
            name: "replaced by another file",
            make: { torrent, path in
                try Files.remove(path)
                try Files.write([UInt8](repeating: 7, count: 6 * 65536), to: path)
            }, lost: 6),
        Change(name: "deleted", make: { _, path in try Files.remove(path) }, lost: 6, isFetched: true),
    ]

    @Test(arguments: changes) func filesChangedWhileStoppedAreChecked(change: Change) async throws {
        // Files end where pieces end, so that each piece is one file's.
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 4 * 65536), .init("b", 6 * 65536), .init("c", 5 * 65536)], seed: 91)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                peers[0].forget()
                // A file's times are coarser than a test is fast.
                try await Task.sleep(for: .milliseconds(20))
                try change.make(torrent, torrent.path(1, in: site.output))
                try await site.run(peers: peers.map(\.address)) {
                    $0.scope = .only([id])
                } _: { session in
                    if change.checked > 0 {
                        try await eventually("the check to end") { try site.events(.verified, of: id).count == 1 }
                    }
                    try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
                    if change.lost > 0, !change.isFetched {
                        try await keepsTheEdit(change, torrent, site, id)
                        #expect(peers[0].servedBytes == 0)
                        try site.repair(id, overwritesEdits: true)
                        try await site.untilRepaired(id)
                    }
                    try await site.untilComplete(id)
                }
                #expect(peers[0].servedBytes == change.lost * 65536)
                #expect(peers[0].requests.allSatisfy { (4..<10).contains($0.piece) })
            }
            let events = try site.events(.verified, of: id)
            // What the user lets be overwritten is hashed once more.
            let isAsked = change.lost > 0 && !change.isFetched
            #expect((change.checked > 0 ? 1...(isAsked ? 2 : 1) : 0...0).contains(events.count), "\(events)")
            if let event = events.first {
                let rest = change.isFetched ? "to be downloaded" : "changed by another program"
                let good =
                    change.lost == 0 ? "all good" : "\(change.checked - change.lost) good, \(change.lost) \(rest)"
                #expect(event.hasPrefix("checked \(change.checked) of 15 pieces in "), "\(event)")
                #expect(event.contains(" s: \(good)") && event.hasSuffix(" (sample/b)"), "\(event)")
            }
            #expect(
                torrent.faults(in: site.output).filter {
                    !(change.name == "longer" && $0.contains("393219 bytes of 393216"))
                } == [])
            #expect(try site.claimed(id, torrent).isFull)
        }
    }

    /// The bytes are as the other program left them, the good pieces are claimed, and the damage stands.
    private func keepsTheEdit(_ change: Change, _ torrent: SampleTorrent, _ site: Site, _ id: TorrentID) async throws {
        let before = try Files.read(torrent.path(1, in: site.output))
        try await eventually("the edit to be recorded") { try site.damage(id).count == change.lost }
        #expect(try site.damage(id).allSatisfy { $0.kind == .edit && $0.state == .held })
        #expect(try site.claimed(id, torrent).population == torrent.geometry.pieceCount - change.lost)
        #expect(try Files.read(torrent.path(1, in: site.output)) == before)
        try await eventually("the report") {
            try site.events(.edited, of: id).map { $0.hasPrefix("sample/b: another program changed") } == [true]
        }
        try await eventually("the mark of the check to go") {
            try site.read { db throws(StoreError) in
                try db.damage.suspects(of: id, count: torrent.geometry.pieceCount).isEmpty
            }
        }
    }

    /// A check of a changed file was broken off after its pieces had lost their claims: the next one still knows that a
    /// bad piece is an edit, also where the file is only a hole now.
    @Test func checkThatWasBrokenOffKeepsTheEdit() async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 4 * 65536), .init("b", 6 * 65536), .init("c", 5 * 65536)], seed: 98)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            let path = torrent.path(1, in: site.output)
            try await Task.sleep(for: .milliseconds(20))
            try Files.overwrite(path, at: 70_000, with: Array("edited by hand".utf8))
            try Files.truncate(path, to: 4 * 65536)
            let edited = try Files.read(path)
            // What a start records before it hashes anything.
            try site.write { db throws(StoreError) in
                let suspects = (4..<10).map { PieceIndex($0) }
                var marked = Bitfield(count: 15)
                for piece in suspects { marked.insert(piece) }
                try db.damage.setSuspects(id, marked)
                try db.pieces.addWriteIntents(id, suspects, now: .now())
                var record = ProgressRecord(torrent: id, verifiedAt: .now())
                record.lostPieces = suspects
                record.completedBytes = 9 * 65536
                _ = try db.pieces.record([record])
            }
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { session in
                    try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
                    try await eventually("the edits to be recorded") { try site.damage(id).count == 3 }
                    #expect(peers[0].servedBytes == 0)
                }
            }
            #expect(try site.damage(id).allSatisfy { $0.kind == .edit && $0.state == .held })
            #expect(try Files.read(path) == edited)
        }
    }

    /// A file without a single piece of the torrent isn't deleted with the torrent's data, whoever it replaced.
    @Test(arguments: [false, true]) func replacedFileStaysWhenTheDataIsDeleted(inPlace: Bool) async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 4 * 65536), .init("b", 6 * 65536), .init("c", 5 * 65536)], seed: 99)
        try await withSite { site in
            let id = try site.addVerified(torrent)
            let path = torrent.path(1, in: site.output)
            let other = [UInt8](repeating: 7, count: 6 * 65536)
            try await Task.sleep(for: .milliseconds(20))
            if inPlace {
                try Files.overwrite(path, at: 0, with: other)
            } else {
                try Files.remove(path)
                try Files.write(other, to: path)
            }
            try await site.run { _ in
                try site.scrubNow()
                try await eventually("the scrub to end") { try site.control().since == nil }
                #expect(try site.damage(id).map(\.kind) == Array(repeating: .edit, count: 6))
                try site.tell(.removeData, id)
                try await eventually("the file to be kept") { try !site.events(.kept, of: id).isEmpty }
            }
            #expect(try Files.read(path) == other)
            #expect(!Files.exists(torrent.path(0, in: site.output)) && !Files.exists(torrent.path(2, in: site.output)))
            #expect(try site.events(.kept, of: id)[0].contains("was changed by another program"))
        }
    }

    /// The user's check of a running torrent finds an edit, and keeps it, too.
    @Test func editFoundOnRequestIsKept() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 100)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { session in
                    try await site.untilComplete(id)
                    let path = torrent.path(0, in: site.output)
                    try await Task.sleep(for: .milliseconds(20))
                    try Files.overwrite(path, at: 500_000, with: [~torrent.content[500_000]])
                    peers[0].forget()
                    try site.tell(.verify, id)
                    try await eventually("the edit to be recorded") { try site.damage(id).map(\.state) == [.held] }
                    try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
                    #expect(peers[0].servedBytes == 0)
                    try site.repair(id, overwritesEdits: true)
                    try await site.untilRepaired(id)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// A file goes under a running engine that hasn't written to it yet, and is made anew by the first write: what the
    /// database claims of the old one is in doubt before the new one's fingerprint is recorded, which would vouch for
    /// it after a stop.
    @Test func fileDeletedBeforeTheFirstWriteIsUnverified() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 40 * 65536), .init("b", 2 * 65536)], seed: 95)
        try await withSite { site in
            let path = torrent.path(0, in: site.output)
            let id = try site.add(torrent) { $0.isSequential = true }
            try await withPeers(torrent, [.stopping(after: 12)]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("three pieces") { try site.claimed(id, torrent).population == 3 }
                }
                peers[0].forget()
                peers[0].behave(.stopping(after: 0))
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("a request") { !peers[0].requests.isEmpty }
                    try Files.remove(path)
                    peers[0].behave(.slow(20))
                    // Who sends nothing is asked again after a while; who comes anew at once.
                    await peers[0].hangUp()
                    try await eventually("the new file's fingerprint") {
                        guard Files.exists(path) else { return false }
                        let print = try site.read { db throws(StoreError) in try db.files.fingerprints(of: id) }.first {
                            $0.index == 0
                        }
                        return try print?.print.inode == UInt64(Files.status(path).st_ino)
                    }
                    #expect(try torrent.unfounded(try site.claimed(id, torrent), in: site.output) == [])
                }
                #expect(try torrent.unfounded(try site.claimed(id, torrent), in: site.output) == [])
                peers[0].behave(.good)
                try await site.download(id, from: peers)
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.claimed(id, torrent).isFull)
        }
    }

    /// A file that goes while it is written is no file of ours any more: the torrent says so and writes no other in its
    /// place. The next life fetches it.
    @Test func fileDeletedWhileItIsWrittenIsReported() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 40 * 65536), .init("b", 2 * 65536)], seed: 96)
        try await withSite { site in
            let path = torrent.path(0, in: site.output)
            let id = try site.add(torrent) { $0.isSequential = true }
            try await withPeers(torrent, [.slow(20)]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("some pieces") { try site.claimed(id, torrent).population >= 3 }
                    try Files.remove(path)
                    try await eventually("it to say so") { try site.row(id).error?.contains("sample/a") == true }
                }
                #expect(!Files.exists(path))
                peers[0].behave(.good)
                try await site.download(id, from: peers)
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try torrent.unfounded(try site.claimed(id, torrent), in: site.output) == [])
            #expect(try site.claimed(id, torrent).isFull)
        }
    }

    /// Another program writes to a file that is finished, while others are still to come: that is noticed before the
    /// torrent counts as complete, and the bytes are kept.
    @Test func fileChangedOutsideIsCheckedBeforeCompletion() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 2 * 65536), .init("b", 30 * 65536)], seed: 97)
        try await withSite { site in
            let id = try site.add(torrent) { $0.isSequential = true }
            try await withPeers(torrent, [.slow(20)]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("the first file, and some more") {
                        try site.claimed(id, torrent).population >= 5
                    }
                    try Files.overwrite(torrent.path(0, in: site.output), at: 100, with: [1, 2, 3, 4])
                    peers[0].behave(.good)
                    try await eventually("the change to be noticed") { try site.damage(id).map(\.state) == [.held] }
                    try await eventually("the rest to be complete") { try !site.events(.completed, of: id).isEmpty }
                    let text = try site.events(.completed, of: id)[0]
                    #expect(text.hasPrefix("complete except for 1 damaged piece, which is kept"), "\(text)")
                    #expect(try Files.read(torrent.path(0, in: site.output), at: 100, count: 4) == [1, 2, 3, 4])
                    try site.repair(id, overwritesEdits: true)
                    try await site.untilRepaired(id)
                    try await site.untilComplete(id)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.claimed(id, torrent).isFull)
            #expect(try site.events(.edited, of: id)[0].contains("sample/a"))
        }
    }

    /// All is found that was there before the torrent was added.
    @Test func existingFilesAreAdopted() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 300_000), .init("b", 200_000)], seed: 92)
        try await withSite { site in
            try torrent.write(to: site.output)
            try Files.overwrite(torrent.path(0, in: site.output), at: 5, with: [0, 0, 0, 0])
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(peers[0].servedBytes == 65536)
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.events(.verified, of: id).count == 1)
        }
    }

    /// A stop in the middle of a check forgets nothing: the rest is checked by the next life.
    @Test func checkResumesAfterAStop() async throws {
        let torrent = try SampleTorrent(length: 24 << 20, pieceLength: 1 << 18, seed: 93)
        try await withSite { site in
            try torrent.write(to: site.output)
            try Files.overwrite(torrent.path(0, in: site.output), at: 23 << 20, with: Array(repeating: 0, count: 100))
            let id = try site.add(torrent)
            for _ in 0..<3 { try await site.run { _ in } }
            #expect(try torrent.unfounded(try site.claimed(id, torrent), in: site.output) == [])
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(peers[0].servedBytes == 1 << 18)
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// What is doubted and found right before the next commit goes into one transaction: it is counted as it is
    /// claimed.
    @Test func verificationKeepsTheCounters() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 95)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                try await site.run {
                    $0.scope = .only([id])
                } _: { _ in
                    try site.tell(.verify, id)
                    try await eventually("the check to end") { try !site.events(.verified, of: id).isEmpty }
                }
            }
            let row = try site.row(id)
            #expect(row.piecesHave == 16 && row.completedBytes == 1 << 20)
        }
    }

    /// `pieces verify` asks a running engine to read all of it back.
    @Test func runningEngineVerifiesOnRequest() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 94)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { session in
                    try await site.untilComplete(id)
                    // Rot: the content changes, and the fingerprint doesn't.
                    let path = torrent.path(0, in: site.output)
                    let before = try Files.status(path)
                    try Files.overwrite(path, at: 500_000, with: [~torrent.content[500_000]])
                    try Files.setTimes(path, from: before)
                    peers[0].forget()
                    try site.tell(.verify, id)
                    try await eventually("the damage to be mended") {
                        peers[0].servedBytes == 65536 && torrent.faults(in: site.output).isEmpty
                    }
                    try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
                }
            }
            #expect(try site.events(.verified, of: id).map { $0.prefix(23) } == ["checked 16 of 16 pieces"])
        }
    }
}
