import DHT
import Testing
import Torrent

struct LookupTests {
    private static let token: [UInt8] = [1]

    /// Nodes of a local network: their ids suit their addresses. The first is the closest to the target, zero.
    private static func contact(_ n: Int, host: UInt32 = 0x0a00_0001) -> NodeContact {
        let id = NodeID([0, UInt8(n)] + [UInt8](repeating: 0, count: 18))!
        return NodeContact(id: id, address: PeerAddress(.v4(host), port: UInt16(1000 + n)))
    }

    private static func lookup(_ count: Int, needsTokens: Bool = true, effort: Lookup.Effort = .thorough) -> Lookup {
        var lookup = Lookup(target: .zero, needsTokens: needsTokens, effort: effort)
        for n in 1...count { lookup.add(contact(n), toldBy: nil) }
        return lookup
    }

    private static func all(_ lookup: inout Lookup) -> [Int] {
        var ports: [Int] = []
        while let next = lookup.next() { ports.append(Int(next.address.port) - 1000) }
        return ports
    }

    @Test func closestNodesAreAskedFirst() {
        var lookup = Self.lookup(20)
        #expect(Self.all(&lookup) == [1, 2, 3, 4, 5])
        lookup.answered(Self.contact(3), token: Self.token)
        #expect(Self.all(&lookup) == [6])
        lookup.failed(Self.contact(1).address)
        #expect(Self.all(&lookup) == [7])
    }

    @Test func overdueQueryFreesItsSlotAndItsLateAnswerCounts() {
        var lookup = Self.lookup(20)
        _ = Self.all(&lookup)
        lookup.isOverdue(Self.contact(2).address)
        #expect(Self.all(&lookup) == [6])
        lookup.isLate(Self.contact(2).address)
        lookup.answered(Self.contact(2), token: Self.token)
        #expect(lookup.answered.map(\.contact) == [Self.contact(2)])
    }

    @Test func farNodesInFlightDoNotHoldUpCloserOnes() {
        var lookup = Self.lookup(5)
        _ = Self.all(&lookup)
        // One answer names nodes that are closer than all that are asked.
        let closer = (0..<5).map { n in
            NodeContact(
                id: NodeID([0, 0, UInt8(n + 1)] + [UInt8](repeating: 0, count: 17))!,
                address: PeerAddress(.v4(0x0a00_0002), port: UInt16(2000 + n)))
        }
        for node in closer { lookup.add(node, toldBy: nil) }
        lookup.answered(Self.contact(5), token: Self.token)
        #expect(Self.all(&lookup).count == 5)
    }

    @Test func endsWithTheEightClosest() {
        var lookup = Self.lookup(20)
        for n in 1...8 {
            #expect(!lookup.isDone)
            while lookup.next() != nil {}
            lookup.answered(Self.contact(n), token: Self.token)
        }
        // Four more are on their way, but they are farther away.
        #expect(lookup.isDone)
        #expect(lookup.nearest == (1...8).map { Self.contact($0) })
        #expect(lookup.announceTargets.count == 8)
        #expect(lookup.next() == nil)
    }

    @Test func waitsForTheClosestOnlyForAWhile() {
        var lookup = Self.lookup(20)
        for n in 2...8 {
            while lookup.next() != nil {}
            lookup.answered(Self.contact(n), token: Self.token)
        }
        while lookup.next() != nil {}
        lookup.answered(Self.contact(9), token: Self.token)
        #expect(!lookup.isDone)
        lookup.isOverdue(Self.contact(1).address)
        #expect(!lookup.isDone)
        lookup.isLate(Self.contact(1).address)
        #expect(lookup.isDone)
        #expect(lookup.nearest == (2...9).map { Self.contact($0) })
    }

    @Test func fullNodesPushTheAnnounceOutwards() {
        var lookup = Self.lookup(20)
        for n in 1...16 {
            #expect(!lookup.isDone, "\(n)")
            while lookup.next() != nil {}
            lookup.answered(Self.contact(n), token: n <= 8 ? nil : Self.token)
        }
        #expect(lookup.isDone)
        #expect(lookup.announceTargets.map(\.contact) == (9...16).map { Self.contact($0) })
        #expect(lookup.nearest == (1...8).map { Self.contact($0) })
    }

    /// Eight sybils next to the target, whose ids don't suit their addresses, get the announce, and so do the four
    /// closest nodes that are honest.
    @Test func sybilsDoNotTakeTheWholeAnnounce() {
        var random = SeededGenerator(seed: 1)
        var lookup = Lookup(target: .zero, needsTokens: true, effort: .thorough)
        var honest: [NodeContact] = []
        for n in 0..<12 {
            let sybil = NodeContact(
                id: NodeID([UInt8](repeating: 0, count: 19) + [UInt8(n + 1)])!,
                address: PeerAddress(.v4(0x2000_0001 + UInt32(n) << 8), port: 5000))
            lookup.add(sybil, toldBy: nil)
            let host = PeerAddress.Host.v4(0x3000_0001 + UInt32(n) << 8)
            honest.append(
                NodeContact(id: SecureNodeID.make(for: host, using: &random), address: PeerAddress(host, port: 5000)))
            lookup.add(honest[n], toldBy: nil)
        }
        while !lookup.isDone, let next = lookup.next() { lookup.answered(next, token: Self.token) }
        #expect(lookup.isDone)
        let honestTargets = lookup.announceTargets.filter(\.isSecure).map(\.contact)
        let closest = honest.sorted { $0.id.isCloser(than: $1.id, to: .zero) }.prefix(4)
        #expect(honestTargets == Array(closest))
        #expect(lookup.announceTargets.count == 12)
    }

