import Testing
import Torrent
import TrackerWire

/// The machine in virtual time: a script of events, and what the machine wants after each.
@Suite struct UDPTrackerMachineTests {
    /// A machine with its clock and its dice, as the transport holds it.
    private struct Play: ~Copyable {
        var machine: UDPTrackerMachine
        var random = SeededGenerator(seed: 1)
        var now: Duration = .seconds(1000)

        init(
            _ question: UDPTrackerMachine.Question = .announce(Samples.request(), urlData: ""),
            connection: UDPTrackerMachine.Connection? = nil,
            retransmissions: Int = UDPTrackerMachine.defaultRetransmissions
        ) {
            machine = UDPTrackerMachine(
                question, overIPv6: false, connection: connection, maximumRetransmissions: retransmissions)
        }

        mutating func start() -> UDPTrackerMachine.Step { machine.start(now: now, using: &random) }
        mutating func receive(_ bytes: [UInt8]) -> UDPTrackerMachine.Step {
            machine.received(bytes, now: now, using: &random)
        }
        mutating func timer(after seconds: Int) -> UDPTrackerMachine.Step {
            now += .seconds(seconds)
            return machine.timer(now: now, using: &random)
        }

        /// The tracker's answer to what is waited for.
        func answer(_ action: UInt32, _ rest: [UInt8]) -> [UInt8] {
            word(action) + word(machine.transaction ?? 0) + rest
        }
    }

    /// What a step sends: the action and the seconds that are waited for.
    private struct Sent: Equatable {
        let action: UInt8
        let seconds: Int64

        init?(_ step: UDPTrackerMachine.Step, _ now: Duration) {
            guard case .send(let bytes, let until) = step else { return nil }
            action = bytes[11]
            seconds = (until - now).components.seconds
        }

        init(_ action: UInt8, _ seconds: Int64) {
            self.action = action
            self.seconds = seconds
        }
    }

    private static let granted: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    private static let peers: [UInt8] = [0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 3, 10, 0, 0, 1, 0, 80]

    @Test func connectPrecedesAnnounce() {
        var play = Play()
        let connect = play.start()
        #expect(Sent(connect, play.now) == Sent(0, 15))
        play.now += .seconds(2)
        let announce = play.receive(play.answer(0, Self.granted))
        #expect(Sent(announce, play.now) == Sent(1, 15))
        guard case .send(let bytes, _) = announce else { return }
        #expect(Array(bytes.prefix(8)) == Self.granted)
        let done = play.receive(play.answer(1, Self.peers))
        let response = AnnounceResponse(
            interval: .seconds(3600), complete: 3, incomplete: 2, peers: [PeerAddress("10.0.0.1:80")!])
        #expect(done == .done(.announce(response)))
        let connection = play.machine.connection
        #expect(connection == .init(id: 0x0102_0304_0506_0708, expires: .seconds(1062)))
        let again = play.timer(after: 500)
        #expect(again == done)
    }

