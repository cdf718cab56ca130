import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Files without bytes: nobody sends them, and yet they are to be there.
@Suite(.crowded) struct EmptyFileTests {
    /// A torrent of nothing else is made and completed by an engine that isn't told of it, once.
    @Test func torrentOfEmptyFilesCompletesOnce() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 0), .init("sub/b", 0)])
        try await withSite { site in
            let id = try site.add(torrent)
            try await site.run { _ in try await site.untilComplete(id) }
            #expect(torrent.faults(in: site.output) == [])
            let row = try site.row(id)
            #expect(row.state == .complete && row.isRootSeen)
            #expect(try site.events(.completed, of: id).count == 1)
            // Then it is a row like others that are complete: asleep.
            try await site.run { session in
                try await site.untilSettled()
                #expect(await session.snapshots().isEmpty)
            }
            #expect(try site.row(id).completedAt == row.completedAt)
            #expect(try site.events(.completed, of: id).count == 1)
        }
    }

    /// Nothing but the empty files of a torrent is wanted.
    @Test func selectionOfEmptyFilesRequestsNothing() async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 100_000), .init("b", 0), .init("c", 0)], seed: 191)
        try await withSite { site in
            let id = try site.add(torrent, wanted: [false, true, false])
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(peers[0].requests.isEmpty)
            }
            #expect(try Files.names(in: site.output.appending("sample")) == ["b"])
        }
    }

    /// The engine ends by itself when they are there.
    @Test func engineEndsWhenEmptyFilesAreCreated() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 0)])
        try await withSite { site in
            let id = try site.add(torrent)
            try await site.run {
                $0.endsWhenComplete = true
                $0.seedGoal = .none
            } _: { session in
                await session.waitUntilEnd()
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.row(id).completedAt != nil)
        }
    }

    /// One that is wanted later is made then, whether or not an engine runs.
    @Test(arguments: [true, false]) func emptyFileSelectedLaterIsCreated(isRunning: Bool) async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 100_000), .init("b", 0)], seed: 192)
        try await withSite { site in
            let id = try site.add(torrent, wanted: [true, false])
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await site.untilComplete(id)
                    guard isRunning else { return }
                    try site.select(id, torrent, [true, true])
                    try site.tell(.changed, id)
                    try await eventually("the empty file") { torrent.faults(in: site.output).isEmpty }
                }
                guard !isRunning else { return }
                #expect(torrent.faults(in: site.output, wanted: [0]) == [])
                try site.select(id, torrent, [true, true])
                try await site.run {
                    $0.scope = .only([id])
                } _: { session in
                    try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
                }
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.events(.verified, of: id) == [])
        }
    }

    /// A choice of files that are all there completes the torrent, whether or not an engine runs; that is written down.
    @Test(arguments: [true, false]) func narrowerSelectionCompletesTheTorrent(isRunning: Bool) async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 65536), .init("b", 65536 * 4)], seed: 193)
        try await withSite { site in
            let id = try site.add(torrent) { $0.isSequential = true }
            try await withPeers(torrent, [.stopping(after: 4)]) { peers in
                let choose = { () throws in
                    try site.select(id, torrent, [true, false])
                    try site.tell(.changed, id)
                }
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("the first file") { try site.claimed(id, torrent).population == 1 }
                    #expect(try site.row(id).completedAt == nil)
                    guard isRunning else { return }
                    try choose()
                    try await site.untilComplete(id)
                }
                guard !isRunning else { return }
                try choose()
                try await site.run { _ in try await site.untilComplete(id) }
            }
            #expect(try site.events(.completed, of: id).count == 1)
        }
    }
}