    @Test func oneNetworkHasOneCandidate() {
        var lookup = Lookup(target: .zero, needsTokens: false, effort: .thorough)
        for n in 1..<50 { lookup.add(Self.contact(n, host: 0x0808_0800 + UInt32(n)), toldBy: nil) }
        #expect(lookup.candidateCount == 1)
        // When it fails, another one of the network may be tried.
        let first = lookup.next()!
        lookup.failed(first.address)
        let isNew12 = lookup.add(Self.contact(60, host: 0x0808_0877), toldBy: nil)
        #expect(isNew12)
    }

    @Test func candidatesAreBounded() {
        var lookup = Lookup(target: .zero, needsTokens: false, effort: .thorough)
        var random = SeededGenerator(seed: 1)
        for n in 0..<5000 {
            lookup.add(
                NodeContact(
                    id: .random(using: &random), address: PeerAddress(.v4(0x0a00_0000 + UInt32(n)), port: 5000)),
                toldBy: nil)
        }
        #expect(lookup.candidateCount == Lookup.mostCandidates)
        // Liars who name ever closer nodes don't keep it busy for ever.
        var closeness = 5000
        while let next = lookup.next() {
            lookup.answered(next, token: nil)
            closeness += 1
            for _ in 0..<8 {
                let id = NodeID([0, 0] + (0..<18).map { _ in UInt8.random(in: 0...255, using: &random) })!
                closeness += 1
                lookup.add(
                    NodeContact(id: id, address: PeerAddress(.v4(0x0a00_0000 + UInt32(closeness)), port: 5000)),
                    toldBy: nil)
            }
        }
        #expect(lookup.isDone && lookup.queryCount <= Lookup.mostQueries)
    }

    @Test func nothingToAskIsTheEnd() {
        let lookup = Lookup(target: .zero, needsTokens: true, effort: .thorough)
        #expect(lookup.isDone && lookup.nearest.isEmpty)
        var one = Self.lookup(1)
        #expect(one.next() != nil && !one.isDone)
        one.failed(Self.contact(1).address)
        #expect(one.isDone)
    }

    @Test func entryWithoutIDIsWaitedFor() {
        var lookup = Lookup(target: .zero, needsTokens: true, effort: .thorough)
        lookup.asked(entry: Self.contact(4).address)
        #expect(!lookup.isDone)
        lookup.answered(Self.contact(4), token: Self.token)
        #expect(lookup.isDone && lookup.nearest == [Self.contact(4)])
    }

    // MARK: Brief

    @Test func briefSearchAsksAllStoredNodesAtOnce() {
        var lookup = Self.lookup(8, effort: .brief)
        #expect(Self.all(&lookup).count == 8)
        for n in 1...8 {
            lookup.answered(Self.contact(n), token: Self.token)
            // Nodes that are named are closer, but the stored ones are good enough.
            lookup.add(
                NodeContact(
                    id: NodeID([0, 0, UInt8(n)] + [UInt8](repeating: 0, count: 17))!,
                    address: PeerAddress(.v4(0x0a00_0009), port: UInt16(3000 + n))), toldBy: nil)
        }
        #expect(lookup.isDone && lookup.queryCount == 8)
        #expect(lookup.announceTargets.count == 8)
    }

    @Test(arguments: 0...8) func briefSearchCostsAtMostSixteenPackets(deadCount: Int) {
        var lookup = Self.lookup(8, effort: .brief)
        _ = Self.all(&lookup)
        for n in 1...8 {
            if n <= deadCount {
                lookup.isOverdue(Self.contact(n).address)
                lookup.isLate(Self.contact(n).address)
                lookup.failed(Self.contact(n).address)
            } else {
                lookup.answered(Self.contact(n), token: Self.token)
            }
            lookup.add(
                NodeContact(
                    id: NodeID([0, 0, UInt8(n)] + [UInt8](repeating: 0, count: 17))!,
                    address: PeerAddress(.v4(0x0a00_0009), port: UInt16(3000 + n))), toldBy: nil)
            while let next = lookup.next() { lookup.answered(next, token: Self.token) }
        }
        #expect(lookup.isDone)
        #expect(lookup.queryCount + lookup.announceTargets.count <= 16)
        #expect(lookup.announceTargets.count >= 4)
    }
}
