import NIOCore
import NIOPosix
import Net
import Synchronization
import TestSupport
import Testing
import Torrent

/// The UDP sockets that the DHT and the trackers share.
@Suite struct DatagramHubTests {
    private static let loopback = PeerAddress.Host.v4(0x7f00_0001)

    /// A hub on a loop of its own, closed with `body`.
    private func withHub<Value: Sendable>(
        bind: PeerAddress.Host? = loopback, _ body: (DatagramHub) async throws -> Value
    ) async throws -> Value {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let hub = DatagramHub(loop: group.next(), bind: bind)
        let result: Result<Value, any Error>
        do { result = .success(try await body(hub)) } catch { result = .failure(error) }
        try await hub.close().get()
        try await group.shutdownGracefully()
        return try result.get()
    }

    private final class Inbox: Sendable {
        let datagrams = Mutex<[[UInt8]]>([])
        var receiver: DatagramHub.Receiver {
            { [self] datagram, _ in datagrams.withLock { $0.append(Array(datagram.readableBytesView)) } }
        }
        var all: [[UInt8]] { datagrams.withLock { $0 } }
    }

    private func address(of hub: DatagramHub) async throws -> SocketAddress {
        let port = try #require(await hub.port(of: .v4))
        return try #require(PeerAddress(Self.loopback, port: port).native)
    }

    @Test func firstBytesDecideWhoReceives() async throws {
        try await withHub { hub in
            try await withHub { other in
                let (dht, trackers) = (Inbox(), Inbox())
                #expect(await hub.open(port: 0) == [])
                #expect(await other.open(port: 0) == [])
                await hub.receive(.dht, by: dht.receiver)
                await hub.receive(.trackers, by: trackers.receiver)
                let target = try await address(of: hub)
                let sent: [[UInt8]] = [
                    Array("d1:q4:pinge".utf8), [0, 0, 0, 1, 9, 9, 9, 9], [0, 0, 0, 4, 9, 9, 9, 9], [], [0, 0, 0],
                    [0x21] + Array(repeating: 7, count: 30), Array("e".utf8), [0, 0, 0, 3, 1, 2, 3, 4], Array("d".utf8),
                ]
                for datagram in sent { #expect(await other.send(datagram, to: target) == nil) }
                try await eventually("all datagrams to arrive") {
                    await dht.all.count + trackers.all.count + hub.droppedCount == sent.count
                }
                #expect(dht.all == [sent[0], sent[8]] && trackers.all == [sent[1], sent[7]])
            }
        }
    }

    /// What a receiver doesn't read in time is lost, and nothing else happens.
    @Test func floodOfGarbageHarmsNothing() async throws {
        try await withHub { hub in
            try await withHub { other in
                #expect(await hub.open(port: 0) == [])
                #expect(await other.open(port: 0) == [])
                let inbox = Inbox()
                await hub.receive(.dht, by: inbox.receiver)
                let target = try await address(of: hub)
                var random = SeededGenerator(seed: 9)
                for _ in 0..<5000 {
                    let length = Int.random(in: 0...2000, using: &random)
                    var datagram = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
                    if !datagram.isEmpty { datagram[0] = 0xff }
                    await other.send(datagram, to: target)
                }
                try await eventually("a good datagram to arrive") {
                    await other.send(Array("de".utf8), to: target)
                    return !inbox.all.isEmpty
                }
            }
        }
    }

    @Test func takenPortIsOneFailureOfItsFamily() async throws {
        try await withHub { hub in
            try await withHub { other in
                #expect(await other.open(port: 0) == [])
                let taken = try #require(await other.port(of: .v4))
                let failures = await hub.open(port: taken)
                #expect(failures.map(\.isPortTaken) == [true] && failures.first?.family == .v4)
                #expect(failures.first?.description == "another program uses UDP port \(taken)")
                #expect(await hub.families.isEmpty)
                // The same hub may try another port.
                #expect(await hub.open(port: 0) == [])
            }
        }
    }

    /// A datagram that can't leave is an error of its sender; other systems' sockets close with it.
    @Test func socketSurvivesAnUnreachableNetwork() async throws {
        try await withHub { hub in
            #expect(await hub.open(port: 0) == [])
            let inbox = Inbox()
            await hub.receive(.dht, by: inbox.receiver)
            // From a loopback address, nothing leaves this machine.
            let far = try #require(PeerAddress("192.0.2.1:6881")?.native)
            for _ in 0..<3 { #expect(await hub.send(Array("de".utf8), to: far)?.reason.isEmpty == false) }
            let own = try await address(of: hub)
            try await eventually("a datagram of our own to arrive") {
                await hub.send(Array("de".utf8), to: own)
                return !inbox.all.isEmpty
            }
        }
    }

    @Test func bothFamiliesHaveTheSamePort() async throws {
        try await withHub(bind: nil) { hub in
            let failures = await hub.open(port: 0)
            guard let port = await hub.port(of: .v4) else { return #expect(failures.count == 2) }
            let again = await hub.open(port: port)
            // A machine without IPv6 says so in one sentence.
            if let v6 = await hub.port(of: .v6), failures.isEmpty {
                #expect(again.isEmpty && v6 > 0)
            } else {
                #expect(failures.contains { $0.isUnsupported })
            }
            // At a chosen port, it is the same one.
            await hub.abandon()
            if await hub.open(port: port).isEmpty {
                #expect(await hub.port(of: .v4) == port)
                #expect(await hub.port(of: .v6) == port)
            }
        }
    }
}
