import NIOCore
import NIOPosix
import Net
import SystemPackage
import TestSupport
import Testing
import Torrent
import TrackerWire

/// Against Debian's `opentracker`, which serves only the info hashes of its file.
@Suite struct TrackerLiveTests {
    private static let unknown = InfoHash(Array(repeating: 0xaa, count: 20))!

    @Test(arguments: ["http", "udp"]) func opentrackerConnectsTwoPeers(scheme: String) async throws {
        try await withTracker(scheme) { client, url in
            let first = try await client.announce(url, TrackerSamples.request(.started, port: 7001))
            #expect(AnnounceResponse.intervals.contains(first.interval))
            var seeder = TrackerSamples.request(.started, port: 7002)
            seeder.peerID = PeerID("-PE0100-000000000000".utf8)!
            seeder.left = 0
            let second = try await client.announce(url, seeder)
            #expect(second.peers.contains(PeerAddress("127.0.0.1:7001")!))
            #expect(second.complete == 1)
            #expect(second.incomplete == 1)

            let counts = try await client.scrape(url, [TrackerSamples.infoHash]).torrents[TrackerSamples.infoHash]
            #expect(counts?.complete == 1)
            #expect(counts?.incomplete == 1)

            seeder.event = .stopped
            #expect(try await client.announce(url, seeder).complete == 0)
        }
    }

    @Test func unknownTorrentIsRejected() async throws {
        try await withTracker("http") { client, url in
            let error = try await trackerError {
                try await client.announce(url, TrackerSamples.request(infoHash: Self.unknown))
            }
            guard case .failure(let reason, nil) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(reason.contains("not authorized"))
        }
    }

    /// Its answer over UDP is an announce response without anything in it.
    @Test func unknownTorrentIsRejectedOverUDP() async throws {
        try await withTracker("udp") { client, url in
            let error = try await trackerError {
                try await client.announce(url, TrackerSamples.request(infoHash: Self.unknown))
            }
            #expect(
                error.description
                    == "the tracker refused: it sent an empty answer, as for a torrent that it doesn't track")
        }
    }

    @Test func wrongPathIsReportedAsAStatus() async throws {
        try await withTracker("http", path: "/wrong") { client, url in
            let error = try await trackerError { try await client.announce(url, TrackerSamples.request()) }
            #expect(error.description == "the tracker answered 404 Not Found")
        }
    }

    private func withTracker(
        _ scheme: String, path: String = "/announce", _ body: (TrackerClient, TrackerURL) async throws -> Void
    ) async throws {
        let program = try RealProgram.require("opentracker")
        // It gives up root's rights, and must still be able to read its file.
        try await withTemporaryFolder { folder in
            let list = folder.appending("torrents")
            try Files.write(Array("\(TrackerSamples.infoHash)\n".utf8), to: list)
            let port = Int(try Machine.freePort())
            try await withProgram(
                program, ["-i", "127.0.0.1", "-p", "\(port)", "-P", "\(port)", "-w", list.string], in: folder
            ) { _ in
                try await untilItListens(on: port)
                try await withTrackerClient { client in
                    try await untilItHasReadItsFile(client, port)
                    try await body(client, TrackerURL("\(scheme)://127.0.0.1:\(port)\(path)"))
                }
            }
        }
    }

    /// It reads its file on a thread of its own, and knows no torrent before.
    private func untilItHasReadItsFile(_ client: TrackerClient, _ port: Int) async throws {
        try await eventually("the tracker to read its file") {
            do {
                _ = try await client.announce(
                    TrackerURL("http://127.0.0.1:\(port)/announce"), TrackerSamples.request(.stopped))
                return true
            } catch TrackerError.failure {
                return false
            }
        }
    }

    private func untilItListens(on port: Int) async throws {
        try await eventually("the tracker to listen on \(port)") {
            do {
                try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
                    host: "127.0.0.1", port: port
                ).get().close()
                return true
            } catch {
                return false
            }
        }
    }
}
