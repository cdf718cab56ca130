import Bencode
import DHT
import DHTLab
import Testing
import Torrent

/// One node by hand: datagrams in, datagrams out.
struct DHTNodeTests {
    private static let start = Instant.origin + .seconds(1000)
    private static let other = NodeID([UInt8](repeating: 7, count: 20))!
    private static let peer = PeerAddress("10.0.0.2:7000")!
    private static let hash = PublicInfoHash(InfoHash([UInt8](repeating: 9, count: 20))!, isPrivate: false)!

    private static func node(_ settings: DHTSettings = DHTSettings()) -> DHTNode {
        var node = DHTNode(settings: settings, seed: 1, now: start)
        _ = node.handle(.opened(.v4), now: start)
        _ = node.handle(.opened(.v6), now: start)
        return node
    }

    private static func messages(_ effects: [DHTNode.Effect]) -> [(KRPCMessage, PeerAddress)] {
        effects.compactMap {
            guard case .send(let bytes, let to) = $0, let message = KRPCMessage(bytes) else { return nil }
            return (message, to)
        }
    }

    /// Sends a query and returns the answer to it.
    private static func ask(
        _ node: inout DHTNode, _ method: KRPCQuery.Method, from address: PeerAddress = peer, isReadOnly: Bool = false,
        now: Instant = start
    ) -> KRPCMessage? {
        let query = KRPCMessage(
            transaction: Array("xyz".utf8), .query(KRPCQuery(sender: other, method)), isReadOnly: isReadOnly)
        let effects = node.handle(.received(query.datagram, from: address), now: now)
        return messages(effects).first { $0.0.transaction == query.transaction && $0.1 == address }?.0
    }

    private static func answer(_ message: KRPCMessage?) -> KRPCAnswer? {
        if case .answer(let answer) = message?.body { answer } else { nil }
    }

    private static func error(_ message: KRPCMessage?) -> KRPCError? {
        if case .error(let error) = message?.body { error } else { nil }
    }

    // MARK: Answering

    @Test func pingIsAnsweredWithIDAndAddress() {
        var node = Self.node()
        let message = Self.ask(&node, .ping)
        #expect(Self.answer(message)?.sender == node.id(of: .v4))
        #expect(message?.externalAddress == Self.peer)
    }

