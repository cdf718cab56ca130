import Swarm
import Testing
import Torrent

/// What a stranger may cost (law 7): work of messages, places, connections without a handshake, and hosts that aren't
/// taken.
struct BudgetTests {
    // MARK: Work

    @Test func budgetIsSpentRefilledAndExceeded() {
        let limit = WorkBudget.Limit.connection
        let turn = WorkBudget.Work.turn.rawValue
        var budget = WorkBudget(limit)
        var now = Instant.origin
        for _ in 0..<Int(limit.most / turn) { budget.charge(turn, at: now) }
        #expect(budget.pause(at: now) == nil, "all of it may be spent")
        budget.charge(turn, at: now)
        #expect(budget.pause(at: now) != nil && !budget.isExceeded)
        now = now + .seconds(turn / limit.perSecond)
        #expect(budget.pause(at: now) == nil, "a second refills what is named for a second")
        for _ in 0..<Int(limit.tolerated / turn) + 1 { budget.charge(turn, at: now) }
        #expect(budget.isExceeded)
        #expect(budget.pause(at: now) == limit.longestPause, "no pause is longer, whatever is owed")
        let blocks = Int(limit.tolerated / WorkBudget.earned(Geometry.blockLength)) + 1
        budget.earn(WorkBudget.earned(blocks * Geometry.blockLength))
        #expect(!budget.isExceeded, "verified bytes earn it back")
        // A clock that stands still or goes back refills nothing.
        let owed = budget.pause(at: now)
        #expect(budget.pause(at: Instant.origin) == owed)
    }

    /// Messages that cost the peer a few bytes, again and again: it is read from no more, then disconnected, and its
    /// host struck.
    @Test(arguments: ["choke", "interest", "port", "reject", "request", "unasked"])
    func wastefulPeerIsPausedAndDisconnected(flood: String) throws {
        let bench = SwarmBench(pieces: 64, have: [0]).started()
        let good = bench.connectSeed(2)
        let bad = bench.connect(1, isIncoming: true, have: Array(1..<64))
        _ = bench.take()
        var messages = 0
        var paused = 0
        var reason: DisconnectReason?
        while reason == nil, messages < 40_000 {
            messages += 1
            bench.feed { swarm, now in
                switch flood {
                case "choke":
                    if messages.isMultiple(of: 2) { swarm.unchoked(bad, now: now) } else { swarm.choked(bad, now: now) }
                case "interest":
                    if messages.isMultiple(of: 2) {
                        swarm.notInterested(bad, now: now)
                    } else {
                        swarm.interested(bad, now: now)
                    }
                case "port":
                    swarm.extended(bad, reqq: nil, uploadOnly: nil, port: UInt16(1000 + messages % 60_000), now: now)
                case "reject":
                    swarm.rejected(bad, BlockRequest(piece: PieceIndex(5), begin: 0, length: 16_384), now: now)
                case "request": swarm.requested(bad, piece: 0, begin: 0, length: 16_384, now: now)
                default: _ = swarm.received(bad, piece: 0, begin: 0, length: 16_384, now: now)
                }
            }
            if bench.pause(of: bad) != nil { paused += 1 }
            for case .disconnect(bad, let why) in bench.take() { reason = why }
        }
        guard case .wasteful = reason else {
            Issue.record("it is still there after \(messages) messages: \(String(describing: reason))")
            return
        }
        #expect(paused > 0 || flood == "unasked", "it waits before it goes")
        #expect(bench.strikes == [SwarmBench.address(1).host])
        #expect(bench.swarm.peerReports(now: bench.now).map(\.key) == [good], "the good peer stays")
    }

    // MARK: Work of a host, a network, the process

