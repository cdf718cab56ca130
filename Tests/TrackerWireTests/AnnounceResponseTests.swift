import Bencode
import Testing
import Torrent
import TrackerWire

@Suite struct AnnounceResponseTests {
    @Test func readsCompactPeers() throws {
        let body =
            utf8("d8:completei3e10:incompletei4e10:downloadedi5e8:intervali1800e12:min intervali300e10:tracker id2:xy5:peers12:")
            + [10, 0, 0, 1, 0x1a, 0xe1, 10, 0, 0, 2, 0x1a, 0xe2] + utf8("15:warning message2:hie")
        let response = try AnnounceResponse(httpBody: body)
        #expect(
            response
                == AnnounceResponse(
                    interval: .seconds(1800), minimumInterval: .seconds(300), trackerID: utf8("xy"), complete: 3, incomplete: 4, downloaded: 5,
                    peers: [PeerAddress("10.0.0.1:6881")!, PeerAddress("10.0.0.2:6882")!], warning: "hi"))
    }

    @Test(
        arguments: [
            // The last entry of an odd length is cut off; port 0, 0.0.0.0, multicast and a second time are no peers.
            (6, [10, 0, 0, 1, 0, 1, 10, 0, 0], ["10.0.0.1:1"]),
            (6, [10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 224, 0, 0, 1, 0, 1, 10, 0, 0, 1, 0, 2, 10, 0, 0, 1, 0, 2], ["10.0.0.1:2"]),
            (18, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80, 1, 2, 3], ["[2001:db8::1]:80"]),
            (18, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 9, 0, 80], ["10.0.0.9:80"]),
        ] as [(Int, [UInt8], [String])])
    func takesWholeEntries(_ width: Int, _ bytes: [UInt8], _ expected: [String]) throws {
        let body = utf8(width == 6 ? "d5:peers\(bytes.count):" : "d6:peers6\(bytes.count):") + bytes + utf8("e")
        #expect(try AnnounceResponse(httpBody: body).peers.map(\.description) == expected)
    }

    @Test func readsPeersAsDictionaries() throws {
        let body = utf8(
            "d5:peersld2:ip8:10.0.0.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881eed2:ip11:2001:db8::24:porti2eed2:ip9:localhost4:porti1ee"
                + "d2:ip8:10.0.0.24:porti70000eed2:ip8:10.0.0.3ei5e0:d2:ip16:::ffff:10.0.0.504:porti9eee6:peers6"
                + "ld2:ip11:2001:db8::34:porti3eeee")
        #expect(
            try AnnounceResponse(httpBody: body).peers.map(\.description) == ["10.0.0.1:6881", "[2001:db8::2]:2", "10.0.0.50:9", "[2001:db8::3]:3"])
    }

    @Test func limitsThePeers() throws {
        var bytes: [UInt8] = []
        for n in 0..<10_000 { bytes += [10, 1, UInt8(n >> 8), UInt8(n & 255), 0, 1] }
        let response = try AnnounceResponse(httpBody: utf8("d5:peers\(bytes.count):") + bytes + utf8("e"))
        #expect(response.peers.count == AnnounceResponse.maximumPeers)
    }

    @Test(
        arguments: [
            ("de", 1800, nil), ("d8:intervali0ee", 60, nil), ("d8:intervali-5ee", 1800, nil), ("d8:intervali9223372036854775807ee", 86_400, nil),
            ("d8:intervali900e12:min intervali1ee", 900, 60), ("d8:intervali900e12:min intervali999999ee", 900, 86_400),
            ("d8:interval3:abce", 1800, nil),
        ] as [(String, Int, Int?)])
    func clampsIntervals(_ body: String, _ interval: Int, _ minimum: Int?) throws {
        let response = try AnnounceResponse(httpBody: utf8(body))
        #expect(response.interval == .seconds(interval))
        #expect(response.minimumInterval == minimum.map { .seconds($0) })
    }

    @Test func toleratesUnsortedKeysAndTrailingBytes() throws {
        #expect(try AnnounceResponse(httpBody: utf8("d5:peers0:8:intervali61ee\r\n")).interval == .seconds(61))
    }

    @Test(
        arguments: [
            ("d14:failure reason2:noe", .failure(reason: "no", retry: nil)),
            ("d14:failure reason3:non8:retry ini30ee", .failure(reason: "non", retry: .after(.seconds(1800)))),
            ("d14:failure reason3:non8:retry in2:30e", .failure(reason: "non", retry: .after(.seconds(1800)))),
            ("d14:failure reason3:non8:retry in5:nevere", .failure(reason: "non", retry: .never)),
            ("d14:failure reason3:non8:retry ini9223372036854775807ee", .failure(reason: "non", retry: .after(.seconds(86_400)))),
            ("d14:failure reasoni3ee", .failure(reason: "no reason given", retry: nil)),
            ("", .empty),
            ("<html><body>404", .notBencode(excerpt: "<html><body>404")),
            ("don't know you", .notBencode(excerpt: "don't know you")),
            ("\u{1b}[2Jx", .notBencode(excerpt: ".[2Jx")),
            ("d5:peers100:abc", .truncated("only 15 bytes arrived")),
            ("d", .truncated("only 1 bytes arrived")),
            ("d5:peersi3ee", .malformed("“peers” is neither a string nor a list")),
            ("d6:peers6i3ee", .malformed("“peers6” is neither a string nor a list")),
        ] as [(String, TrackerError)])
    func refuses(_ body: String, _ expected: TrackerError) throws {
        #expect(try trackerError { () throws(TrackerError) in try AnnounceResponse(httpBody: utf8(body)) } == expected)
    }

    @Test func quotesLittleOfAForeignAnswer() throws {
        let error = try trackerError { () throws(TrackerError) in try AnnounceResponse(httpBody: Array(repeating: 0x78, count: 1 << 20)) }
        #expect(error.description.utf8.count < 200)
        let reason = String(repeating: "x", count: 100_000)
        let failure = try trackerError { () throws(TrackerError) in try AnnounceResponse(httpBody: utf8("d14:failure reason100000:\(reason)e")) }
        #expect(failure.description.utf8.count < 300)
    }

    @Test(arguments: ["d1:a", "i5e", "l", "d14:failure reason1:xe"])
    func explainsAStatusOnlyByAFailure(_ body: String) {
        #expect((HTTPAnswer.failure(in: utf8(body)) != nil) == body.contains("failure"))
    }
}
