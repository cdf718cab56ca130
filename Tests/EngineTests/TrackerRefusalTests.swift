import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Trackers that refuse, and say when they want to be asked again.
@Suite(.crowded) struct TrackerRefusalTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let name: String
        /// The least and the most seconds until the tracker is asked again.
        let seconds: ClosedRange<Int64>
        let answer: FakeTracker.Answer

        var testDescription: String { name }

        init(_ name: String, _ seconds: ClosedRange<Int64>, _ change: (inout FakeTracker.Answer) -> Void) {
            self.name = name
            self.seconds = seconds
            var answer = FakeTracker.Answer()
            change(&answer)
            self.answer = answer
        }
    }

    static let refusals = [
        Refusal("an interval", 1799...1860) {
            $0.failure = "not found"
            $0.failureHasIntervals = true
        },
        Refusal("a longer minimum", 2699...2760) {
            $0.failure = "not found"
            $0.failureHasIntervals = true
            $0.minimumInterval = 2700
        },
        Refusal("an absurd interval", 86_399...86_460) {
            $0.failure = "not found"
            $0.failureHasIntervals = true
            $0.interval = .max
        },
        Refusal("429", 599...660) {
            $0.status = "429 Too Many Requests"
            $0.fields = "Retry-After: 600\r\n"
        },
        Refusal("503 with a date", 599...660) {
            $0.status = "503 Service Unavailable"
            $0.fields = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:59:37 GMT\r\n"
        },
        Refusal("503 and a failure", 599...660) {
            $0.status = "503 Service Unavailable"
            $0.fields = "Retry-After: 600\r\n"
            $0.failure = "maintenance"
        },
        Refusal("429 for weeks", 86_399...86_460) {
            $0.status = "429 Too Many Requests"
            $0.fields = "Retry-After: 99999999999\r\n"
        },
    ]

    /// The time holds in the next life, too, and whatever the user says.
    @Test(arguments: refusals) func retryTimeOfARefusalIsObeyed(_ refusal: Refusal) async throws {
        try await withTracker(refusal.answer) { tracker in
            try await withTracker { other in
                let torrent = try SampleTorrent(length: 300_000, seed: 600, trackers: [[tracker.url], [other.url]])
                try await withSite { site in
                    let id = try site.add(torrent)
                    for life in 1...2 {
                        try await site.run { _ in
                            try site.tell(.announce, id)
                            // The other tier shows that this life announces: it says `started` in each.
                            try await eventually("the other tracker to be asked") {
                                other.events.count { $0 == "started" } == life
                            }
                            try await eventually("the refusal to be saved") {
                                try self.row(site, id, tracker).failures == 1
                            }
                        }
                        #expect(tracker.events == ["started"])
                    }
                    let row = try self.row(site, id, tracker)
                    let last = try #require(row.lastAnnounceAt)
                    for moment in [row.nextAnnounceAt, row.minAnnounceAt] {
                        #expect(refusal.seconds.contains((try #require(moment) - last).components.seconds), "\(row)")
                    }
                    #expect(
                        row.lastError?.contains(refusal.answer.failure ?? String(refusal.answer.status.prefix(3)))
                            == true)
                }
            }
        }
    }

    private func row(_ site: Site, _ id: TorrentID, _ tracker: FakeTracker) throws -> TrackerRow {
        try #require(try site.trackers([id])[0].first { $0.url == tracker.url })
    }

    /// A host that is overloaded is asked for no other torrent either, be it active or dormant, in this life or the
    /// next.
    @Test func overloadedHostIsAskedForNoTorrent() async throws {
        var answer = FakeTracker.Answer()
        answer.status = "429 Too Many Requests"
        answer.fields = "Retry-After: 600\r\n"
        try await withTracker(answer) { tracker in
            let torrents = try (0..<4).map {
                try SampleTorrent("sample-\($0).bin", length: 40_000, seed: 610 + UInt64($0), trackers: [[tracker.url]])
            }
            try await withSite { site in
                var ids = [try site.add(torrents[0])]
                try await site.run { _ in
                    try await eventually("the refusal") { try site.trackers(ids)[0][0].failures == 1 }
                    ids.append(try site.add(torrents[1]))
                    try site.tell(.added, ids[1])
                    try await eventually("the second to know of it") {
                        try site.trackers(ids)[1][0].lastError?.contains("429") == true
                    }
                }
                ids.append(try site.add(torrents[2]))
                ids += try site.addComplete([torrents[3]])
                try await site.run { session in
                    try await eventually("the others to know of it") {
                        try site.trackers(ids).allSatisfy { $0[0].lastError?.contains("429") == true }
                    }
                    #expect(await session.snapshots().contains { $0.id == ids[3] } == false)
                }
                #expect(tracker.events == ["started"])
                let times = try site.trackers(ids).compactMap { $0[0].nextAnnounceAt?.rawValue }
                #expect(times.count == 4 && (times.max() ?? 0) - (times.min() ?? 0) <= 5, "\(times)")
            }
        }
    }

    /// A refusal of one torrent says nothing of the others.
    @Test func refusalOfOneTorrentDoesNotAffectOthers() async throws {
        var answer = FakeTracker.Answer()
        answer.failure = "not found"
        answer.failureHasIntervals = true
        try await withTracker(answer) { tracker in
            let torrents = try (0..<2).map {
                try SampleTorrent("sample-\($0).bin", length: 40_000, seed: 620 + UInt64($0), trackers: [[tracker.url]])
            }
            try await withSite { site in
                let ids = try torrents.map { try site.add($0) }
                try await site.run { _ in
                    try await eventually("both to be asked") {
                        try site.trackers(ids).allSatisfy { $0[0].failures == 1 }
                    }
                }
                #expect(tracker.events == ["started", "started"])
            }
        }
    }

    /// The password of a tracker goes out, and stands in nothing that is kept beside the URL itself.
    @Test func passwordIsSentButNeverReported() async throws {
        try await withTracker { tracker in
            let url = tracker.url.replacing("://", with: "://user:se%20cret@")
            let dead = "http://user:se%20cret@127.0.0.1:9/announce"
            let torrent = try SampleTorrent(length: 300_000, seed: 630, trackers: [[url], [dead]])
            try await withSite { site in
                let id = try site.add(torrent)
                try await site.run { _ in
                    try await eventually("both to be asked") {
                        try site.trackers([id])[0].allSatisfy { $0.lastSuccessAt != nil || $0.lastError != nil }
                    }
                }
                #expect(
                    tracker.announces.count == 2
                        && tracker.announces.allSatisfy {
                            $0.head.contains("Authorization: Basic dXNlcjpzZSBjcmV0\r\n")
                        })
                let rows = try site.trackers([id])[0]
                #expect(rows.map(\.url) == [url, dead])
                #expect(rows.allSatisfy { $0.lastError?.contains("cret") != true })
                let details = try site.read { db throws(StoreError) in try db.events.rows(of: id, limit: 100) }.map(
                    \.detail)
                #expect(details.allSatisfy { !$0.contains("cret") })
            }
        }
    }
}