    /// The seconds of work that a flood costs us in a minute: each of the hosts has so many connections, which send a
    /// millisecond's worth of messages whenever they are read from; a host that is struck too often is banned.
    private func flood(hosts: Int, connections: Int, inOneNetwork: Bool) -> Double {
        var shared = SharedWork()
        var resting = Array(repeating: Instant.origin, count: hosts * connections)
        var strikes = Array(repeating: 0, count: hosts)
        var work = 0.0
        for step in 0..<1200 {
            let now = Instant.origin + .milliseconds(50 * step)
            for connection in resting.indices where resting[connection] <= now {
                let host = connection / connections
                guard strikes[host] < HostBans.strikes else { continue }
                work += 0.001
                switch shared.spend(1000, of: .v4(0x0a00_0000 + UInt32(inOneNetwork ? host : host << 8)), at: now) {
                case .goOn: break
                case .rest(let pause): resting[connection] = now + pause
                case .exceeded: strikes[host] += 1
                }
            }
        }
        return work
    }

    /// The most that a budget lets pass in a minute, in seconds of work.
    private func minute(of limit: WorkBudget.Limit) -> Double {
        (limit.most + limit.tolerated + 60 * limit.perSecond) / 1_000_000
    }

    /// Each of the connections stays within its own budget; together they would take a whole core and more.
    @Test(arguments: [4, 20, 100]) func connectionsOfAHostShareItsBudget(count: Int) {
        let work = flood(hosts: 1, connections: count, inOneNetwork: true)
        #expect(work <= minute(of: .host) + 0.001 * Double(count), "\(work) s")
    }

    @Test(arguments: [2, 16]) func hostsOfANetworkShareItsBudget(connections: Int) {
        let work = flood(hosts: 60, connections: connections, inOneNetwork: true)
        #expect(work <= minute(of: .network) + 60 * minute(of: .modest) + 0.001 * Double(60 * connections), "\(work) s")
    }