    @Test func scrapeCountsFollowTheRequestOrder() {
        var play = Play(.scrape(ScrapeRequest([Samples.infoHash, Samples.otherHash], over: .udp)))
        _ = play.start()
        let ask = play.receive(play.answer(0, Self.granted))
        #expect(Sent(ask, play.now) == Sent(2, 15))
        let done = play.receive(play.answer(2, word(1) + word(2) + word(3)))
        #expect(
            done == .done(.scrape(ScrapeResponse([Samples.infoHash: .init(complete: 1, downloaded: 2, incomplete: 3)])))
        )
    }

    @Test func liveConnectionIsReused() {
        var play = Play(connection: .init(id: 5, expires: .seconds(1001)))
        let first = play.start()
        #expect(Sent(first, play.now) == Sent(1, 15))
        var late = Play(connection: .init(id: 5, expires: .seconds(1000)))
        let connect = late.start()
        #expect(Sent(connect, late.now) == Sent(0, 15))
    }

    @Test(arguments: [0, 1, 2, 8]) func machineGivesUpAfterItsPatience(retransmissions: Int) {
        var play = Play(retransmissions: retransmissions)
        var step = play.start()
        var transactions: Set<[UInt8]> = []
        for n in 0...retransmissions {
            #expect(Sent(step, play.now) == Sent(0, 15 << n))
            if case .send(let bytes, _) = step { transactions.insert(bytes) }
            step = play.timer(after: 15 << n)
        }
        let patience = UDPTrackerMachine.patience(retransmissions: retransmissions)
        #expect(step == .failed(.timedOut(after: patience)))
        #expect(play.now == .seconds(1000) + patience)
        #expect(transactions.count == 1, "a retransmission is the same packet")
    }

    /// The third example of BEP 15: the connection id expires while announces are not answered.
    @Test func expiredConnectionIsReopened() {
        var play = Play(retransmissions: 8)
        _ = play.start()
        _ = play.receive(play.answer(0, Self.granted))
        let second = play.timer(after: 15)
        #expect(Sent(second, play.now) == Sent(1, 30))
        let third = play.timer(after: 30)
        #expect(Sent(third, play.now) == Sent(1, 60))
        let reconnect = play.timer(after: 60)
        #expect(Sent(reconnect, play.now) == Sent(0, 120))
        let announce = play.receive(play.answer(0, Self.granted))
        #expect(Sent(announce, play.now) == Sent(1, 120))
    }

    @Test func reusedConnectionGetsOneChance() {
        var refused = Play(connection: .init(id: 5, expires: .seconds(1059)))
        _ = refused.start()
        let reconnect = refused.receive(refused.answer(3, utf8("bad connection")))
        #expect(Sent(reconnect, refused.now) == Sent(0, 15))
        _ = refused.receive(refused.answer(0, Self.granted))
        let failed = refused.receive(refused.answer(3, utf8("not registered")))
        #expect(failed == .failed(.failure(reason: "not registered", retry: nil)))
        let connection = refused.machine.connection
        #expect(connection == nil)

        var silent = Play(connection: .init(id: 5, expires: .seconds(1059)))
        _ = silent.start()
        let afresh = silent.timer(after: 15)
        #expect(Sent(afresh, silent.now) == Sent(0, 30))
    }

    @Test func foreignTransactionsAreIgnored() {
        var play = Play()
        guard case .send(_, let until) = play.start() else { return }
        let transaction = play.machine.transaction ?? 0
        play.now += .seconds(1)
        for bytes in [
            word(0) + word(transaction &+ 1) + Self.granted, word(3) + word(transaction ^ 1) + utf8("no"), [],
            [0, 0, 0],
        ] {
            let step = play.receive(bytes)
            #expect(step == .wait(until: until))
        }
        let early = play.timer(after: 1)
        #expect(early == .wait(until: until))
    }

    @Test(
        arguments: [
            (3, utf8("gone"), .failure(reason: "gone", retry: nil)),
            (3, [], .failure(reason: "no reason given", retry: nil)),
            (
                1, [],
                .failure(reason: "it sent an empty answer, as for a torrent that it doesn't track", retry: nil)
            ),
            (0, [1, 2], .truncated("a packet of 10 bytes has no connection id")),
            (1, peers, .malformed("its packet is not of the requested kind")),
            (9, [], .malformed("a packet has the unknown action 9")),
        ] as [(UInt32, [UInt8], TrackerError)])
    func wrongPacketFailsTheRequest(_ action: UInt32, _ rest: [UInt8], _ error: TrackerError) {
        var play = Play()
        _ = play.start()
        let step = play.receive(play.answer(action, rest))
        #expect(step == .failed(error))
        let transaction = play.machine.transaction
        #expect(transaction == nil)
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func anyExchangeEnds(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var play = Play(retransmissions: 8)
        var step = play.start()
        var sent = 0
        // A tracker that answers at random, and never with what was asked for.
        for _ in 0..<100_000 {
            switch step {
            case .send(_, let until), .wait(let until):
                if case .send = step { sent += 1 }
                if Bool.random(using: &random) {
                    step = play.receive(play.answer(0, Self.granted + random.bytes(Int(random.next() % 9))))
                } else {
                    step = play.receive(random.bytes(Int(random.next() % 40)))
                }
                if case .wait = step { step = play.timer(after: Int((until - play.now).components.seconds)) }
            case .done, .failed:
                #expect(sent <= 40, "seed \(seed)")
                return
            }
        }
        Issue.record("seed \(seed) does not end")
    }
}

private func word(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) } }
