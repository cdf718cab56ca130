import Bencode
import DHT
import Testing
import Torrent

struct KRPCTests {
    private static let idA = NodeID(Array("abcdefghij0123456789".utf8))!
    private static let idB = NodeID(Array("mnopqrstuvwxyz123456".utf8))!
    private static let hash = InfoHash(Array("mnopqrstuvwxyz123456".utf8))!
    private static let aa = Array("aa".utf8)
    private static func address(_ text: String) -> PeerAddress { PeerAddress(text)! }

    /// Messages and their canonical form; those of BEP 5 are its examples.
    private static let table: [(String, KRPCMessage)] = [
        (
            "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
            KRPCMessage(transaction: aa, .query(KRPCQuery(sender: idA, .ping)))
        ),
        (
            "d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
            KRPCMessage(transaction: aa, .answer(KRPCAnswer(sender: idB)))
        ),
        (
            "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
            KRPCMessage(transaction: aa, .query(KRPCQuery(sender: idA, .findNode(idB, want: []))))
        ),
        (
            "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
            KRPCMessage(
                transaction: aa, .query(KRPCQuery(sender: idA, .getPeers(hash, want: [], filter: []))))
        ),
        (
            "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234566:noseedi1e6:scrapei1e"
                + "4:wantl2:n42:n6ee1:q9:get_peers2:roi1e1:t2:aa1:v4:ab121:y1:qe",
            KRPCMessage(
                transaction: aa,
                .query(KRPCQuery(sender: idA, .getPeers(hash, want: .both, filter: [.noSeeds, .scrape]))),
                version: Array("ab12".utf8), isReadOnly: true)
        ),
        (
            "d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
            KRPCMessage(
                transaction: aa,
                .answer(
                    KRPCAnswer(
                        sender: idA,
                        values: [PeerAddress(compact: "axje.u".utf8)!, PeerAddress(compact: "idhtnm".utf8)!],
                        token: Array("aoeusnth".utf8))))
        ),
        (
            "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e"
                + "5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
            KRPCMessage(
                transaction: aa,
                .query(
                    KRPCQuery(
                        sender: idA,
                        .announce(
                            KRPCAnnounce(
                                infoHash: hash, port: 6881, impliesPort: true, isSeed: false,
                                token: Array("aoeusnth".utf8))))))
        ),
        (
            "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti6881e4:seedi1e"
                + "5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
            KRPCMessage(
                transaction: aa,
                .query(
                    KRPCQuery(
                        sender: idA,
                        .announce(
                            KRPCAnnounce(
                                infoHash: hash, port: 6881, impliesPort: false, isSeed: true,
                                token: Array("aoeusnth".utf8))))))
        ),
        (
            "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
            KRPCMessage(transaction: aa, .error(KRPCError(201, "A Generic Error Ocurred")))
        ),
        (
            "d2:ip6:abcdef1:rd2:id20:abcdefghij01234567895:nodes26:mnopqrstuvwxyz123456axje.u6:nodes60:e1:t2:aa1:y1:re",
            KRPCMessage(
                transaction: aa,
                .answer(
                    KRPCAnswer(
                        sender: idA, nodes: [NodeContact(id: idB, address: PeerAddress(compact: "axje.u".utf8)!)],
                        nodes6: [])),
                externalAddress: PeerAddress(compact: "abcdef".utf8)!)
        ),
    ]

    @Test(arguments: table) func messagesHaveOneCanonicalForm(text: String, message: KRPCMessage) {
        #expect(String(decoding: message.datagram, as: UTF8.self) == text)
        #expect(KRPCMessage(Array(text.utf8)) == message)
    }