    @Test func announcedPeerIsFoundByOthers() throws {
        var node = Self.node()
        let infoHash = Self.hash.infoHash
        let first = try #require(Self.answer(Self.ask(&node, .getPeers(infoHash, want: [], filter: []))))
        #expect(first.values.isEmpty && first.nodes == [] && first.nodes6 == nil)
        let announce = KRPCAnnounce(
            infoHash: infoHash, port: 6881, impliesPort: false, isSeed: true, token: try #require(first.token))
        #expect(Self.answer(Self.ask(&node, .announce(announce))) != nil)
        let third = PeerAddress("10.0.0.3:7000")!
        #expect(
            Self.answer(Self.ask(&node, .getPeers(infoHash, want: [], filter: []), from: third))?.values
                == [PeerAddress("10.0.0.2:6881")!])
        // BEP 33: seeds aren't for everyone, and are counted.
        #expect(
            Self.answer(Self.ask(&node, .getPeers(infoHash, want: [], filter: .noSeeds), from: third))?.values == [])
        let scrape = Self.answer(Self.ask(&node, .getPeers(infoHash, want: [], filter: .scrape), from: third))
        #expect(scrape?.values == [] && (scrape?.seeds?.estimate ?? 0) > 0.9 && scrape?.peers?.estimate == 0)
    }

    @Test func impliedPortIsThatOfTheQuery() throws {
        var node = Self.node()
        let infoHash = Self.hash.infoHash
        let token = try #require(Self.answer(Self.ask(&node, .getPeers(infoHash, want: [], filter: [])))?.token)
        let announce = KRPCAnnounce(infoHash: infoHash, port: 1, impliesPort: true, isSeed: false, token: token)
        #expect(Self.answer(Self.ask(&node, .announce(announce))) != nil)
        #expect(Self.answer(Self.ask(&node, .getPeers(infoHash, want: [], filter: [])))?.values == [Self.peer])
    }

    @Test func tokenOfAnotherHostIsRejected() throws {
        var node = Self.node()
        let infoHash = Self.hash.infoHash
        let token = try #require(Self.answer(Self.ask(&node, .getPeers(infoHash, want: [], filter: [])))?.token)
        func announce(_ token: [UInt8], port: UInt16 = 6881) -> KRPCQuery.Method {
            .announce(KRPCAnnounce(infoHash: infoHash, port: port, impliesPort: false, isSeed: false, token: token))
        }
        let thief = PeerAddress("10.0.0.3:7000")!
        #expect(Self.error(Self.ask(&node, announce(token), from: thief))?.code == 203)
        #expect(Self.error(Self.ask(&node, announce([])))?.code == 203)
        #expect(Self.error(Self.ask(&node, announce(token, port: 1)))?.code == 203)
        // Ten minutes later it is too old.
        for minute in 1...11 { _ = node.handle(.wake, now: Self.start + .seconds(minute * 60)) }
        #expect(Self.error(Self.ask(&node, announce(token), now: Self.start + .seconds(660)))?.code == 203)
        #expect(node.report().counters.wrongTokens == 3)
        #expect(node.report().families[.v4]?.storedPeers == 0)
    }

    @Test func wantedFamiliesAreAnswered() {
        var node = Self.node()
        let v4 = Self.answer(Self.ask(&node, .findNode(Self.other, want: [])))
        #expect(v4?.nodes != nil && v4?.nodes6 == nil)
        let both = Self.answer(Self.ask(&node, .findNode(Self.other, want: .both)))
        #expect(both?.nodes != nil && both?.nodes6 != nil)
        let v6 = Self.answer(Self.ask(&node, .findNode(Self.other, want: []), from: PeerAddress("[fd00::2]:7000")!))
        #expect(v6?.nodes == nil && v6?.nodes6 != nil)
    }

    @Test func readOnlyNodeAnswersNothingAndSaysSo() {
        var settings = DHTSettings()
        settings.isReadOnly = true
        var node = Self.node(settings)
        #expect(Self.ask(&node, .ping) == nil)
        let sent = Self.messages(node.handle(.heardOf([Self.peer]), now: Self.start))
        #expect(!sent.isEmpty && sent.allSatisfy { $0.0.isReadOnly })
        // Switched at run time.
        _ = node.handle(.readOnly(false), now: Self.start)
        #expect(Self.ask(&node, .ping) != nil)
    }

    /// Nodes of the internet answer, but no other one ever asks: a router drops their queries (BEP 43).
    @Test func unreachableNodeBecomesReadOnlyUntilAStrangerAsks() throws {
        var settings = DHTSettings()
        settings.becomesReadOnly = true
        var node = DHTNode(settings: settings, seed: 1, now: Self.start)
        var random = SeededGenerator(seed: 2)
        var now = Self.start
        func handle(_ event: DHTNode.Event) -> [DHTNode.Effect] { node.handle(event, now: now) }
        /// Each node that is asked answers, and is asked by us once before it asks back.
        func answerAll(_ effects: [DHTNode.Effect]) {
            for (message, to) in Self.messages(effects) {
                guard case .query = message.body else { continue }
                let bytes = to.compact + [UInt8](repeating: 1, count: 14)
                let answer = KRPCMessage(
                    transaction: message.transaction, .answer(KRPCAnswer(sender: NodeID(bytes.prefix(20))!)))
                answerAll(handle(.received(answer.datagram, from: to)))
            }
        }
        func host(_ n: Int) -> PeerAddress { PeerAddress(.v4(0x0b00_0001 + UInt32(n) << 12), port: 7000) }
        func pass(minutes: Int) {
            for _ in 0..<minutes * 12 {
                now = now + .seconds(5)
                answerAll(handle(.wake))
            }
        }
        func ask(_ address: PeerAddress) -> Bool {
            Self.ask(&node, .ping, from: address, now: now) != nil
        }
        answerAll(handle(.opened(.v4)))
        for n in 0..<128 { answerAll(handle(.heardOf([host(n)]))) }
        pass(minutes: 14)
        // A node that we have just asked proves nothing.
        let known = try #require(Self.messages(handle(.search(DHTSearch(Self.hash)))).first?.1)
        #expect(ask(known))
        #expect(node.readOnly(.v4) == nil)
        pass(minutes: 15)
        #expect(node.readOnly(.v4) == .unreachable && node.report().families[.v4]?.readOnly == .unreachable)
        now = now + .seconds(61)
        let sent = Self.messages(handle(.wake))
        #expect(!sent.isEmpty && sent.allSatisfy { $0.0.isReadOnly })
        // Six hours after the verdict, it tries again.
        now = now + .seconds(6 * 3600 - 900)
        pass(minutes: 2)
        #expect(node.readOnly(.v4) == nil)
        pass(minutes: 16)
        #expect(node.readOnly(.v4) == .unreachable)
        // Another network may let queries pass.
        answerAll(handle(.networkChanged(.v4)))
        #expect(node.readOnly(.v4) == nil)
        pass(minutes: 16)
        #expect(node.readOnly(.v4) == .unreachable)
        // A stranger shows that we can be reached.
        #expect(ask(PeerAddress(.v4(UInt32.random(in: 0x2000_0000...0x2fff_ffff, using: &random)), port: 7000)))
        pass(minutes: 16)
        #expect(node.readOnly(.v4) == nil)
    }

    /// In a local network, every node may be one that we asked.
    @Test func nodeOfALocalNetworkStaysReadable() {
        var settings = DHTSettings()
        settings.becomesReadOnly = true
        var node = Self.node(settings)
        var now = Self.start
        for n in 0..<2000 as Range<UInt32> {
            now = now + .seconds(1)
            for (message, to) in Self.messages(
                node.handle(.heardOf([PeerAddress(.v4(0x0a00_0001 + n % 200), port: 7000)]), now: now))
            {
                let answer = KRPCMessage(transaction: message.transaction, .answer(KRPCAnswer(sender: Self.other)))
                _ = node.handle(.received(answer.datagram, from: to), now: now)
            }
        }
        #expect(node.readOnly(.v4) == nil)
    }

    @Test func readOnlyNodesAreNotPinged() {
        var node = Self.node()
        let query = KRPCMessage(transaction: [1], .query(KRPCQuery(sender: Self.other, .ping)), isReadOnly: true)
        let sent = Self.messages(node.handle(.received(query.datagram, from: Self.peer), now: Self.start))
        #expect(sent.count == 1)
        #expect(node.report().families[.v4]?.spareNodes == 0)
    }

    @Test func nodeThatQueriesIsPingedAndThenKnown() throws {
        var node = Self.node()
        let query = KRPCMessage(transaction: [1], .query(KRPCQuery(sender: Self.other, .ping)))
        let sent = Self.messages(node.handle(.received(query.datagram, from: Self.peer), now: Self.start))
        let ping = try #require(
            sent.first {
                if case .query = $0.0.body { true } else { false }
            }?.0)
        #expect(node.report().families[.v4]?.goodNodes == 0)
        let answer = KRPCMessage(transaction: ping.transaction, .answer(KRPCAnswer(sender: Self.other)))
        // From another address, or with another id of the transaction, it is nothing.
        _ = node.handle(.received(answer.datagram, from: PeerAddress("10.0.0.9:7000")!), now: Self.start)
        #expect(node.report().families[.v4]?.goodNodes == 0 && node.report().counters.stray == 1)
        _ = node.handle(.received(answer.datagram, from: Self.peer), now: Self.start + .milliseconds(50))
        #expect(node.report().families[.v4]?.goodNodes == 1)
        // An answer counts once.
        _ = node.handle(.received(answer.datagram, from: Self.peer), now: Self.start + .milliseconds(51))
        #expect(node.report().counters.stray == 2)
    }

    @Test func answersFitIntoOneDatagram() throws {
        for family in AddressFamily.allCases {
            var node = Self.node()
            var random = SeededGenerator(seed: 1)
            let infoHash = Self.hash.infoHash
            func address(_ n: Int) -> PeerAddress {
                family == .v4
                    ? PeerAddress(.v4(0x0a00_0100 + UInt32(n)), port: 7000)
                    : PeerAddress(.v6(0xfd00_0000_0000_0000 + UInt64(n), 1), port: 7000)
            }
            // Many nodes and peers.
            var now = Self.start
            for n in 0..<60 {
                let from = address(n)
                let id = NodeID.random(using: &random)
                let query = KRPCMessage(
                    transaction: Array("xyz".utf8),
                    .query(KRPCQuery(sender: id, .getPeers(infoHash, want: [], filter: []))))
                now = now + .milliseconds(100)
                let sent = Self.messages(node.handle(.received(query.datagram, from: from), now: now))
                for (message, to) in sent where to == from {
                    if case .query = message.body {
                        let answer = KRPCMessage(transaction: message.transaction, .answer(KRPCAnswer(sender: id)))
                        _ = node.handle(.received(answer.datagram, from: from), now: now)
                    } else if let token = Self.answer(message)?.token {
                        let announce = KRPCAnnounce(
                            infoHash: infoHash, port: 6881, impliesPort: false, isSeed: n % 2 == 0, token: token)
                        let query = KRPCMessage(transaction: [1], .query(KRPCQuery(sender: id, .announce(announce))))
                        _ = node.handle(.received(query.datagram, from: from), now: now)
                    }
                }
            }
            #expect(node.report().families[family]?.storedPeers == 60)
            #expect((node.report().families[family]?.goodNodes ?? 0) >= 8)
            for filter in [[], .scrape] as [PeerFilter] {
                let query = KRPCMessage(
                    transaction: [UInt8](repeating: 1, count: 32),
                    .query(KRPCQuery(sender: Self.other, .getPeers(infoHash, want: .both, filter: filter))))
                for effect in node.handle(.received(query.datagram, from: address(0)), now: now) {
                    guard case .send(let bytes, _) = effect else { continue }
                    #expect(bytes.count <= KRPCLimits.sent, "\(family) \(filter)")
                    // The node is pinged too.
                    guard let answer = Self.answer(KRPCMessage(bytes)) else { continue }
                    #expect(filter == .scrape ? answer.seeds != nil : answer.values.count >= 15)
                }
            }
        }
    }

    // MARK: Searching

    @Test func unopenedNodeRefusesSearches() {
        var node = DHTNode(settings: DHTSettings(), seed: 1, now: Self.start)
        #expect(node.nextWake == nil)
        let effects = node.handle(.search(DHTSearch(Self.hash)), now: Self.start)
        #expect(
            effects.contains {
                if case .ended(let result) = $0 { result.outcome == .refused } else { false }
            })
        #expect(node.report().families[.v4]?.shortage == .noSocket)
    }

    /// A restart: what is asked first is for the torrents, not for the table.
    @Test func searchesOfTheOpeningComeBeforePings() throws {
        var random = SeededGenerator(seed: 4)
        let stored = (0..<100 as Range<UInt32>).map { n in
            DHTSnapshot.Node(
                contact: NodeContact(
                    id: .random(using: &random), address: PeerAddress(.v4(0x0a00_0000 + n), port: 7000)))
        }
        let family = DHTSnapshot.Family(id: Self.other, nodes: stored)
        var node = DHTNode(
            settings: DHTSettings(), stored: DHTSnapshot(families: [.v4: family]), seed: 1, now: Self.start)
        let sent = Self.messages(node.handle(.opened(.v4, searching: [DHTSearch(Self.hash)]), now: Self.start))
        let names = sent.map { message, _ in
            guard case .query(let query) = message.body else { return "" }
            return switch query.method {
            case .getPeers: "get_peers"
            case .ping: "ping"
            default: "other"
            }
        }
        #expect(names.prefix(5) == Array(repeating: "get_peers", count: 5)[...])
        #expect(names.contains("ping"))
        // The other family has no socket, and no search.
        #expect(!node.handle(.wake, now: Self.start).contains { if case .ended = $0 { true } else { false } })
    }

    @Test func shortageIsExplained() {
        var node = Self.node()
        #expect(node.report().families[.v4]?.shortage == .noEntry)
        var now = Self.start
        _ = node.handle(.heardOf([Self.peer, PeerAddress("10.0.0.3:7000")!]), now: now)
        #expect(node.report().families[.v4]?.shortage == .starting)
        for _ in 0..<200 {
            now = now + .seconds(3)
            _ = node.handle(.wake, now: now)
        }
        guard case .noAnswers(let queries) = node.report().families[.v4]?.shortage else {
            Issue.record("\(String(describing: node.report().families[.v4]?.shortage))")
            return
        }
        // The pauses become longer: 10 minutes of silence cost a few packets.
        #expect(queries >= 8 && queries < 60)
    }

    @Test func bootstrapPausesDoubleAndStartAgainWithTheNetwork() {
        var node = DHTNode(settings: DHTSettings(), seed: 1, now: Self.start)
        var tries: [Int] = []
        func run(_ event: DHTNode.Event, _ second: Int) {
            let now = Self.start + .seconds(second)
            guard node.handle(event, now: now).contains(.resolveRouters) else { return }
            tries.append(second)
            _ = node.handle(.resolved([]), now: now)
        }
        run(.opened(.v4), 0)
        for second in 1...1200 { run(.wake, second) }
        #expect(tries == [0, 5, 15, 35, 75, 155, 315, 615, 915])
        run(.networkChanged(.v4), 1201)
        run(.wake, 1206)
        #expect(tries.suffix(2) == [1201, 1206])
    }

    @Test func forgottenTorrentIsNeverNamedAgain() throws {
        var node = Self.node()
        let sent = Self.messages(
            node.handle(
                .search(
                    DHTSearch(
                        Self.hash, announce: DHTAnnouncement(port: 6881, isSeed: false),
                        nearest: [NodeContact(id: Self.other, address: Self.peer)])), now: Self.start))
        let query = try #require(
            sent.first {
                if case .query(let query) = $0.0.body, case .getPeers = query.method { true } else { false }
            }?.0)
        _ = node.handle(.forget(Self.hash), now: Self.start)
        let answer = KRPCMessage(
            transaction: query.transaction,
            .answer(KRPCAnswer(sender: Self.other, values: [PeerAddress("10.0.0.5:6881")!], token: [1])))
        var effects = node.handle(.received(answer.datagram, from: Self.peer), now: Self.start + .milliseconds(10))
        for second in 1..<60 { effects += node.handle(.wake, now: Self.start + .seconds(second)) }
        for effect in effects {
            switch effect {
            case .found, .ended: Issue.record("\(effect)")
            case .send(let bytes, _):
                guard case .query(let query) = KRPCMessage(bytes)?.body else { continue }
                if case .getPeers = query.method { Issue.record("a query for a torrent that was forgotten") }
                if case .announce = query.method { Issue.record("an announce of a torrent that was forgotten") }
            default: continue
            }
        }
    }

    @Test func privateTorrentHasNoPublicInfoHash() {
        #expect(PublicInfoHash(Self.hash.infoHash, isPrivate: true) == nil)
        #expect(PublicInfoHash(Self.hash.infoHash, isPrivate: false) == Self.hash)
    }

    @Test func localAddressesFromTheInternetAreNotPeers() throws {
        var node = Self.node()
        let source = PeerAddress("8.8.8.8:7000")!
        let effects = node.handle(
            .search(DHTSearch(Self.hash, nearest: [NodeContact(id: Self.other, address: source)])), now: Self.start)
        let query = try #require(
            Self.messages(effects).first {
                if case .query(let query) = $0.0.body, case .getPeers = query.method { true } else { false }
            }?.0)
        let values = ["127.0.0.1:22", "192.168.1.1:80", "9.9.9.9:1", "9.9.9.9:0", "224.0.0.1:80", "9.9.9.9:6881"]
        let answer = KRPCMessage(
            transaction: query.transaction,
            .answer(
                KRPCAnswer(
                    sender: Self.other,
                    nodes: [NodeContact(id: .zero ^ node.id(of: .v4), address: PeerAddress("127.0.0.1:53")!)],
                    values: values.map { PeerAddress($0)! })))
        let found = node.handle(.received(answer.datagram, from: source), now: Self.start + .milliseconds(9))
        #expect(found.contains(.found(Self.hash, [PeerAddress("9.9.9.9:6881")!])))
        #expect(!Self.messages(found).contains { $0.1.host.reach == .loopback })
    }

    // MARK: Both families

    /// BEP 32: while the other family has too few nodes, its nodes are asked for too.
    @Test func oneFamilyFindsNodesForTheOther() throws {
        var node = Self.node()
        let sent = Self.messages(node.handle(.given([Self.peer]), now: Self.start))
        let (query, to) = try #require(sent.first)
        guard case .query(let asked) = query.body, case .findNode(let target, let want) = asked.method else {
            Issue.record("\(query)")
            return
        }
        #expect(to == Self.peer && want == .both && target == node.id(of: .v4))
        let six = NodeContact(id: NodeID([UInt8](repeating: 5, count: 20))!, address: PeerAddress("[fd00::5]:7000")!)
        let answer = KRPCMessage(
            transaction: query.transaction, .answer(KRPCAnswer(sender: Self.other, nodes: [], nodes6: [six])))
        var effects = node.handle(.received(answer.datagram, from: Self.peer), now: Self.start + .milliseconds(50))
        for second in 1...6 { effects += node.handle(.wake, now: Self.start + .seconds(second)) }
        #expect(Self.messages(effects).contains { $0.1 == six.address })
    }

    /// `port` messages of peers don't push out what the user gave.
    @Test func givenAddressesStay() {
        var node = DHTNode(settings: DHTSettings(), seed: 1, now: Self.start)
        _ = node.handle(.given([Self.peer]), now: Self.start)
        for n in 0..<200 as Range<UInt32> {
            _ = node.handle(.heardOf([PeerAddress(.v4(0x0a01_0000 + n), port: 7000)]), now: Self.start)
        }
        let sent = Self.messages(node.handle(.opened(.v4), now: Self.start))
        #expect(sent.contains { $0.1 == Self.peer })
        #expect(sent.count <= 8)
    }

    // MARK: Hostile

    /// Strangers who query us under ever new addresses make us ping them, but not at the cost of our own lookups.
    @Test func pingsOfStrangersLeaveRoomForLookups() {
        var node = Self.node()
        for n in 0..<700 as Range<UInt32> {
            let query = KRPCMessage(transaction: [1], .query(KRPCQuery(sender: Self.other, .ping)))
            _ = node.handle(
                .received(query.datagram, from: PeerAddress(.v4(0x2000_0000 + n << 8), port: 7000)), now: Self.start)
        }
        #expect(node.report().counters.queriesSent <= 201)
        let nearest = [NodeContact(id: Self.other, address: Self.peer)]
        let sent = Self.messages(node.handle(.search(DHTSearch(Self.hash, nearest: nearest)), now: Self.start))
        #expect(sent.contains { $0.1 == Self.peer })
    }

    @Test(arguments: 0..<10 as Range<UInt64>) func garbageFromEverywhereIsHarmless(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var node = Self.node()
        var now = Self.start
        var sentBytes = 0
        let seedQuery = KRPCMessage(
            transaction: [1, 2],
            .query(KRPCQuery(sender: Self.other, .getPeers(Self.hash.infoHash, want: .both, filter: []))),
            version: [1, 2, 3, 4]
        ).datagram
        for n in 0..<3000 {
            var bytes = seedQuery
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if n % 7 == 0 { bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))) }
            let address = PeerAddress(
                n % 11 == 0 ? .v6(random.next(), random.next()) : .v4(UInt32.random(in: 0...(.max), using: &random)),
                port: UInt16.random(in: 0...(.max), using: &random))
            now = now + .microseconds(Int64.random(in: 0...2000, using: &random))
            for case .send(let bytes, _) in node.handle(.received(bytes, from: address), now: now) {
                sentBytes += bytes.count
                #expect(bytes.count <= KRPCLimits.sent)
            }
        }
        let report = node.report()
        #expect(report.families[.v4]?.goodNodes == 0, "seed \(seed)")
        #expect((report.families[.v4]?.spareNodes ?? 0) <= 50 * 8)
        #expect((report.families[.v4]?.queriesUnderWay ?? 0) <= 2048)
        // Three seconds at most, and a burst of two.
        #expect(sentBytes < 64 * 1024 * 5 + 120 * 1200, "seed \(seed)")
    }

    @Test func floodOfOneHostIsAnsweredForAMomentOnly() {
        var node = Self.node()
        var answers = 0
        for n in 0..<1000 {
            let from = PeerAddress(.v4(0x0808_0808), port: UInt16(1000 + n))
            if Self.ask(&node, .ping, from: from, now: Self.start + .milliseconds(n)) != nil { answers += 1 }
        }
        #expect(answers == 50)
        #expect(node.report().silencedSources == 1 && node.report().counters.floodDropped == 950)
        // Others are still answered.
        #expect(Self.ask(&node, .ping, now: Self.start + .seconds(1)) != nil)
    }

    /// A forged query in the name of a known node, with another id, doesn't cost us the node.
    @Test func forgedQueryDoesNotRemoveANode() throws {
        var node = Self.node()
        let query = KRPCMessage(transaction: [1], .query(KRPCQuery(sender: Self.other, .ping)))
        let ping = try #require(
            Self.messages(node.handle(.received(query.datagram, from: Self.peer), now: Self.start)).first {
                if case .query = $0.0.body { true } else { false }
            }?.0)
        let answer = KRPCMessage(transaction: ping.transaction, .answer(KRPCAnswer(sender: Self.other)))
        _ = node.handle(.received(answer.datagram, from: Self.peer), now: Self.start)
        let forged = KRPCMessage(
            transaction: [2], .query(KRPCQuery(sender: NodeID([UInt8](repeating: 3, count: 20))!, .ping)))
        let sent = Self.messages(node.handle(.received(forged.datagram, from: Self.peer), now: Self.start))
        #expect(node.report().families[.v4]?.goodNodes == 1)
        // The node is asked, and only its answer under another id removes it.
        let check = try #require(
            sent.first {
                if case .query = $0.0.body { true } else { false }
            }?.0)
        let changed = KRPCMessage(
            transaction: check.transaction, .answer(KRPCAnswer(sender: NodeID([UInt8](repeating: 3, count: 20))!)))
        _ = node.handle(.received(changed.datagram, from: Self.peer), now: Self.start)
        #expect(node.report().families[.v4]?.nodes == 0)
    }

    @Test func sameEventsGiveTheSameEffects() {
        func run() -> [DHTNode.Effect] {
            var node = Self.node()
            var effects = node.handle(.heardOf([Self.peer]), now: Self.start)
            effects += node.handle(.search(DHTSearch(Self.hash)), now: Self.start)
            for second in 1..<60 { effects += node.handle(.wake, now: Self.start + .seconds(second)) }
            return effects
        }
        #expect(run() == run())
    }
}
