import Testing
import Torrent
import TrackerWire

@Suite struct UDPTrackerPacketTests {
    @Test func connectFollowsBEP15() {
        #expect(
            UDPTrackerRequestPacket.connect(transaction: 0x0102_0304).bytes == [
                0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 1, 2, 3, 4,
            ])
    }

    @Test func announceFollowsBEP15() {
        let bytes = UDPTrackerRequestPacket.announce(
            connection: 0x1112_1314_1516_1718, transaction: 9, Samples.request(event: .started), urlData: ""
        )
        .bytes
        var expected: [UInt8] = [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0, 0, 0, 1, 0, 0, 0, 9]
        expected += Samples.infoHash.bytes + Samples.peerID.bytes
        expected += [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1]
        expected += [0, 0, 0, 2, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 30, 0x1a, 0xe1]
        #expect(bytes == expected)
        #expect(bytes.count == 98)
    }

    @Test(arguments: [(nil, 0), (.completed, 1), (.started, 2), (.stopped, 3)] as [(AnnounceRequest.Event?, UInt8)])
    func eventsAreNumbered(_ event: AnnounceRequest.Event?, _ number: UInt8) {
        let bytes = UDPTrackerRequestPacket.announce(
            connection: 0, transaction: 0, Samples.request(event: event), urlData: ""
        ).bytes
        #expect(bytes[80..<84] == [0, 0, 0, number])
    }

    @Test func urlDataFollowsBEP41() {
        let short = UDPTrackerRequestPacket.announce(connection: 0, transaction: 0, Samples.request(), urlData: "/a?b")
            .bytes
        #expect(Array(short[98...]) == utf8("\u{2}\u{4}/a?b\0"))
        let path = String(repeating: "x", count: 300)
        let long = UDPTrackerRequestPacket.announce(connection: 0, transaction: 0, Samples.request(), urlData: path)
            .bytes
        var expected: [UInt8] = [2, 255]
        expected += utf8(path).prefix(255)
        expected += [2, 45]
        expected += utf8(path).suffix(45)
        expected += [0]
        #expect(Array(long[98...]) == expected)
        let tooLong = UDPTrackerRequestPacket.announce(
            connection: 0, transaction: 0, Samples.request(), urlData: String(repeating: "x", count: 1021))
        #expect(tooLong.bytes.count == 98)
    }

    @Test func responsesAreParsed() throws {
        let connect = try UDPTrackerResponsePacket([0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8], overIPv6: false)
        #expect(connect == .connect(transaction: 7, connection: 0x0102_0304_0506_0708))

        let head: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0x0e, 0x10, 0, 0, 0, 2, 0, 0, 0, 3]
        let peer6: [UInt8] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]
        func response(_ peers: [String]) -> UDPTrackerResponsePacket {
            .announce(
                transaction: 7,
                AnnounceResponse(
                    interval: .seconds(3600), complete: 3, incomplete: 2, peers: peers.map { PeerAddress($0)! }))
        }
        #expect(try UDPTrackerResponsePacket(head, overIPv6: false) == response([]))
        #expect(
            try UDPTrackerResponsePacket(head + [10, 0, 0, 1, 0, 80, 9], overIPv6: false) == response(["10.0.0.1:80"]))
        #expect(try UDPTrackerResponsePacket(head + peer6, overIPv6: true) == response(["[2001:db8::1]:80"]))

        let scrape = try UDPTrackerResponsePacket(
            [0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0], overIPv6: false)
        #expect(scrape == .scrape(transaction: 7, [.init(complete: 1, downloaded: 2, incomplete: 3)]))
        #expect(
            try UDPTrackerResponsePacket([0, 0, 0, 3, 0, 0, 0, 7] + utf8("no\u{7}"), overIPv6: false)
                == .error(transaction: 7, message: "no."))
    }

    @Test(
        arguments: [
            [], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 7, 1], Array(repeating: 0, count: 15),
            [0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0],
        ] as [[UInt8]])
    func malformedPacketIsRejected(_ bytes: [UInt8]) throws {
        _ = try trackerError { () throws(TrackerError) in try UDPTrackerResponsePacket(bytes, overIPv6: false) }
    }
}