    /// What other clients send, and how it is understood.
    private static let lenient: [(String, KRPCMessage.Body)] = [
        // Keys out of order, and bytes after the message.
        ("d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:abcdefghij0123456789eejunk", .query(KRPCQuery(sender: idA, .ping))),
        // No `y`.
        ("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aae", .query(KRPCQuery(sender: idA, .ping))),
        ("d1:rd2:id20:abcdefghij0123456789e1:t2:aae", .answer(KRPCAnswer(sender: idA))),
        // Mainline's one string of peers.
        (
            "d1:rd2:id20:abcdefghij01234567896:values12:axje.uidhtnme1:t2:aa1:y1:re",
            .answer(
                KRPCAnswer(
                    sender: idA,
                    values: [PeerAddress(compact: "axje.u".utf8)!, PeerAddress(compact: "idhtnm".utf8)!]))
        ),
        // Nodes with bytes left over.
        (
            "d1:rd2:id20:abcdefghij01234567895:nodes29:mnopqrstuvwxyz123456axje.uxyze1:t2:aa1:y1:re",
            .answer(
                KRPCAnswer(
                    sender: idA, nodes: [NodeContact(id: idB, address: PeerAddress(compact: "axje.u".utf8)!)]))
        ),
        // Peers of both families, and one of no family.
        (
            "d1:rd2:id20:abcdefghij01234567896:valuesl6:axje.u18:abcdefghijklmnopqr3:xyzi5eee1:t2:aa1:y1:re",
            .answer(
                KRPCAnswer(
                    sender: idA,
                    values: [
                        PeerAddress(compact: "axje.u".utf8)!, PeerAddress(compact: "abcdefghijklmnopqr".utf8)!,
                    ]))
        ),
        // A method of a later time that has a target.
        (
            "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q3:get1:t2:aa1:y1:qe",
            .query(KRPCQuery(sender: idA, .findNode(idB, want: [])))
        ),
        // `want` as a string, and with words that mean nothing to us.
        (
            "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz1234564:want2:n6e1:q9:find_node1:t2:aa1:y1:qe",
            .query(KRPCQuery(sender: idA, .findNode(idB, want: .n6)))
        ),
        (
            "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz1234564:wantl2:n92:n4i7eee1:q9:find_node1:t2:aa1:y1:qe",
            .query(KRPCQuery(sender: idA, .findNode(idB, want: .n4)))
        ),
        ("d1:e6:broken1:t2:aa1:y1:ee", .error(KRPCError(201, "broken"))),
        ("d1:t2:aa1:y1:ee", .error(KRPCError(201, ""))),
        // Queries that can't be answered but with an error.
        ("d1:q4:ping1:t2:aa1:y1:qe", .invalidQuery(KRPCError(203, "missing or invalid a"))),
        ("d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe", .invalidQuery(KRPCError(203, "missing or invalid id"))),
        (
            "d1:ad2:id20:abcdefghij0123456789e1:q9:find_node1:t2:aa1:y1:qe",
            .invalidQuery(KRPCError(203, "missing or invalid target"))
        ),
        (
            "d1:ad2:id20:abcdefghij0123456789e1:q3:xyz1:t2:aa1:y1:qe",
            .invalidQuery(KRPCError(204, "unknown method"))
        ),
        (
            "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti70000e5:token1:xe"
                + "1:q13:announce_peer1:t2:aa1:y1:qe",
            .invalidQuery(KRPCError(203, "missing or invalid port"))
        ),
    ]

    @Test(arguments: lenient) func messagesOfOtherClientsAreUnderstood(text: String, body: KRPCMessage.Body) {
        #expect(KRPCMessage(Array(text.utf8))?.body == body)
    }

    @Test(arguments: [("6:abcdef", "97.98.99.100:25958"), ("4:abcd", "97.98.99.100:0")])
    func externalAddressComesWithOrWithoutPort(ip: String, address: String) {
        let text = "d2:ip\(ip)1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re"
        #expect(KRPCMessage(Array(text.utf8))?.externalAddress == Self.address(address))
    }

