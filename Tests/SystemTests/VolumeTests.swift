import Foundation
import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// `pieces volumes` and `pieces move --volume`, with disks that are mounted, exchanged and copied.
@Suite(.alone) struct VolumeTests {
    private static func torrent(_ name: String, _ seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(folder: name, [.init("a", 100_000), .init("sub/b", 150_000), .init("c", 50_000)], seed: seed)
    }

    private func object(_ end: RunningProgram.End) throws -> [[String: any Sendable]] {
        let object = try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: any Sendable]
        return try #require(object?["volumes"] as? [[String: any Sendable]], "\(end)")
    }

    private func volumes(_ pieces: Pieces, _ more: [String] = []) async throws -> [[String: any Sendable]] {
        try object(try await pieces.run(["volumes", "--json"] + more))
    }

    /// Puts the content into a folder of its own on the disk and has it adopted.
    private func adopt(_ torrent: SampleTorrent, in folder: FilePath, _ pieces: Pieces) async throws {
        try Files.makeFolders(folder)
        try torrent.write(to: folder)
        let end = try await pieces.run(
            ["verify", try pieces.file(of: torrent).string, "--output", folder.string, "--quiet"])
        try #require(end.exitCode == 0, "\(end)")
    }

    private func rows(_ pieces: Pieces) throws -> [TorrentRow] {
        try Connection.open(pieces.database, mode: .readOnly, now: .now()).torrents.rows()
    }

    private func expectWhole(_ pieces: Pieces, _ torrents: [SampleTorrent]) async throws {
        let end = try await pieces.run(["verify", "--restart", "--quiet"])
        #expect(end.exitCode == 0, "\(end)")
        for row in try rows(pieces) {
            let torrent = try #require(torrents.first { $0.infoHash == row.infoHash })
            #expect(torrent.faults(in: FilePath(row.output)) == [], "\(row)")
        }
    }

    // MARK: The list

    @Test func missingEmptyAndReplacedMountPointsAreToldApart() async throws {
        let torrent = try Self.torrent("sample", 901)
        try await withTemporaryFolder { folder in
            let place = folder.appending("mnt")
            let pieces = try Pieces(in: folder)
            try await LoopVolume.with("one", in: folder) { one in
                try await one.mounted(at: place) {
                    try await adopt(torrent, in: place.appending("data"), pieces)
                    let end = try await pieces.run([
                        "volumes", "--json", place.string, "--name", "archive", "--reserve", "1M",
                    ])
                    #expect(end.exitCode == 0, "\(end)")
                    let volume = try #require(try await volumes(pieces).first)
                    #expect(volume["name"] as? String == "archive" && volume["state"] as? String == "online")
                    #expect(volume["torrents"] as? Int == 1 && volume["completed_bytes"] as? Int == 300_000)
                    #expect(volume["reserve_bytes"] as? Int == 1 << 20 && volume["offline_since"] is NSNull)
                    #expect((volume["free_bytes"] as? Int).map { $0 > 0 } == true)
                    #expect(volume["oldest_verified_at"] as? Int != nil)
                }
                func expect(_ state: String, _ words: String, line: Int = #line) async throws {
                    let end = try await pieces.run(["volumes", "archive"])
                    #expect(end.exitCode == 2 && end.output.contains(words), "line \(line): \(end)")
                    #expect(try await volumes(pieces).first?["state"] as? String == state, "line \(line)")
                    // Nothing is concluded, nothing is written.
                    #expect(try await pieces.run(["verify"]).exitCode == 1)
                    #expect(try await pieces.claimed(torrent).isFull)
                }
                try await expect("empty_mount_point", "is an empty folder")
                try Files.write([1], to: place.appending("other"))
                try await expect("not_mounted", "is a folder of another volume")
                try Files.remove(place)
                try await expect("no_mount_point", "does not exist")
                try await LoopVolume.with("two", in: folder) { two in
                    try await two.mounted(at: place) {
                        try await expect("replaced", "archive is away; another volume is mounted at")
                    }
                }
                let elsewhere = folder.appending("elsewhere")
                try await one.mounted(at: elsewhere) {
                    try await expect("elsewhere", "archive is now mounted at \(elsewhere)")
                    let found = try await pieces.run(["move", "--volume", "archive", elsewhere.string, "--found"])
                    #expect(found.exitCode == 0, "\(found)")
                    try await expectWhole(pieces, [torrent])
                    #expect(try rows(pieces).map(\.output) == [elsewhere.appending("data").string])
                    #expect(try await volumes(pieces).first?["state"] as? String == "online")
                }
            }
        }
    }

    /// A reserve can be set before the first download, for a mount point and for no other folder.
    @Test func volumeWithoutTorrentsIsKnownByItsMountPoint() async throws {
        try await withTemporaryFolder { folder in
            let place = folder.appending("mnt")
            let pieces = try Pieces(in: folder)
            try await LoopVolume.with(in: folder) { disk in
                try await disk.mounted(at: place) {
                    try await adopt(try Self.torrent("anchor", 912), in: folder.appending("other"), pieces)
                    try Files.makeFolders(place.appending("data"))
                    let refused = try await pieces.run(["volumes", place.appending("data").string, "--reserve", "1M"])
                    #expect(refused.exitCode == 64 && refused.errors.contains("there is no volume"), "\(refused)")
                    let end = try await pieces.run(["volumes", place.string, "--name", "archive", "--reserve", "1M"])
                    #expect(end.exitCode == 0, "\(end)")
                    let torrent = try Self.torrent("sample", 913)
                    try await adopt(torrent, in: place.appending("data"), pieces)
                    let volume = try #require(try await volumes(pieces, ["archive"]).first)
                    #expect(volume["reserve_bytes"] as? Int == 1 << 20 && volume["torrents"] as? Int == 1)
                }
            }
        }
    }

    /// A container makes an empty folder in the place of a missing bind mount: a new torrent isn't put there.
    @Test func emptyFolderInPlaceOfAVolumeReceivesNothing() async throws {
        let (known, new) = (try Self.torrent("known", 902), try Self.torrent("new", 903))
        try await withTemporaryFolder { folder in
            let place = folder.appending("mnt")
            let pieces = try Pieces(in: folder)
            try await LoopVolume.with(in: folder) { disk in
                try await disk.mounted(at: place) { try await adopt(known, in: place, pieces) }
                try await withPeers(new) { peers in
                    let arguments = [
                        "download", try pieces.file(of: new).string, "--output", place.appending("data").string,
                        "--json",
                        "--peer", "\(peers[0].address)",
                    ]
                    try await pieces.beside(arguments + Pieces.network) { running in
                        try await eventually("it to be offline: \(running.errors)") {
                            try rows(pieces).contains { $0.infoHash == new.infoHash && $0.state == .offline }
                        }
                        #expect(try Files.names(in: place) == [])
                        try disk.mount(at: place)
                        let end = await Result { try await running.end() }
                        try disk.unmount(place)
                        let code = try end.get()
                        #expect(code.exitCode == 0, "\(code)")
                    }
                    let refused = try await pieces.run(["move", "new", place.appending("x").string])
                    #expect(refused.exitCode == 1, "\(refused)")
                }
                #expect(try Files.names(in: place) == [])
            }
        }
    }

    @Test func sentinelsTellClonesApart() async throws {
        let torrent = try Self.torrent("sample", 904)
        try await withTemporaryFolder { folder in
            let (here, there) = (folder.appending("here"), folder.appending("there"))
            let pieces = try Pieces(in: folder)
            try await LoopVolume.with(in: folder) { disk in
                try await disk.mounted(at: here) { try await adopt(torrent, in: here, pieces) }
                try await disk.withClone(in: folder) { clone in
                    try await disk.mounted(at: here) {
                        try await clone.mounted(at: there) {
                            let note = try await pieces.run(["volumes"])
                            #expect(note.exitCode == 0 && note.output.contains("a clone with the same UUID"), "\(note)")
                            let marked = try await pieces.run(["volumes", "1", "--mark"])
                            #expect(marked.exitCode == 0, "\(marked)")
                            #expect(Files.exists(here.appending(".pieces-volume")))
                            #expect(!Files.exists(there.appending(".pieces-volume")))
                        }
                    }
                    // The clone was made before the mark, so it isn't the volume with the mark: where it has all files,
                    // they are as good as the originals; where it lacks some, nothing is concluded.
                    try await clone.mounted(at: here) {
                        _ = try await pieces.run(["volumes", "--json"])
                        try Files.remove(torrent.path(0, in: here))
                        let end = try await pieces.run(["verify"])
                        #expect(end.exitCode != 0, "\(end)")
                    }
                    try await disk.mounted(at: here) { try await expectWhole(pieces, [torrent]) }
                }
                try await disk.mounted(at: here) {
                    let end = try await pieces.run(["volumes", "1", "--unmark"])
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(!Files.exists(here.appending(".pieces-volume")))
                }
            }
        }
    }

    @Test func mistakesAreExplained() async throws {
        let torrent = try Self.torrent("sample", 905)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.adopt(torrent)
            let cases: [([String], Int32, String)] = [
                (["volumes", "nowhere"], 64, "there is no volume"),
                (["volumes", "--name", "x"], 64, "name the volume"),
                (["volumes", "1", "--name", "12"], 64, "can't be the name"),
                (["volumes", "1", "--name", "a/b"], 64, "can't be the name"),
                (["volumes", "1", "--reserve", "much"], 64, "needs a size"),
                (["volumes", "1", "--mark", "--unmark"], 64, "either --mark or --unmark"),
                (["volumes", "1", "--forget"], 1, "1 torrent is on it"),
                (["move", "--volume", "1"], 64, "Missing expected argument"),
                (["move", "--volume", "nowhere", folder.string], 64, "there is no volume"),
                (["move", "--volume", "1", "3", folder.string], 64, "--volume takes one folder"),
            ]
            for (arguments, code, words) in cases {
                let end = try await pieces.run(arguments)
                #expect(end.exitCode == code && end.errors.contains(words), "\(arguments): \(end)")
            }
            #expect(try await pieces.claimed(torrent).isFull)
        }
    }

    // MARK: Moves

    @Test func volumeMovesWithItsFolders() async throws {
        let torrents = try (0..<3).map { try Self.torrent("set\($0)", 910 + UInt64($0)) }
        try await withTemporaryFolder { folder in
            let (old, new) = (folder.appending("old"), folder.appending("new"))
            let pieces = try Pieces(in: folder)
            try await LoopVolume.with("old", in: folder) { one in
                try await LoopVolume.with("new", in: folder) { two in
                    try await one.mounted(at: old) {
                        try await two.mounted(at: new) {
                            for (n, torrent) in torrents.enumerated() {
                                try await adopt(torrent, in: old.appending("shelf \(n)"), pieces)
                            }
                            let target = new.appending("archive")
                            // Not all of them fit: none moves.
                            let full = try await pieces.run(["volumes", "--json"])
                            #expect(full.exitCode == 0)
                            try Files.makeFolders(target)
                            try await adopt(try Self.torrent("anchor", 919), in: new, pieces)
                            #expect(try await pieces.run(["volumes", new.string, "--reserve", "1T"]).exitCode == 0)
                            let refused = try await pieces.run(["move", "--volume", old.string, target.string])
                            #expect(refused.exitCode == 1, "\(refused)")
                            #expect(refused.errors.contains("nothing was moved"), "\(refused)")
                            #expect(try Files.names(in: target) == [])
                            #expect(
                                try await pieces.run(["volumes", new.string, "--reserve", "default"]).exitCode == 0)
                            let moved = try await pieces.run(["move", "--volume", old.string, target.string])
                            #expect(moved.exitCode == 0, "\(moved)")
                            for (n, torrent) in torrents.enumerated() {
                                let place = target.appending("shelf \(n)")
                                #expect(try rows(pieces)[n].output == place.string)
                                #expect(torrent.faults(in: place) == [])
                                #expect(!Files.exists(torrent.path(0, in: old.appending("shelf \(n)"))))
                            }
                            #expect(try await pieces.run(["verify", "--restart", "--quiet"]).exitCode == 0)
                        }
                    }
                }
            }
        }
    }

    /// The payload was moved by hand to unknown places of a new disk; the old one is gone.
    @Test func payloadMovedByHandIsFoundOnAWholeVolume() async throws {
        let torrents = try (0..<4).map { try Self.torrent("set\($0)", 920 + UInt64($0)) }
        try await withTemporaryFolder { folder in
            let (old, new) = (folder.appending("old"), folder.appending("new"))
            let pieces = try Pieces(in: folder)
            try await LoopVolume.with("old", in: folder) { one in
                try await LoopVolume.with("new", in: folder) { two in
                    try await two.mounted(at: new) {
                        try await one.mounted(at: old) {
                            for torrent in torrents { try await adopt(torrent, in: old, pieces) }
                            for (n, torrent) in torrents.enumerated() {
                                let place = new.appending("deep/\(n)/down")
                                try Files.makeFolders(place)
                                // The times are kept by a copy of `cp -a`, and lost by others.
                                let copy = try await RealProgram(path: "/bin/cp").run(
                                    [
                                        n % 2 == 0 ? "-a" : "-r", old.appending(torrent.metainfo.name).string,
                                        place.string,
                                    ],
                                    in: folder)
                                #expect(copy.exitCode == 0, "\(copy)")
                            }
                            // A file of the name and size, but with other content, misleads nobody.
                            let decoy = new.appending("decoy/set0")
                            try Files.makeFolders(decoy)
                            try Files.write([UInt8](repeating: 9, count: 100_000), to: decoy.appending("a"))
                            // One byte of a copy is wrong.
                            let hurt = torrents[3].path(0, in: new.appending("deep/3/down"))
                            var bytes = try Files.read(hurt)
                            bytes[5] ^= 1
                            try Files.write(bytes, to: hurt)
                        }
                        let end = try await pieces.run(["move", "--volume", old.string, new.string, "--found"])
                        #expect(end.exitCode == 0, "\(end)")
                        let rows = try rows(pieces)
                        for n in 0..<4 { #expect(rows[n].output == new.appending("deep/\(n)/down").string) }
                        #expect(rows.map(\.piecesHave) == [5, 5, 5, 4])
                        let verified = try await pieces.run(["verify", "1", "2", "3", "--restart", "--quiet"])
                        #expect(verified.exitCode == 0, "\(verified)")
                    }
                }
            }
        }
    }

    @Test func readOnlyTorrentsAndStorageAreNotMovedOrDeleted() async throws {
        let torrent = try Self.torrent("sample", 930)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.adopt(torrent)
            #expect(try await pieces.run(["limit", "1", "--read-only", "on"]).output.contains("read-only"))
            for command in [["move", "1", folder.appending("x").string], ["remove", "1", "--delete-data"]] {
                let end = try await pieces.run(command)
                #expect(end.exitCode == 1 && end.errors.contains("read-only"), "\(end)")
            }
            #expect(torrent.faults(in: pieces.output) == [])
            #expect(try await pieces.run(["limit", "1", "--read-only", "off"]).exitCode == 0)
            #expect(try await pieces.run(["move", "1", folder.appending("x").string]).exitCode == 0)
        }
    }

    // MARK: Another machine

    @Test func databaseOnAnotherMachineStartsOffline() async throws {
        let torrent = try Self.torrent("sample", 940)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.adopt(torrent)
            func run(on machine: String) async throws -> RunningProgram.End {
                let program = try pieces.start(
                    ["run", "--until-complete"] + Pieces.network, environment: ["PIECES_MACHINE_ID": machine])
                return try await program.end()
            }
            #expect(try await run(on: "one").exitCode == 0)
            // The disk stayed behind, and there is a folder of the same name.
            let away = folder.appending("away")
            try Files.rename(pieces.output, to: away)
            try Files.makeFolders(pieces.output)
            let there = try await run(on: "two")
            #expect(there.exitCode == 1 && there.errors.contains("another machine"), "\(there)")
            #expect(try await pieces.status()?["state"] as? String == "offline")
            #expect(try await pieces.claimed(torrent).isFull && Files.names(in: pieces.output) == [])
            // The disk comes: nothing is hashed.
            try Files.remove(pieces.output)
            try Files.rename(away, to: pieces.output)
            let back = try await run(on: "two")
            #expect(back.exitCode == 0, "\(back)")
            #expect(try await pieces.status()?["state"] as? String == "complete")
            #expect(try pieces.events(.verified).count == 1, "only the adoption hashed")
        }
    }
}
