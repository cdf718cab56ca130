import Bencode
import Testing
import Torrent
import TrackerWire

@Suite struct AnnounceResponseTests {
    @Test func compactPeersAreParsed() throws {
        let body =
            utf8(
                "d8:completei3e10:incompletei4e10:downloadedi5e8:intervali1800e12:min intervali300e10:tracker id2:xy5:peers12:"
            )
            + [10, 0, 0, 1, 0x1a, 0xe1, 10, 0, 0, 2, 0x1a, 0xe2] + utf8("15:warning message2:hie")
        let response = try AnnounceResponse(httpBody: body)
        #expect(
            response
                == AnnounceResponse(
                    interval: .seconds(1800), minimumInterval: .seconds(300), trackerID: utf8("xy"), complete: 3,
                    incomplete: 4, downloaded: 5,
                    peers: [PeerAddress("10.0.0.1:6881")!, PeerAddress("10.0.0.2:6882")!], warning: "hi"))
    }

    @Test(
        arguments: [
            // The last entry of an odd length is cut off; port 0, 0.0.0.0, multicast and a second time are no peers.
            (6, [10, 0, 0, 1, 0, 1, 10, 0, 0], ["10.0.0.1:1"]),
            (
                6, [10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 224, 0, 0, 1, 0, 1, 10, 0, 0, 1, 0, 2, 10, 0, 0, 1, 0, 2],
                ["10.0.0.1:2"]
            ),
            (18, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80, 1, 2, 3], ["[2001:db8::1]:80"]),
            (18, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 9, 0, 80], ["10.0.0.9:80"]),
        ] as [(Int, [UInt8], [String])])
    func incompleteAndUndialablePeersAreSkipped(_ width: Int, _ bytes: [UInt8], _ expected: [String]) throws {
        let body = utf8(width == 6 ? "d5:peers\(bytes.count):" : "d6:peers6\(bytes.count):") + bytes + utf8("e")
        #expect(try AnnounceResponse(httpBody: body).peers.map(\.description) == expected)
    }

    @Test func peersAsDictionariesAreParsed() throws {
        let body = utf8(
            "d5:peersld2:ip8:10.0.0.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881eed2:ip11:2001:db8::24:porti2eed2:ip9:localhost4:porti1ee"
                + "d2:ip8:10.0.0.24:porti70000eed2:ip8:10.0.0.3ei5e0:d2:ip16:::ffff:10.0.0.504:porti9eee6:peers6"
                + "ld2:ip11:2001:db8::34:porti3eeee")
        #expect(
            try AnnounceResponse(httpBody: body).peers.map(\.description) == [
                "10.0.0.1:6881", "[2001:db8::2]:2", "10.0.0.50:9", "[2001:db8::3]:3",
            ])
    }

    /// A list of peers, and what is read of it.
    struct Peers: Sendable {
        let body: String
        var peers: [String] = []
        var names: [String] = []
        var unreadable = 0
    }

    static let forms = [
        Peers(body: "5:peers0:"), Peers(body: "5:peersle"), Peers(body: "5:peersi0e"), Peers(body: "5:peersde"),
        Peers(body: "5:peersi3e", unreadable: 1), Peers(body: "6:peers6i3e", unreadable: 1),
        // Compact peers in a list, one or more in a string.
        Peers(
            body: "5:peersl6:\n\u{0}\u{0}\u{1}\u{1}\u{1}12:\n\u{0}\u{0}\u{2}\u{1}\u{1}\n\u{0}\u{0}\u{3}\u{1}\u{1}0:e",
            peers: ["10.0.0.1:257", "10.0.0.2:257", "10.0.0.3:257"]),
        Peers(
            body: "5:peersl5:\n\u{0}\u{0}\u{1}\u{1}d2:ip8:10.0.0.14:port4:6881ee", peers: ["10.0.0.1:6881"],
            unreadable: 1),
        // PHP's array with a gap in its numbers, and a single peer.
        Peers(
            body: "5:peersd1:0d2:ip8:10.0.0.14:porti1ee1:2d2:ip8:10.0.0.24:porti2eee",
            peers: ["10.0.0.1:1", "10.0.0.2:2"]),
        Peers(body: "5:peersd2:ip8:10.0.0.14:porti1ee", peers: ["10.0.0.1:1"]),
        Peers(
            body: "5:peersld2:ip13:[2001:db8::2]4:porti2eed2:ip4:\n\u{0}\u{0}\u{7}4:porti3eee",
            peers: ["[2001:db8::2]:2", "10.0.0.7:3"]),
        Peers(
            body: "5:peersld2:ip9:localhost4:porti1eed2:ip16:peer.example.org4:port2:80ed2:ip9:localhost4:porti1eee",
            names: ["localhost:1", "peer.example.org:80"]),
        // Numbers that resolvers would guess at, names that are none, and ports that are none.
        Peers(
            body: "5:peersld2:ip10:10.0.0.0254:porti1eed2:ip1:14:porti1eed2:ip8:10.0.0.94:porti9eee",
            peers: ["10.0.0.9:9"], unreadable: 2),
        Peers(body: "5:peersld2:ip3:-ab4:porti1eed2:ip4:a..b4:porti1eed2:ip3:a b4:porti1eee", unreadable: 3),
        Peers(body: "5:peersld2:ip3:a-b4:porti70000eed4:porti1eed2:ip8:10.0.0.1ei5e3:abce", unreadable: 5),
        Peers(body: "5:peersld2:ip8:10.0.0.24:porti0eed2:ip3:a-b4:porti0eee"),
    ]

    /// What can't be read costs none of the others, and is counted.
    @Test(arguments: forms) func peersInAnyFormAreParsed(_ form: Peers) throws {
        let response = try AnnounceResponse(httpBody: utf8("d\(form.body)e"))
        #expect(response.peers.map(\.description) == form.peers)
        #expect(response.namedPeers.map { "\($0.host):\($0.port)" } == form.names)
        #expect(response.unreadablePeers == form.unreadable)
        #expect((response.notice == nil) == (form.unreadable == 0))
    }

    @Test func namedPeersAreLimited() throws {
        let entries = (0..<1000).map { "d2:ip5:h\(1000 + $0)4:porti1ee" }.joined()
        #expect(try AnnounceResponse(httpBody: utf8("d5:peersl\(entries)ee")).namedPeers.count == 16)
    }

    @Test(
        arguments: [
            ("15:warning message2:hi", "hi"), ("15:warning messagel2:hi3:youe", "hi; you"),
            ("15:warning messagei5e", "5"),
            ("15:warning message0:", nil),
            ("15:warning messagede", nil),
        ] as [(String, String?)])
    func warningInAnyFormIsParsed(_ body: String, _ warning: String?) throws {
        #expect(try AnnounceResponse(httpBody: utf8("d\(body)e")).warning == warning)
    }

    @Test(
        arguments: [("10:tracker id2:xy", "xy"), ("10:tracker idi5e", "5"), ("10:tracker idle", nil)]
            as [(String, String?)])
    func trackerIDIsParsed(_ body: String, _ id: String?) throws {
        #expect(try AnnounceResponse(httpBody: utf8("d\(body)e")).trackerID == id.map(utf8))
    }

    @Test func numberOfPeersIsLimited() throws {
        var bytes: [UInt8] = []
        for n in 0..<10_000 { bytes += [10, 1, UInt8(n >> 8), UInt8(n & 255), 0, 1] }
        let response = try AnnounceResponse(httpBody: utf8("d5:peers\(bytes.count):") + bytes + utf8("e"))
        #expect(response.peers.count == AnnounceResponse.maximumPeers)
    }

    @Test(
        arguments: [
            ("de", 1800, nil), ("d8:intervali0ee", 60, nil), ("d8:intervali-5ee", 1800, nil),
            ("d8:intervali9223372036854775807ee", 86_400, nil),
            ("d8:intervali900e12:min intervali1ee", 900, 60), ("d8:intervali900e12:min intervali999999ee", 900, 86_400),
            ("d8:interval3:abce", 1800, nil), ("d8:interval3:900e", 900, nil), ("d8:interval3:-90e", 1800, nil),
            ("d8:intervalli900eee", 1800, nil),
            ("d8:interval30:999999999999999999999999999999e", 86_400, nil),
            ("d8:intervali900e12:min interval2:61e", 900, 61),
        ] as [(String, Int, Int?)])
    func intervalsAreClamped(_ body: String, _ interval: Int, _ minimum: Int?) throws {
        let response = try AnnounceResponse(httpBody: utf8(body))
        #expect(response.interval == .seconds(interval))
        #expect(response.minimumInterval == minimum.map { .seconds($0) })
    }

    @Test func unsortedKeysAndSurroundingBytesAreTolerated() throws {
        #expect(try AnnounceResponse(httpBody: utf8("\u{feff}\r\n\nd8:intervali61eegarbage")).interval == .seconds(61))
        #expect(try AnnounceResponse(httpBody: utf8("d5:peers0:8:intervali61ee\r\n")).interval == .seconds(61))
    }

    @Test(
        arguments: [
            ("d14:failure reason2:noe", .failure(reason: "no", retry: nil)),
            ("d14:failure reason3:non8:retry ini30ee", .failure(reason: "non", retry: .after(.seconds(1800)))),
            ("d14:failure reason3:non8:retry in2:30e", .failure(reason: "non", retry: .after(.seconds(1800)))),
            ("d14:failure reason3:non8:retry in5:nevere", .failure(reason: "non", retry: .never)),
            (
                "d14:failure reason3:non8:retry ini9223372036854775807ee",
                .failure(reason: "non", retry: .after(.seconds(86_400)))
            ),
            ("d14:failure reasoni3ee", .failure(reason: "3", retry: nil)),
            ("d14:failure reasondee", .failure(reason: "no reason given", retry: nil)),
            ("d14:failure reason0:e", .failure(reason: "no reason given", retry: nil)),
            // A list where a string is expected, as PHP's arrays of errors become.
            ("d14:failure reasonl3:not5:foundlei7eee", .failure(reason: "not; found; 7", retry: nil)),
            // The intervals that come with a refusal are obeyed, the longest of them.
            ("d14:failure reason2:no8:intervali1800ee", .failure(reason: "no", retry: .after(.seconds(1800)))),
            (
                "d14:failure reason2:no8:intervali1800e12:min intervali300ee",
                .failure(reason: "no", retry: .after(.seconds(1800)))
            ),
            (
                "d14:failure reason2:no8:interval3:90012:min intervali300ee",
                .failure(reason: "no", retry: .after(.seconds(900)))
            ),
            ("d14:failure reason2:no8:intervali1ee", .failure(reason: "no", retry: .after(.seconds(60)))),
            ("d14:failure reason2:no8:intervali0e12:min intervali-5ee", .failure(reason: "no", retry: nil)),
            ("d14:failure reason2:no8:interval1:xe", .failure(reason: "no", retry: nil)),
            (
                "d14:failure reason2:no8:intervali9223372036854775807ee",
                .failure(reason: "no", retry: .after(.seconds(86_400)))
            ),
            (
                "d14:failure reason2:no8:intervali1800e8:retry ini5ee",
                .failure(reason: "no", retry: .after(.seconds(300)))
            ),
            ("", .empty),
            ("<html><body>404", .notBencode(excerpt: "<html><body>404")),
            ("don't know you", .notBencode(excerpt: "don't know you")),
            ("\u{1b}[2Jx", .notBencode(excerpt: ".[2Jx")),
            ("d5:peers100:abc", .truncated("only 15 bytes arrived")),
            ("d", .truncated("only 1 bytes arrived")),
            ("\r\n \n", .empty),
        ] as [(String, TrackerError)])
    func malformedResponseIsRejected(_ body: String, _ expected: TrackerError) throws {
        #expect(try trackerError { () throws(TrackerError) in try AnnounceResponse(httpBody: utf8(body)) } == expected)
    }

    @Test func errorsQuoteLittleOfTheResponse() throws {
        let error = try trackerError { () throws(TrackerError) in
            try AnnounceResponse(httpBody: Array(repeating: 0x78, count: 1 << 20))
        }
        #expect(error.description.utf8.count < 200)
        let reason = String(repeating: "x", count: 100_000)
        let failure = try trackerError { () throws(TrackerError) in
            try AnnounceResponse(httpBody: utf8("d14:failure reason100000:\(reason)e"))
        }
        #expect(failure.description.utf8.count < 300)
    }

    @Test(arguments: [
        (
            TrackerError.failure(reason: "no", retry: .after(.seconds(600))),
            "the tracker refused and wants to be asked again in 600 s: no"
        ),
        (.failure(reason: "no", retry: .never), "the tracker refused for good: no"),
        (.failure(reason: "no", retry: nil), "the tracker refused: no"),
        (
            .status(code: 429, phrase: "", retry: .after(.seconds(60))),
            "the tracker answered 429 and wants to be asked again in 60 s"
        ),
        (.status(code: 404, phrase: "Not Found"), "the tracker answered 404 Not Found"),
    ])
    func refusalsAreSentences(_ error: TrackerError, _ sentence: String) { #expect(error.description == sentence) }
}
