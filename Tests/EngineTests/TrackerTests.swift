import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What trackers are told, and when, across lives of the engine.
@Suite(.crowded) struct TrackerTests {
    /// Peers come from the tracker alone; each event is told once.
    @Test func eachEventIsAnnouncedOnce() async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 1 << 20, seed: 101, trackers: [[tracker.url]])
            try await withSite { site in
                let id = try site.add(torrent)
                try await withPeers(torrent) { peers in
                    tracker.answer {
                        $0.peers = [peers[0].address]
                        $0.trackerID = "r2d2"
                    }
                    try await site.run { session in
                        try await site.untilComplete(id)
                        try await eventually("the tracker to hear of it") { tracker.events.contains("completed") }
                        #expect(tracker.announces.first?.port == Int(await session.listenPort))
                    }
                }
                #expect(tracker.events == ["started", "completed", "stopped"])
                #expect(tracker.announces.map(\.left) == [1 << 20, 0, 0])
                // Its own word is given back (BEP 3).
                #expect(tracker.announces.map(\.trackerID) == [nil, "r2d2", "r2d2"])
                let row = try #require(try site.read { db throws(StoreError) in try db.trackers.rows(of: id) }.first)
                #expect(row.seeders == 1)
                #expect(row.failures == 0)

                // In the next life it is a seed from the start: there is nothing to complete. After a goodbye it says
                // `started` again.
                try await site.run {
                    $0.scope = .only([id])
                } _: { _ in
                    try await eventually("the tracker to hear of the second life") { tracker.events.count > 3 }
                }
                #expect(tracker.events.dropFirst(3) == ["started", "stopped"])
            }
        }
    }

    /// A stop comes while the tracker thinks about its answer, or where it never answers: it has heard of us, so it
    /// hears goodbye, and not before.
    @Test(arguments: [Duration.milliseconds(700), .seconds(3600)]) func stoppedIsSentToATrackerThatHasNotAnswered(
        delay: Duration
    ) async throws {
        var answer = FakeTracker.Answer()
        answer.delay = delay
        answer.trackerID = "r2d2"
        try await withTracker(answer) { tracker in
            let torrent = try SampleTorrent(length: 300_000, seed: 107, trackers: [[tracker.url]])
            try await withSite { site in
                let id = try site.add(torrent)
                let isAnswered = delay < .seconds(60)
                for life in 1...2 {
                    try await site.run {
                        // Half of it is for the answer.
                        if !isAnswered { $0.goodbyeTime = .seconds(10) }
                    } _: { _ in
                        try await eventually("the announce") { tracker.announces.count == 2 * life - 1 }
                        if !isAnswered { tracker.answer { $0.delay = .zero } }
                    }
                    tracker.answer { $0.delay = delay }
                    // Nothing of the life before is left: the next one says `started` at once.
                    #expect(
                        tracker.events
                            == Array([["started", "stopped"], ["started", "stopped"]].prefix(life).joined()))
                    let row = try #require(
                        try site.read { db throws(StoreError) in try db.trackers.rows(of: id) }.first)
                    #expect(!row.isStarted && row.failures == 0 && row.lastError == nil)
                    #expect((row.lastSuccessAt != nil) == isAnswered)
                }
                if isAnswered { #expect(tracker.announces[1].trackerID == "r2d2") }
            }
        }
    }

    /// A complete torrent that is verified once more has not completed once more.
    @Test func completedIsAnnouncedOnce() async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 300_000, seed: 102, trackers: [[tracker.url]])
            try await withSite { site in
                let id = try site.add(torrent)
                try await withPeers(torrent) { peers in
                    try await site.run(peers: [peers[0].address]) { _ in
                        try await site.untilComplete(id)
                        try await eventually("the tracker to hear of it") { tracker.events.contains("completed") }
                    }
                }
                try site.setNextAnnounce(of: id, to: .now())
                try await site.run {
                    $0.scope = .only([id])
                } _: { _ in
                    try await eventually("the tracker to hear of the second life") {
                        tracker.events.filter { $0 == "started" }.count == 2
                    }
                    try site.tell(.verify, id)
                    try await eventually("the check to end") { try site.events(.verified, of: id).count == 1 }
                    try await Task.sleep(for: .milliseconds(1500))
                }
                #expect(tracker.events.filter { $0 == "completed" }.count == 1, "\(tracker.events)")
                #expect(tracker.events.filter { $0 == "stopped" }.count == 2, "\(tracker.events)")
            }
        }
    }

    /// Trackers that knew us and died hold a stop up for as long as one of them does, however many they are.
    @Test func stopDoesNotWaitLongForDeadTrackers() async throws {
        let count = 3
        var trackers: [FakeTracker] = []
        for _ in 0..<count { trackers.append(try await FakeTracker.start()) }
        let torrent = try SampleTorrent(length: 300_000, seed: 108, trackers: trackers.map { [$0.url] })
        let result = await Result {
            try await withSite { site in
                let id = try site.add(torrent)
                let start = try await site.run {
                    $0.goodbyeTime = .seconds(2)
                } _: { [trackers] _ in
                    try await eventually("all to have answered") {
                        try site.read { db throws(StoreError) in try db.trackers.rows(of: id) }.count {
                            $0.lastSuccessAt != nil
                        } == count
                    }
                    for tracker in trackers { tracker.answer { $0.isDeaf = true } }
                    return ContinuousClock.now
                }
                // A request is given up after 30 seconds.
                #expect(ContinuousClock.now - start < .seconds(25))
            }
        }
        for tracker in trackers { await tracker.stop() }
        try result.get()
        #expect(trackers.allSatisfy { $0.events == ["started", "stopped"] })
    }

    /// Trackers that a command adds while the engine runs are used at once: by a torrent that downloads in vain, and by
    /// one that sleeps.
    @Test(arguments: [false, true]) func addedTrackersAreAskedAtOnce(isComplete: Bool) async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 300_000, seed: 109, trackers: [["http://127.0.0.1:1/announce"]])
            try await withSite { site in
                let id = isComplete ? try #require(try site.addComplete([torrent]).first) : try site.add(torrent)
                try await withPeers(torrent) { peers in
                    tracker.answer { $0.peers = isComplete ? [] : [peers[0].address] }
                    try await site.run { _ in
                        try await eventually("the dead tracker to have failed") {
                            try site.trackers([id])[0][0].failures > 0
                        }
                        try site.write { db throws(StoreError) in
                            try db.transaction { () throws(StoreError) in
                                try db.trackers.add(id, tiers: [[tracker.url]], now: .now())
                                try db.intents.append(.trackers, torrent: id, now: .now())
                            }
                        }
                        try await eventually("the new tracker to be asked") { tracker.events.contains("started") }
                        try await eventually("its answer to be saved") {
                            try site.trackers([id])[0].last?.lastSuccessAt != nil
                        }
                        try await site.untilComplete(id)
                    }
                }
                let rows = try site.trackers([id])[0]
                #expect(rows.map(\.url) == ["http://127.0.0.1:1/announce", tracker.url])
                #expect(rows[1].lastSuccessAt != nil && rows[1].tier == 1)
            }
        }
    }

    /// The intervals that the tracker asked for outlive the engine.
    @Test func intervalsAreObeyedAcrossRuns() async throws {
        var answer = FakeTracker.Answer()
        answer.interval = 900
        answer.minimumInterval = 300
        try await withTracker(answer) { tracker in
            let torrent = try SampleTorrent(length: 300_000, seed: 103, trackers: [[tracker.url]])
            try await withSite { site in
                let id = try site.add(torrent)
                try await site.run { _ in try await eventually("the first announce") { tracker.events == ["started"] } }
                let row = try #require(try site.read { db throws(StoreError) in try db.trackers.rows(of: id) }.first)
                let last = try #require(row.lastAnnounceAt)
                #expect(row.interval == .seconds(900))
                #expect(row.minInterval == .seconds(300))
                #expect(try #require(row.nextAnnounceAt) - last >= .seconds(300))
                #expect(try #require(row.minAnnounceAt) - last >= .seconds(300))

                // There are no peers, and even so nobody asks before the tracker allows it; nor does the user's word
                // help.
                try await site.run { _ in
                    try site.tell(.announce, id)
                    try await Task.sleep(for: .milliseconds(1500))
                }
                #expect(tracker.events == ["started", "stopped"])

                // Three seconds before the time has come.
                let start = ContinuousClock.now
                try site.setNextAnnounce(of: id, to: .now() + .seconds(3))
                try await site.run { _ in try await eventually("the next announce") { tracker.events.count == 3 } }
                #expect(tracker.events.prefix(3) == ["started", "stopped", "started"])
                let pause = tracker.announces[2].at - start
                #expect(pause > .seconds(2), "\(pause)")
            }
        }
    }

    struct Dead: Sendable, CustomTestStringConvertible {
        let name: String
        var answer: FakeTracker.Answer?

        var testDescription: String { name }
    }

    static let dead: [Dead] = {
        var deaf = FakeTracker.Answer()
        deaf.isDeaf = true
        var unwilling = FakeTracker.Answer()
        unwilling.failure = "not for you"
        return [Dead(name: "not there"), Dead(name: "deaf", answer: deaf), Dead(name: "unwilling", answer: unwilling)]
    }()

    /// A dead tracker stops nothing, be it in the tier of the one that answers or in a tier of its own.
    @Test(arguments: dead, [true, false]) func deadTrackerDoesNotStopTheDownload(dead: Dead, sameTier: Bool)
        async throws
    {
        try await withTracker { living in
            try await withTracker(dead.answer ?? FakeTracker.Answer()) { other in
                let url = dead.answer == nil ? "http://127.0.0.1:9/announce" : other.url
                let torrent = try SampleTorrent(
                    length: 300_000, seed: 104, trackers: sameTier ? [[url, living.url]] : [[url], [living.url]])
                try await withSite { site in
                    let id = try site.add(torrent)
                    try await withPeers(torrent) { peers in
                        living.answer { $0.peers = [peers[0].address] }
                        // One that is deaf costs its tier the time until it is given up.
                        try await site.run {
                            $0.goodbyeTime = .seconds(3)
                        } _: { _ in
                            try await site.untilComplete(id, within: .seconds(150))
                        }
                    }
                    #expect(torrent.faults(in: site.output) == [])
                    let rows = try site.read { db throws(StoreError) in try db.trackers.rows(of: id) }
                    if let failed = rows.first(where: { $0.url == url }), failed.lastAnnounceAt != nil,
                        dead.name == "unwilling"
                    {
                        #expect(failed.lastError?.contains("not for you") == true)
                    }
                    #expect(rows.contains { $0.url == living.url && $0.lastSuccessAt != nil })
                }
            }
        }
    }

    /// Peers of both families, as BEP 7 and BEP 23 give them.
    @Test func peersOfBothAddressFamiliesAreUsed() async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 16 * 65536, seed: 105, trackers: [[tracker.url]])
            try await withSite { site in
                let id = try site.add(torrent)
                // Each has what the other lacks.
                let six = try await FakePeer.start(torrent, have: Bitfield(wire: [0xff, 0], count: 16), host: "::1")
                let four = try await FakePeer.start(torrent, have: Bitfield(wire: [0, 0xff], count: 16))
                tracker.answer { $0.peers = [six.address, four.address] }
                let result = await Result { try await site.run { _ in try await site.untilComplete(id) } }
                await six.stop()
                await four.stop()
                try result.get()
            }
        }
    }

    /// The tracker hands us our own address: nobody talks to himself.
    @Test func engineDoesNotConnectToItself() async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 300_000, seed: 106, trackers: [[tracker.url]])
            try await withSite { site in
                let id = try site.add(torrent)
                try await withPeers(torrent, [.slow(20)]) { peers in
                    try await site.run {
                        $0.listenPort = 0
                    } _: { session in
                        tracker.answer { $0.peers = [peers[0].address] }
                        try site.tell(.connect, id, argument: "\(await session.address)")
                        try await site.untilComplete(id)
                        #expect(await session.peers(of: id).count <= 1)
                    }
                }
            }
        }
    }
}

extension Site {
    /// As if so much time had passed since the trackers of the torrent answered.
    fileprivate func setNextAnnounce(of id: TorrentID, to moment: Timestamp) throws {
        try write { db throws(StoreError) in
            for var row in try db.trackers.rows(of: id) {
                row.nextAnnounceAt = moment
                row.minAnnounceAt = moment
                try db.trackers.save(row)
            }
        }
    }
}