    @Test(arguments: [1, 8]) func allHostsShareTheBudgetOfTheProcess(connections: Int) {
        let work = flood(hosts: 100, connections: connections, inOneNetwork: false)
        #expect(
            work <= minute(of: .process) + 100 * minute(of: .modest) + 0.001 * Double(100 * connections), "\(work) s")
    }

    /// While others spend all that there is, who spends little goes on.
    @Test func modestSpenderIsNotDelayedByOthers() {
        var shared = SharedWork()
        let now = Instant.origin
        for number in 0..<1000 as Range<UInt32> { _ = shared.spend(20_000, of: .v4(number << 8), at: now) }
        #expect(shared.isSpent)
        #expect(shared.spend(1000, of: .v4(0xc000_0201), at: now) == .goOn)
        var spender = SharedWork.Verdict.goOn
        for _ in 0..<2 { spender = shared.spend(50_000, of: .v4(0xc000_0202), at: now) }
        guard case .rest = spender else {
            Issue.record("who spends more has to wait: \(spender)")
            return
        }
    }

    /// However many hosts come, few are remembered.
    @Test func rememberedHostBudgetsAreLimited() {
        var shared = SharedWork()
        for number in 0..<100_000 as Range<UInt32> { _ = shared.arrived(from: .v4(number << 6), at: .origin) }
        #expect(shared.count <= 6 * 4096)
    }

    /// Five hundred peers behind one address connect at once, and say what peers say.
    @Test func fiveHundredPeersOfOneHostMeetNoLimit() {
        var settings = SwarmSettings()
        settings.maximumPeers = 500
        let bench = SwarmBench(pieces: 16, settings: settings).started()
        let host = SwarmBench.address(1).host
        for number in 0..<500 as Range<UInt16> {
            #expect(bench.sharedWork.arrived(from: host, at: bench.now) == .goOn)
            let peer = bench.connect(
                PeerAddress(host, port: 2000 + number), isIncoming: true, have: Array(0..<16), isUnchoking: false)
            bench.feed { swarm, now in
                swarm.interested(peer, now: now)
                for piece in 0..<10 { swarm.allowedFast(peer, piece, now: now) }
            }
            #expect(bench.pause(of: peer) == nil)
        }
        #expect(bench.swarm.peerCount == 500 && bench.strikes.isEmpty)
    }

    /// Failed pieces are told of at a bounded rate, and what wasn't told is counted.
    @Test func failuresAreReportedAtABoundedRate() {
        var limit = NoteLimit()
        var told: [Int] = []
        for second in 0..<1000 {
            for _ in 0..<100 { if let untold = limit.allows(at: .origin + .seconds(second)) { told.append(untold) } }
        }
        #expect(told.count <= Int(NoteLimit.burst) + 1000 / 10)
        #expect(told.count + told.reduce(0, +) > 99_000)
    }

    // MARK: Memory of all

    @Test func unfinishedMessagesOfAHostAreBounded() throws {
        var memory = SharedMemory()
        let host = PeerAddress.Host.v4(1)
        var counted: [Int] = []
        while let now = memory.holds(128 << 10, counted: 0, of: host) { counted.append(now) }
        #expect(counted.count == SharedMemory.perHost / (128 << 10))
        memory.released(128 << 10, of: host)
        for count in counted { memory.released(count, of: host) }
        #expect(memory.holds(128 << 10, counted: 0, of: host) == 128 << 10, "what is let go of counts no more")
        #expect(
            memory.holds(SharedMemory.perConnection, counted: 128 << 10, of: host) == 0, "a usual block isn't counted")
    }

    /// Whoever holds less than its share is let be when all hold too much together.
    @Test func unfinishedMessagesOfAllHostsAreBounded() {
        var memory = SharedMemory()
        var total = 0
        for number in 0..<100 as Range<UInt32> {
            for _ in 0..<16 {
                let counted = memory.holds(128 << 10, counted: 0, of: .v4(number))
                if counted == nil { memory.released(128 << 10, of: .v4(number)) }
                total += counted ?? 0
            }
        }
        #expect(total <= 3 * SharedMemory.most)
        #expect(memory.holds(64 << 10, counted: 0, of: .v4(1 << 20)) == 64 << 10)
    }

    /// The more is under way for all, the less is read ahead for one; one block always goes.
    @Test func blocksBeingServedAreBounded() {
        var memory = SharedMemory()
        var peers = Array(repeating: 0, count: 400)
        var isMoving = true
        while isMoving {
            isMoving = false
            for peer in peers.indices where peers[peer] < memory.servedAhead {
                peers[peer] += 16 << 10
                memory.serves(16 << 10)
                isMoving = true
            }
        }
        let total = peers.reduce(0, +)
        #expect(total <= SharedMemory.mostServed + 400 * 16 << 10 && peers.allSatisfy { $0 > 0 }, "\(total)")
    }

    // MARK: One connection

    /// A peer that we dial, and that only costs work, is dialled a few times and then no more.
    @Test func wastefulDialledPeerIsBanned() {
        let bench = SwarmBench(pieces: 64).started()
        let address = SwarmBench.address(1)
        bench.feed { $0.learn([address], from: .tracker, now: $1) }
        for strike in 1...HostBans.strikes {
            let bad = bench.connect(address, have: Array(1..<64))
            for turn in 0..<2000 {
                bench.feed { turn.isMultiple(of: 2) ? $0.choked(bad, now: $1) : $0.unchoked(bad, now: $1) }
            }
            #expect(bench.swarm.peerCount == 0 && bench.strikes.count == strike)
            #expect(bench.swarm.book.isBanned(address) == (strike == HostBans.strikes))
        }
    }

    /// Messages that mean nothing are few bytes for the peer, and work for us all the same.
    @Test func meaninglessMessagesSpendTheBudget() {
        let bench = SwarmBench().started()
        let peer = bench.connect(1, isIncoming: true)
        var messages = 0
        while bench.pause(of: peer) == nil, messages < 10_000_000 {
            bench.feed { $0.counted(1000, from: peer, now: $1) }
            messages += 1000
        }
        let limit = WorkBudget.Limit.connection
        #expect(Double(messages) <= limit.most / WorkBudget.Work.message.rawValue + 2000)
        #expect(bench.strikes.isEmpty, "a moment of many messages is waited for")
    }

    /// A peer that takes blocks at any speed pays nothing for its requests.
    @Test func servedRequestsCostNothing() {
        let bench = SwarmBench(pieces: 8, have: Array(0..<8)).started()
        let peer = bench.connect(1, isIncoming: true)
        bench.feed { $0.interested(peer, now: $1) }
        for _ in 0..<1000 {
            bench.feed { $0.counted(1000, from: peer, now: $1) }
            for _ in 0..<1000 {
                bench.swarm.served(peer, BlockRequest(piece: PieceIndex(0), begin: 0, length: 0), now: bench.now)
            }
            #expect(bench.pause(of: peer) == nil)
        }
    }

    /// What honest clients do at their busiest meets no limit.
    @Test func honestPeerMeetsNoLimit() {
        let bench = SwarmBench(pieces: 512).started()
        let peer = bench.connectSeed(1)
        bench.serveAll(peer, limit: 40)
        // It chokes with a full pipeline, and rejects each request (BEP 6); then goes on, every ten seconds.
        for _ in 0..<20 {
            bench.feed { $0.choked(peer, now: $1) }
            for _ in 0..<500 {
                bench.feed { $0.rejected(peer, BlockRequest(piece: PieceIndex(1), begin: 0, length: 16_384), now: $1) }
            }
            #expect(bench.pause(of: peer) == nil)
            bench.feed { $0.unchoked(peer, now: $1) }
            bench.advance(.seconds(10))
            bench.feed { $0.heard(peer, now: $1) }
        }
        #expect(bench.swarm.peerCount == 1 && bench.strikes.isEmpty)
    }

    @Test func listeningPortIsAcceptedOnce() {
        let bench = SwarmBench().started()
        let key = bench.connect(1, isIncoming: true)
        let host = SwarmBench.address(1).host
        for port in 7000...7050 as ClosedRange<UInt16> {
            bench.feed { $0.extended(key, reqq: nil, uploadOnly: nil, port: port, now: $1) }
        }
        #expect(bench.swarm.book.count == 1)
        #expect(bench.swarm.book[PeerAddress(host, port: 7000)] != nil)
        #expect(bench.swarm.peerReports(now: bench.now).map(\.address.port) == [7000])
    }

    /// Lies count for nothing when it is decided whom to dial.
    @Test func onlyVerifiedBytesCountAsMerit() {
        let bench = SwarmBench(pieces: 4).started()
        let liar = bench.connectSeed(1)
        _ = bench.connectSeed(2)
        let asked = bench.take().compactMap { if case .request(.peer(liar), let request) = $0 { request } else { nil } }
        for request in asked.filter({ $0.piece == asked[0].piece }) { bench.deliver(liar, request, lie: 5) }
        #expect(bench.swarm.peerReports(now: bench.now).map(\.address) == [SwarmBench.address(2)])
        #expect(bench.swarm.book[SwarmBench.address(1)]?.downloadedBytes == 0)
    }

    @Test func lyingIncomingPeerIsShunnedByHost() {
        let bench = SwarmBench(pieces: 4).started()
        let liar = bench.connect(1, isIncoming: true, have: Array(0..<4))
        let dialled = bench.connectSeed(2)
        let effects = bench.take()
        let asked = effects.compactMap { if case .request(.peer(liar), let request) = $0 { request } else { nil } }
        for request in asked.filter({ $0.piece == asked[0].piece }) { bench.deliver(liar, request, lie: 5) }
        #expect(bench.shunned == [SwarmBench.address(1).host])
        let other = effects.compactMap { if case .request(.peer(dialled), let request) = $0 { request } else { nil } }
        for request in other.filter({ $0.piece == other[0].piece }) { bench.deliver(dialled, request, lie: 5) }
        #expect(bench.shunned == [SwarmBench.address(1).host], "who was dialled is known by its address")
    }

    // MARK: Places

    /// A host that takes all places makes room for each newcomer of another; peers that are of use keep their places.
    @Test func crowdingHostMakesRoomForOthers() {
        var settings = SwarmSettings()
        settings.maximumPeers = 10
        let bench = SwarmBench(pieces: 64, settings: settings).started()
        let crowd = (0..<10).map { n in
            bench.connect(PeerAddress(.v4(0x0a63_0001), port: UInt16(2000 + n)), isIncoming: true)
        }
        for number in 1...9 {
            let key = bench.connectSeed(number)
            bench.serveAll(key, limit: 2)
        }
        let left = Set(bench.swarm.peerReports(now: bench.now).map(\.address.host))
        #expect(left.isSuperset(of: (1...9).map { SwarmBench.address($0).host }), "all nine have a place")
        #expect(bench.swarm.peerCount == 10)
        #expect(crowd.count { key in bench.swarm.peerReports(now: bench.now).contains { $0.key == key } } == 1)
        // Those that gave something don't go for more of the crowd.
        for n in 0..<20 {
            let hello = PeerInfo(
                address: PeerAddress(.v4(0x0a63_0002), port: UInt16(3000 + n)), isIncoming: true, supportsFast: true,
                supportsExtensions: true,
                client: "")
            bench.feed { _ = $0.connected(hello, now: $1) }
        }
        let after = Set(bench.swarm.peerReports(now: bench.now).map(\.address.host))
        #expect(after.isSuperset(of: (1...9).map { SwarmBench.address($0).host }))
    }

    /// While nobody comes of its own, somebody who is known is dialled in the place of one that has long been idle.
    @Test func idlePeerMakesRoomForADialledOne() {
        var settings = SwarmSettings()
        settings.maximumPeers = 3
        let bench = SwarmBench(pieces: 64, settings: settings).started()
        _ = bench.connect(1, isIncoming: true, isUnchoking: false)
        _ = bench.connect(2, isIncoming: true, isUnchoking: false)
        let giver = bench.connectSeed(3)
        var asked = bench.takeRequests(giver)
        bench.feed { $0.learn([SwarmBench.address(9)], from: .tracker, now: $1) }
        for _ in 0..<20 {
            // Somebody gives something: then the others have some time.
            asked += bench.takeRequests(giver)
            if !asked.isEmpty { bench.deliver(giver, asked.removeFirst()) }
            bench.advance(.seconds(1))
            #expect(!bench.log.contains(.dial(SwarmBench.address(9))))
        }
        asked += bench.takeRequests(giver)
        // Ten seconds without a block, and a tick.
        bench.advance(.seconds(13))
        let effects = bench.take()
        #expect(effects.contains(.dial(SwarmBench.address(9))))
        #expect(effects.count { if case .disconnect(_, .idle) = $0 { true } else { false } } == 1)
    }

    // MARK: Unidentified connections

    @Test func unidentifiedPeersAreLimitedByHostNetworkAndTotal() {
        var strangers = UnidentifiedLimits<Int>(most: 100)
        var next = 0
        func arrive(_ host: UInt32) -> Int? {
            next += 1
            return strangers.arrived(next, from: .v4(host))
        }
        for _ in 0..<UnidentifiedLimits<Int>.perHost { #expect(arrive(0x0a00_0001) == nil) }
        #expect(arrive(0x0a00_0001) == 1, "the oldest of the host goes")
        #expect(strangers.count == UnidentifiedLimits<Int>.perHost)
        var left: [Int] = []
        for host in 2...UInt32(UnidentifiedLimits<Int>.perNetwork) {
            if let leaver = arrive(0x0a00_0000 + host) { left.append(leaver) }
        }
        #expect(
            !left.isEmpty && left.allSatisfy { $0 <= UnidentifiedLimits<Int>.perHost + 1 },
            "the host of the network that has the most gives way: \(left)")
        #expect(strangers.count == UnidentifiedLimits<Int>.perNetwork)
        for host in 0..<200 as Range<UInt32> { _ = arrive(0x0b00_0000 + host << 8) }
        #expect(strangers.count == 100)
    }

    /// By seed: whatever comes and goes, the counts are right and the limits hold, and the newest is always there.
    @Test(arguments: 0..<20 as Range<UInt64>) func unidentifiedPeersStayWithinTheirLimits(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let most = Int.random(in: 1...60, using: &random)
        var strangers = UnidentifiedLimits<Int>(most: most)
        var model: [Int: PeerAddress.Host] = [:]
        for number in 0..<3000 {
            if let gone = model.keys.sorted().randomElement(using: &random), Int.random(in: 0..<3, using: &random) == 0
            {
                strangers.left(gone)
                model[gone] = nil
            }
            let host: PeerAddress.Host =
                Bool.random(using: &random)
                ? .v4(UInt32.random(in: 0..<4, using: &random) << 8 | UInt32.random(in: 0..<30, using: &random))
                : .v6(
                    UInt64.random(in: 0..<3, using: &random) << 16 | UInt64.random(in: 0..<9, using: &random),
                    random.next())
            if let leaver = strangers.arrived(number, from: host) { #expect(model.removeValue(forKey: leaver) != nil) }
            model[number] = host
            #expect(strangers.count == model.count && model.count <= most)
            #expect(
                Dictionary(grouping: model.values, by: \.subscriber).values.allSatisfy {
                    $0.count <= UnidentifiedLimits<Int>.perHost
                })
            #expect(
                Dictionary(grouping: model.values, by: \.network).values.allSatisfy {
                    $0.count <= UnidentifiedLimits<Int>.perNetwork
                })
        }
    }

    // MARK: Bans

    @Test func hostBansAndStrikesExpire() {
        var bans = HostBans()
        let host = PeerAddress.Host.v4(7)
        #expect(bans.reason(of: host, at: 0) == nil)
        let ban = bans.ban(host, reason: "lied", at: 0)
        #expect(
            ban.until == .epoch + HostBans.duration && bans.reason(of: host, at: ban.until + .seconds(-1)) == "lied")
        #expect(bans.reason(of: host, at: ban.until) == nil, "a ban expires")
        #expect(bans.reason(of: host, at: -1) == nil, "no ban is so long: a clock was wrong")
        #expect(HostBans([ban]).reason(of: host, at: 1) == "lied", "it is remembered")
        for strike in 1...HostBans.strikes {
            #expect(
                (bans.strike(.v6(1, 2), reason: "waste", at: Timestamp(Int64(strike))) != nil)
                    == (strike == HostBans.strikes))
        }
        #expect(bans.reason(of: .v6(1, 99), at: 5) == "waste", "all of its /64")
        #expect(bans.reason(of: .v6(2, 2), at: 5) == nil)
        for n in 0..<10 as Range<Int64> {
            #expect(
                bans.strike(.v4(9), reason: "waste", at: .epoch + HostBans.strikeMemory * n) == nil,
                "strikes are forgotten")
        }
    }

    @Test func hostBansAreLimited() {
        var bans = HostBans()
        for number in 0..<UInt32(HostBans.capacity + 10) {
            _ = bans.ban(.v4(number), reason: "lied", at: Timestamp(Int64(number)))
        }
        let last = Timestamp(Int64(HostBans.capacity))
        #expect(
            bans.reason(of: .v4(0), at: last) == nil
                && bans.reason(of: .v4(UInt32(HostBans.capacity)), at: last) == "lied")
        for number in 0..<UInt32(3 * HostBans.capacity) {
            _ = bans.strike(.v4(1 << 20 + number), reason: "waste", at: 0)
        }
        #expect(bans.struckHosts <= HostBans.capacity)
    }
}
