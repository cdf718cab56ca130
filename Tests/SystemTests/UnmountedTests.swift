import Foundation
import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What the commands say and do while the disk of a complete torrent is not mounted: it is offline, and what is
/// recorded of it stays.
@Suite(.crowded) struct UnmountedTests {
    /// Files that share pieces, none of which is alone in one.
    private static func torrent(_ seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(folder: "sample", [.init("a", 100_000), .init("b", 100_000), .init("c", 50_000)], seed: seed)
    }

    private func withDisk(_ torrent: SampleTorrent, _ body: (Pieces, MountPoint) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            try await MountPoint.with(at: folder.appending("mnt")) { point in
                let pieces = try Pieces(in: folder, output: point.path)
                try await pieces.adopt(torrent)
                try await body(pieces, point)
            }
        }
    }

    private func lines(_ end: RunningProgram.End) throws -> [[String: any Sendable]] {
        try end.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: any Sendable])
        }
    }

    private func expectUntouched(_ pieces: Pieces, _ point: MountPoint, _ torrent: SampleTorrent, _ state: String)
        async throws
    {
        let status = try #require(try await pieces.status())
        #expect(status["state"] as? String == state)
        #expect(try await pieces.claimed(torrent).isFull)
        #expect(try point.litter == [])
    }

    @Test(arguments: [[], ["1"], ["sample"]]) func verifyReportsOfflineAndNothingMissing(names: [String]) async throws {
        let torrent = try Self.torrent(421)
        try await withDisk(torrent) { pieces, point in
            try point.unmount()
            let end = try await pieces.run(["verify", "--json"] + names)
            #expect(end.exitCode == 1, "\(end)")
            let found = try lines(end)
            #expect(found[0]["outcome"] as? String == "failed" && found[0]["offline"] as? Bool == true)
            #expect((found[0]["error"] as? String)?.contains(point.path.string) == true)
            #expect(found[1]["torrents_offline"] as? Int == 1 && found[1]["torrents_damaged"] as? Int == 0)
            try await expectUntouched(pieces, point, torrent, "complete")
            let words = try await pieces.run(["verify"])
            #expect(
                words.exitCode == 1 && words.errors.contains("mount the disk") && !words.errors.contains("--relocated"),
                "\(words)")
            #expect(try pieces.events(.edited) == [] && pieces.events(.rot) == [])
            try point.mount()
            #expect(try await pieces.run(["verify"]).exitCode == 0)
        }
    }

    /// No advice leads from an unmounted disk to the loss of what is recorded.
    @Test func doctorAdvisesToMountTheDisk() async throws {
        let torrent = try Self.torrent(422)
        try await withDisk(torrent) { pieces, point in
            try point.unmount()
            let end = try await pieces.run(["doctor", "--json"])
            #expect(end.exitCode == 2, "\(end)")
            let findings = try #require(try lines(end)[0]["findings"] as? [[String: any Sendable]])
            let volumes = findings.filter {
                ["volumes", "files"].contains($0["area"] as? String) && $0["severity"] as? String != "fine"
            }
            #expect(volumes.count >= 1)
            for finding in volumes {
                let advice = try #require(finding["advice"] as? String)
                #expect(finding["severity"] as? String == "problem")
                #expect(!advice.contains("pieces verify 1"), "\(advice)")
                #expect(!advice.contains("pieces verify`"), "\(advice)")
            }
            #expect(volumes.contains { ($0["advice"] as? String)?.hasPrefix("mount the disk") == true })
            try await expectUntouched(pieces, point, torrent, "complete")
        }
    }

    @Test func explainReportsTheTorrentAsOffline() async throws {
        let torrent = try Self.torrent(423)
        try await withDisk(torrent) { pieces, point in
            try point.unmount()
            let end = try await pieces.run(["explain", "1", "--json"])
            let found = try lines(end)[0]
            let causes = try #require(found["causes"] as? [[String: any Sendable]])
            #expect(found["state"] as? String == "offline" && causes.map { $0["kind"] as? String } == ["offline"])
            #expect((causes[0]["advice"] as? String)?.contains("--relocated") == false)
            try point.mount()
            #expect(try await pieces.run(["explain", "1"]).output.contains("it is complete"))
        }
    }

    @Test func everyCommandReportsTheUnmountedDisk() async throws {
        let torrent = try Self.torrent(424)
        try await withDisk(torrent) { pieces, point in
            try point.unmount()
            let download = try await pieces.run(try pieces.download(torrent))
            #expect(download.exitCode == 1 && download.errors.contains(point.path.string), "\(download)")
            #expect(try lines(download).last { $0["event"] as? String == "end" }?["complete"] as? Bool == false)
            let run = try await pieces.run(["run", "--until-complete"] + Pieces.network)
            #expect(run.exitCode == 1 && run.errors.contains(point.path.string), "\(run)")
            let files = try await pieces.run(["files", "1", "--json"])
            #expect(try lines(files)[0]["state"] as? String == "offline")
            // Neither do commands that settle the state make it complete.
            for command in [["select", "1", "--all"], ["resume", "1"]] {
                #expect(try await pieces.run(command).exitCode == 0)
                try await expectUntouched(pieces, point, torrent, "offline")
            }
            try point.mount()
            let back = try await pieces.run(["run", "--until-complete"] + Pieces.network)
            #expect(back.exitCode == 0, "\(back)")
            #expect(try await pieces.status()?["state"] as? String == "complete")
        }
    }

    @Test(arguments: [false, true]) func removeKeepsATorrentOnAnUnmountedDisk(besideAnEngine: Bool) async throws {
        let torrent = try Self.torrent(425)
        try await withDisk(torrent) { pieces, point in
            try point.unmount()
            func remove() async throws {
                let end = try await pieces.run(["remove", "1", "--delete-data"])
                #expect(end.exitCode == 1 && end.errors.contains("was not removed"), "\(end)")
            }
            if besideAnEngine {
                try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                    _ = try await running.address()
                    try await remove()
                }
            } else {
                try await remove()
            }
            #expect(try await pieces.claimed(torrent).isFull)
            #expect(torrent.faults(in: point.disk) == [])
            #expect(try point.litter == [])
        }
    }

    /// Bytes of a skipped file are in the part file on the disk that is away: the file is not wanted before they can be
    /// moved.
    @Test func selectionThatMovesBytesNeedsTheDisk() async throws {
        let torrent = try Self.torrent(426)
        try await withTemporaryFolder { folder in
            try await MountPoint.with(at: folder.appending("mnt")) { point in
                let pieces = try Pieces(in: folder, output: point.path)
                try await withPeers(torrent) { peers in
                    let end = try await pieces.run(
                        try pieces.download(torrent, from: [peers[0].address], ["--select", "1"]))
                    try #require(end.exitCode == 0, "\(end)")
                }
                try point.unmount()
                let end = try await pieces.run(["select", "1", "--all"])
                #expect(end.exitCode == 1 && end.errors.contains("mount the disk"), "\(end)")
                #expect(try point.litter == [])
                try point.mount()
                #expect(try await pieces.run(["select", "1", "--all"]).exitCode == 0)
            }
        }
    }

    // MARK: Moved on purpose

    /// What was copied is found, the rest is lost, and the torrent goes on from there on the new disk.
    @Test(arguments: [["a"], ["a", "b", "c"]]) func relocatedFilesAreVerified(copied: [String]) async throws {
        let torrent = try Self.torrent(427)
        try await withDisk(torrent) { pieces, point in
            try Files.makeFolders(point.below.appending("sample"))
            for name in copied {
                try Files.copy(
                    point.disk.appending("sample").appending(name), to: point.below.appending("sample").appending(name))
            }
            try point.unmount()
            let end = try await pieces.run(["verify", "1", "--relocated", "--json"])
            let isWhole = copied.count == 3
            #expect(end.exitCode == (isWhole ? 0 : 2), "\(end)")
            #expect(try await pieces.claimed(torrent).population == (isWhole ? 4 : copied.count))
            try await withPeers(torrent) { peers in
                let download = try await pieces.run(try pieces.download(torrent, from: [peers[0].address]))
                #expect(download.exitCode == 0, "\(download)")
                #expect(
                    peers[0].servedBytes == torrent.content.count
                        - (isWhole ? torrent.content.count : copied.count * 65536))
            }
            #expect(torrent.faults(in: point.below) == [])
            #expect(try await pieces.run(["verify"]).exitCode == 0)
        }
    }

    /// No file at the mount point means that the disk is away, whatever the user says.
    @Test func relocatedIsRefusedAtAnEmptyMountPoint() async throws {
        let torrent = try Self.torrent(431)
        try await withDisk(torrent) { pieces, point in
            try point.unmount()
            let end = try await pieces.run(["verify", "1", "--relocated"])
            #expect(end.exitCode == 1 && end.errors.contains("mount it, or copy the files there first"), "\(end)")
            try await expectUntouched(pieces, point, torrent, "complete")
            try Files.makeFolders(point.below.appending("sample"))
            try Files.write([], to: point.below.appending("sample").appending("a"))
            #expect(try await pieces.run(["verify", "1", "--relocated"]).exitCode == 1)
            #expect(try await pieces.claimed(torrent).isFull)
            try point.mount()
            #expect(try await pieces.run(["verify"]).exitCode == 0)
        }
    }

    /// A running engine goes on from what the command found.
    @Test func relocatedFilesAreVerifiedBesideAnEngine() async throws {
        let torrent = try Self.torrent(430)
        try await withDisk(torrent) { pieces, point in
            try Files.makeFolders(point.below.appending("sample"))
            try Files.copy(
                point.disk.appending("sample").appending("a"), to: point.below.appending("sample").appending("a"))
            try point.unmount()
            try await withPeers(torrent) { peers in
                let run = ["run", "--json", "--peer", "\(peers[0].address)"] + Pieces.network
                try await pieces.beside(run) { running in
                    _ = try await running.address()
                    let end = try await pieces.run(["verify", "1", "--relocated"])
                    #expect(end.exitCode == 2, "\(end)")
                    try await eventually("the rest to come") { try await pieces.claimed(torrent).isFull }
                }
                #expect(peers[0].servedBytes == torrent.content.count - 65536)
            }
            #expect(torrent.faults(in: point.below) == [])
        }
    }

    @Test func relocatedNeedsTorrentNames() async throws {
        let torrent = try Self.torrent(428)
        try await withDisk(torrent) { pieces, point in
            #expect(try await pieces.run(["verify", "--relocated"]).exitCode == 64)
            // A folder that is not there at all was not moved to another disk.
            try Files.rename(point.path, to: point.path.removingLastComponent().appending("gone"))
            let end = try await pieces.run(["verify", "1", "--relocated"])
            #expect(end.exitCode == 1 && end.errors.contains("does not exist"), "\(end)")
            #expect(try await pieces.claimed(torrent).isFull)
        }
    }

    // MARK: With mount(2)

    @Test func unmountedRealDiskIsNoticed() async throws {
        let torrent = try Self.torrent(429)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withMountedMemory(at: pieces.output) {
                try await pieces.adopt(torrent)
                try unmountLazily(pieces.output)
                let end = try await pieces.run(["verify"])
                #expect(end.exitCode == 1 && end.errors.contains("mount the disk"), "\(end)")
                #expect(try await pieces.claimed(torrent).isFull)
                #expect(try Files.names(in: pieces.output) == [])
            }
        }
    }
}

/// The disk goes while `pieces verify` reads it.
@Suite(.alone) struct UnmountedWhileVerifiedTests {
    private static let size = 2 << 30
    private static let pieceLength = 1 << 18

    @Test func unmountDuringVerificationReportsNothingMissing() async throws {
        let torrent = try SampleTorrent(
            zeros: "huge.bin", [.init("", Self.size)], window: 0..<0, pieceLength: Self.pieceLength)
        try await withTemporaryFolder { folder in
            try await MountPoint.with(at: folder.appending("mnt")) { point in
                let pieces = try Pieces(in: folder, output: point.path)
                let id = try pieces.claimHole(torrent)
                let end = try await pieces.beside(["verify", "--json"], environment: RunningProgram.readingAll) {
                    running in
                    try await running.hold(afterReading: Self.size / 4)
                    try point.unmount()
                    running.send(SIGCONT)
                    return try await running.end()
                }
                #expect(end.exitCode == 1, "\(end)")
                #expect(end.output.contains("\"offline\":true"), "\(end)")
                let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                #expect(try connection.pieces.have(of: id, count: torrent.geometry.pieceCount).isFull)
                #expect(try point.litter == [])
            }
        }
    }
}
