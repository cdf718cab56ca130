import NIOCore
import NIOPosix
import Net
import Synchronization
import TestSupport
import Testing
import Torrent
import TrackerWire

@Suite struct TrackerUDPTests {
    /// Answers as a tracker does: a connection to each connect, `peers` to each announce; counts what comes by its
    /// action.
    private final class Script: Sendable {
        let actions = Mutex<[UInt8]>([])
        let urlData = Mutex<[UInt8]>([])

        func answer(_ packet: [UInt8], peers: [UInt8]) -> [[UInt8]] {
            guard packet.count >= 16 else { return [] }
            actions.withLock { $0.append(packet[11]) }
            let head = packet[8..<16]
            switch packet[11] {
            case 0: return [head + [1, 2, 3, 4, 5, 6, 7, 8]]
            case 1:
                urlData.withLock { $0 = Array(packet.dropFirst(98)) }
                return [head + [0, 0, 14, 16, 0, 0, 0, 1, 0, 0, 0, 2] + peers]
            default:
                return [
                    head
                        + Array(packet.dropFirst(16)).indices.filter { $0 % 20 == 0 }.flatMap { _ in
                            [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3] as [UInt8]
                        }
                ]
            }
        }
    }

    @Test func connectionIsReusedBetweenRequests() async throws {
        let script = Script()
        // More peers than the 2 KiB that NIO reads of a datagram by default.
        let peers = (0..<1000).flatMap { n in [10, 0, UInt8(n >> 8), UInt8(n & 255), 0, 80] as [UInt8] }
        let tracker = try await FakeUDPTracker.start { script.answer($0, peers: Array(peers.dropFirst(6))) }
        let url = try TrackerURL("udp://127.0.0.1:\(tracker.port)/announce?k=v")
        try await withTrackerClient { client in
            for _ in 0..<2 {
                let response = try await client.announce(url, TrackerSamples.request())
                #expect(response.interval == .seconds(3600))
                #expect(response.peers.count == 999)
            }
            let counts = try await client.scrape(url, [TrackerSamples.infoHash])
            #expect(counts.torrents == [TrackerSamples.infoHash: .init(complete: 1, downloaded: 2, incomplete: 3)])
        }
        #expect(script.actions.withLock { $0 } == [0, 1, 1, 2])
        #expect(script.urlData.withLock { $0 } == [2, 13] + Array("/announce?k=v".utf8) + [0])
        try await tracker.stop()
    }

    @Test func manyRequestsShareOneSocket() async throws {
        let script = Script()
        let tracker = try await FakeUDPTracker.start { script.answer($0, peers: []) }
        let url = try TrackerURL("udp://127.0.0.1:\(tracker.port)")
        try await withTrackerClient { client in
            try await withThrowingTaskGroup { group in
                for port in 1...50 as ClosedRange<UInt16> {
                    group.addTask { try await client.announce(url, TrackerSamples.request(port: port)) }
                }
                for try await response in group { #expect(response.complete == 2) }
            }
        }
        try await tracker.stop()
    }

    @Test func udpTrackerWorksOverIPv6() async throws {
        let script = Script()
        let peer: [UInt8] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]
        let tracker: FakeUDPTracker
        do {
            tracker = try await FakeUDPTracker.start(host: "::1") { script.answer($0, peers: peer) }
        } catch {
            try Test.cancel("this machine has no IPv6 loopback: \(error)")
        }
        let url = try TrackerURL("udp://[::1]:\(tracker.port)")
        let response = try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        #expect(response.peers == [PeerAddress("[2001:db8::1]:80")!])
        try await tracker.stop()
    }

    @Test func errorPacketFailsTheRequest() async throws {
        let tracker = try await FakeUDPTracker.start { packet in
            // Noise first: a foreign transaction, and a datagram that is too short.
            [[0, 0, 0, 3, 0, 0, 0, 0, 0x78], [1, 2], [0, 0, 0, 3] + packet[12..<16] + Array("go away".utf8)]
        }
        let url = try TrackerURL("udp://127.0.0.1:\(tracker.port)")
        let error = try await trackerError {
            try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        }
        #expect(error == .failure(reason: "go away", retry: nil))
        try await tracker.stop()
    }

    @Test func cancellationAndShutdownEndRequests() async throws {
        let asked = Mutex(0)
        let tracker = try await FakeUDPTracker.start { _ in
            asked.withLock { $0 += 1 }
            return []
        }
        let url = try TrackerURL("udp://127.0.0.1:\(tracker.port)")
        let client = TrackerClient(group: MultiThreadedEventLoopGroup.singleton, options: HTTPOptions(version: "test"))
        let first = Task { try await client.announce(url, TrackerSamples.request()) }
        let second = Task { try await client.announce(url, TrackerSamples.request()) }
        try await eventually("both to be asked") { asked.withLock { $0 } >= 2 }
        first.cancel()
        #expect(try await trackerError { try await first.value } == .cancelled)
        await client.shutdown()
        #expect(try await trackerError { try await second.value } == .cancelled)
        #expect(try await trackerError { try await client.announce(url, TrackerSamples.request()) } == .cancelled)
        try await tracker.stop()
    }

    @Test func onlyTheBoundAddressFamilyIsTried() async throws {
        let options = HTTPOptions(version: "test", bindAddress: PeerAddress.Host("127.0.0.1"))
        let error = try await trackerError {
            try await withTrackerClient(options) {
                try await $0.announce(TrackerURL("udp://[::1]:9"), TrackerSamples.request())
            }
        }
        #expect(error.description.contains("no address of the same family"))
    }
}
