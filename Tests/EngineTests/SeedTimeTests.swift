import Engine
import Store
import TestSupport
import Testing
import Torrent

/// Seed time is the time for which a torrent was there for others.
@Suite(.crowded) struct SeedTimeTests {
    private static func at(_ seconds: Double) -> SuspendingClock.Instant { start + .seconds(seconds) }
    private static let start = SuspendingClock.now

    @Test func seedTimeCountsBetweenTwoSeedingSamples() {
        var timer = SeedTimer()
        #expect(timer.look(isSeeding: true, now: Self.at(0)) == .zero)
        #expect(timer.look(isSeeding: true, now: Self.at(1.5)) == .seconds(1.5))
        #expect(timer.look(isSeeding: false, now: Self.at(3)) == .zero)
        #expect(timer.look(isSeeding: true, now: Self.at(50)) == .zero)
        #expect(timer.look(isSeeding: true, now: Self.at(52)) == .seconds(2))
        #expect(timer.total == .seconds(3.5))
    }

    /// The process was stopped, or so busy that nobody was served.
    @Test func lateSampleCountsALimitedTime() {
        var timer = SeedTimer()
        timer.look(isSeeding: true, now: Self.at(0))
        #expect(timer.look(isSeeding: true, now: Self.at(100_000)) == SeedTimer.longestLook)
        #expect(timer.look(isSeeding: true, now: Self.at(50)) == .zero)
    }

    @Test(
        arguments: [
            (.standard, 1 << 40, 1 << 40, false), (.forever, 1 << 40, 1 << 40, false), (.none, 0, 0, true),
            (.time(.seconds(60)), 0, 59, false),
            (.time(.seconds(60)), 0, 60, true), (.time(.zero), 0, 0, true), (.ratio(1.5), 149, 0, false),
            (.ratio(1.5), 150, 0, true),
            (.ratio(0), 0, 0, true),
        ] as [(SeedGoal, Int64, Int64, Bool)])
    func seedGoalsAreReached(goal: SeedGoal, uploaded: Int64, seconds: Int64, isReached: Bool) {
        #expect(goal.isReached(uploaded: uploaded, wanted: 100, seedTime: .seconds(seconds)) == isReached)
    }

    /// A torrent that completed long ago, and was never seeded since, has seeded for no time.
    @Test func timeWithoutAnEngineDoesNotCount() async throws {
        try await withSite { site in
            let id = try site.addComplete([try SampleTorrent(length: 40_000, seed: 500)])[0]
            try site.write { db throws(StoreError) in
                try db.execute("UPDATE torrent SET completed_at = 1000000000, added_at = 1000000000")
                try db.torrents.setSeedGoal(id, .time(.seconds(2)))
            }
            let began = SuspendingClock.now
            try await site.run {
                $0.scope = .only([id])
                $0.endsWhenComplete = true
            } _: { session in
                await session.waitUntilEnd()
            }
            #expect(SuspendingClock.now - began >= .seconds(2))
            let row = try site.row(id)
            #expect(row.state == .complete && row.seedTime >= .seconds(2))
            #expect(row.completedAt == Timestamp(1_000_000_000))

            // It has all its time now: the next life ends at once, and counts nothing anew.
            try await site.run {
                $0.scope = .only([id])
                $0.endsWhenComplete = true
            } _: { session in
                await session.waitUntilEnd()
            }
            #expect(try site.row(id).seedTime >= row.seedTime)
        }
    }

    /// One that sleeps is there for others, too.
    @Test func dormantTorrentCountsSeedTime() async throws {
        try await withSite { site in
            let ids = try site.addComplete(
                try (0..<2).map { try SampleTorrent("sample-\($0).bin", length: 40_000, seed: 510 + UInt64($0)) })
            try site.write { db throws(StoreError) in
                try db.torrents.setPaused(ids[1], true)
                try db.torrents.setState(ids[1], .paused)
            }
            try await site.run { session in
                try await eventually("the first to have seeded") { try site.row(ids[0]).seedTime >= .seconds(2) }
                #expect(await session.snapshots().isEmpty)
                // From now on it isn't there.
                try site.write { db throws(StoreError) in try db.torrents.setPaused(ids[0], true) }
                try site.tell(.changed, ids[0])
                try await eventually("it to be paused") { try site.row(ids[0]).state == .paused }
            }
            let counted = try site.row(ids[0]).seedTime
            #expect(try site.row(ids[1]).seedTime == .zero)
            // What lasts for longer than a beat, without one that counts.
            try await site.run { session in
                let beats = await session.beats
                try await eventually("some beats") { await session.beats >= beats + 3 }
            }
            #expect(try site.row(ids[0]).seedTime == counted)
        }
    }

    /// A torrent that rested as complete is announced by an engine for all, and so it seeds.
    @Test func announcedTorrentCountsSeedTime() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let id = try site.addComplete([try SampleTorrent(length: 40_000, seed: 520, trackers: [[tracker.url]])]
                )[0]
                try site.write { db throws(StoreError) in try db.torrents.setState(id, .complete) }
                try await site.run { _ in
                    try await eventually("it to have seeded") { try site.row(id).seedTime >= .seconds(1) }
                    #expect(try site.row(id).state == .seeding)
                }
            }
        }
    }

    /// A dormant torrent that has seeded for as long as it was to is announced no more.
    @Test func dormantTorrentStopsAtItsSeedGoal() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let id = try site.addComplete([try SampleTorrent(length: 40_000, seed: 530, trackers: [[tracker.url]])]
                )[0]
                try site.write { db throws(StoreError) in
                    try db.torrents.setSeedGoal(id, .time(.seconds(3600)))
                    try db.seedTimes.raise(id, to: .seconds(3600))
                }
                try await site.run { _ in try await eventually("it to rest") { try site.row(id).state == .complete } }
                #expect(tracker.events.allSatisfy { $0 != "" } && tracker.events.count <= 2, "\(tracker.events)")
            }
        }
    }

    /// A ratio is relative to the files that are wanted, also where nothing was ever downloaded.
    @Test(arguments: [(65_535, false), (65_536, true)] as [(Int64, Bool)])
    func ratioIsRelativeToTheWantedFiles(uploaded: Int64, isReached: Bool) async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a.bin", 65_536), .init("b.bin", 400_000)], seed: 540)
        try await withSite { site in
            let id = try site.addComplete([torrent])[0]
            try site.write { db throws(StoreError) in
                var record = ProgressRecord(torrent: id, verifiedAt: .now())
                record.uploadedDelta = uploaded
                _ = try db.pieces.record([record])
                try db.torrents.setSeedGoal(id, .ratio(1))
                try db.torrents.setSelection(id, wanted: [true, false], wantedBytes: 65_536, completedBytes: 65_536)
            }
            try await site.run {
                $0.scope = .only([id])
            } _: { session in
                if isReached {
                    try await eventually("it to rest") { try site.row(id).state == .complete }
                } else {
                    try await eventually(try "it to seed: \(site.row(id))") { try site.row(id).state == .seeding }
                    let beats = await session.beats
                    try await eventually("some beats") { await session.beats >= beats + 2 }
                    #expect(try site.row(id).state == .seeding)
                }
            }
        }
    }
}