    @Test(arguments: [
        "", "i1e", "de", "d1:t2:aae", "d1:t2:aa1:y1:xe", "d1:rd2:id20:abcdefghij0123456789e1:y1:re",
        "d1:rd2:id19:bcdefghij0123456789e1:t2:aa1:y1:re", "d1:rle1:t2:aa1:y1:re",
        "d1:rd2:id20:abcdefghij0123456789e1:t33:0123456789012345678901234567890121:y1:re",
        "lllllllllllllllllllllllllllllle",
    ])
    func otherBytesAreNoMessage(text: String) { #expect(KRPCMessage(Array(text.utf8)) == nil) }

    @Test func limitsHold() throws {
        // Longer than any datagram that is read.
        #expect(KRPCMessage(Self.table[0].1.datagram + [UInt8](repeating: 0, count: KRPCLimits.datagram)) == nil)
        // More values than are read, within a datagram.
        let many = [UInt8](repeating: 7, count: 1800)
        let answer = try #require(
            KRPCMessage(
                Array("d1:rd2:id20:abcdefghij01234567895:nodes1800:".utf8) + many + Array("e1:t2:aa1:y1:re".utf8)))
        guard case .answer(let nodes) = answer.body else {
            Issue.record("not an answer")
            return
        }
        #expect(nodes.nodes?.count == 32)
        let deep = "d1:a" + String(repeating: "l", count: 20) + String(repeating: "e", count: 20) + "1:t2:aae"
        #expect(KRPCMessage(Array(deep.utf8)) == nil)
        // A token that is too long to be returned is no token.
        let long =
            "d1:rd2:id20:abcdefghij01234567895:token200:" + String(repeating: "x", count: 200) + "e1:t2:aa1:y1:re"
        #expect(KRPCMessage(Array(long.utf8))?.body == .answer(KRPCAnswer(sender: Self.idA)))
    }

    /// Whatever is read can be written, and is read as the same again.
    @Test(arguments: 0..<40 as Range<UInt64>) func mutantsAreReadOrRejected(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let texts = Self.table.map(\.0) + Self.lenient.map(\.0)
        for _ in 0..<100 {
            var bytes = Array(texts[Int.random(in: 0..<texts.count, using: &random)].utf8)
            for _ in 0...Int.random(in: 0...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: if bytes.count > 1 { bytes.remove(at: at) }
                case 2: bytes.insert("idle0123456789:".utf8.randomElement(using: &random) ?? 0, at: at)
                case 3: bytes = Array(bytes.prefix(max(at, 1)))
                default: bytes += bytes[at...].prefix(40)
                }
            }
            guard let message = KRPCMessage(bytes), case .invalidQuery = message.body else {
                if let message = KRPCMessage(bytes) {
                    let again = KRPCMessage(message.datagram)
                    #expect(again == message, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
                }
                continue
            }
            #expect(KRPCMessage(message.datagram) != nil, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>) func randomBytesNeverTrap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let bytes = (0..<Int.random(in: 0...100, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = KRPCMessage([UInt8(ascii: "d")] + bytes)
        }
    }

    // MARK: BEP 33

    /// The vector of BEP 33.
    @Test func bloomFilterIsThatOfTheVector() {
        var filter = BloomFilter()
        for n in 0...255 as ClosedRange<UInt32> { filter.insert(.v4(0xc000_0200 + n)) }
        for n in 0...0x3e7 as ClosedRange<UInt64> { filter.insert(.v6(0x2001_0db8_0000_0000, n)) }
        let hex = """
            F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAEFE5EEDB1FBFAFF67F6ABFF5E43DDBCA3\
            FD9B9FFDF4FFD3E9DFF12D1BDF59DB53DBE9FA5B7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE148246C2BC5DBFF7E7\
            EFDCF24FD8DC7ADFFD8FFFDFDDFFF7A4BBEEDF5CB95CE81FC7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3FA1FC77BFE07FFF905B7B7FF\
            C7FEFEFFE0B8370BB0CD3F5B7F2BD93FEB4386CFDD6F7FD5BFAF2E9EBFFFFEECD67ADBF7C67F17EFD5D75EBA6FFEBA7FFF47A91E\
            B1BFBB53E8ABFB5762ABE8FF237279BFEFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6FD8F72EF
            """
        #expect(filter.bytes == Hex.decode(hex))
        #expect(abs(filter.estimate - 1224.9308) < 0.001)
    }

    @Test func bloomFiltersUnite() {
        var (a, b, both) = (BloomFilter(), BloomFilter(), BloomFilter())
        #expect(a.estimate == 0)
        for n in 0..<100 as Range<UInt32> {
            a.insert(.v4(0x0800_0000 + n))
            b.insert(.v4(0x0900_0000 + n))
            both.insert(.v4(0x0800_0000 + n))
            both.insert(.v4(0x0900_0000 + n))
        }
        a.formUnion(b)
        #expect(a == both && abs(a.estimate - 200) < 20)
        #expect(BloomFilter([UInt8](repeating: 255, count: 256))?.estimate.isFinite ?? false)
        #expect(BloomFilter([UInt8](repeating: 0, count: 255)) == nil)
    }
}
