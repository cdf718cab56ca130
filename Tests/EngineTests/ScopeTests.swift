import Engine
import Store
import TestSupport
import Testing
import Torrent

/// What is wanted of torrents that the running engine doesn't work on, and of engines that ended before they heard of
/// it.
@Suite(.crowded) struct ScopeTests {
    private static func torrents() throws -> (SampleTorrent, SampleTorrent) {
        (try SampleTorrent("mine", length: 200_000, seed: 201), try SampleTorrent("other", length: 200_000, seed: 202))
    }

    /// Runs an engine for a torrent that never completes, beside another that it isn't told of.
    private func beside(_ body: (Site, TorrentID, SampleTorrent) async throws -> Void) async throws {
        let (mine, other) = try Self.torrents()
        try await withSite { site in
            let id = try site.add(mine)
            let second = try site.add(other)
            try await site.run {
                $0.scope = .only([id])
            } _: { session in
                try await body(site, second, other)
                #expect(await session.snapshots().map(\.id) == [id])
            }
        }
    }

    @Test func torrentOutsideTheScopeIsPausedAndResumed() async throws {
        try await beside { site, other, _ in
            for (isPaused, state) in [(true, TorrentState.paused), (false, .queued)] {
                try site.write { db throws(StoreError) in try db.torrents.setPaused(other, isPaused) }
                try site.tell(.changed, other)
                try await eventually("it to be \(state)") { try site.row(other).state == state }
            }
        }
    }

    @Test func torrentOutsideTheScopeTakesLimitsAndSelection() async throws {
        try await beside { site, other, torrent in
            try site.write { db throws(StoreError) in
                try db.torrents.setLimits(other, TorrentLimits(download: 1000, upload: 2, peers: 3))
            }
            try site.select(other, torrent, [false])
            try site.tell(.changed, other)
            try await eventually("the word to be taken") {
                try site.read { db throws(StoreError) in try db.peekIntents() }.isEmpty
            }
            let row = try site.row(other)
            #expect(row.settings.limits == TorrentLimits(download: 1000, upload: 2, peers: 3))
            #expect(row.wantedBytes == 0 && row.state == .queued)
        }
    }

    /// What it couldn't go on with is still known when somebody changes a limit.
    @Test func errorOfATorrentOutsideTheScopeIsKept() async throws {
        try await beside { site, other, _ in
            try site.write { db throws(StoreError) in
                try db.torrents.setState(other, .offline, error: "the disk is away")
            }
            try site.tell(.changed, other)
            try await eventually("the word to be taken") {
                try site.read { db throws(StoreError) in try db.peekIntents() }.isEmpty
            }
            #expect(try site.row(other).error == "the disk is away")
        }
    }

    /// The engine was killed before it saw what it was told: the next one does what is left of it.
    @Test func pendingIntentsAreHandledByTheNextRun() async throws {
        let (mine, other) = try Self.torrents()
        try await withSite { site in
            let paused = try site.add(mine)
            let removed = try site.add(other)
            try site.write { db throws(StoreError) in
                try db.torrents.setState(paused, .downloading)
                try db.torrents.setPaused(paused, true)
            }
            try site.tell(.changed, paused)
            try site.tell(.remove, removed)
            try await site.run { _ in
                try await eventually("the removal") {
                    try site.read { db throws(StoreError) in try db.torrents.row(removed) } == nil
                }
                #expect(try site.row(paused).state == .paused)
            }
        }
    }
}

extension Connection {
    /// How many words of commands nobody has taken yet.
    fileprivate func peekIntents() throws(StoreError) -> [Int64] {
        try values("SELECT id FROM intent")
    }
}
