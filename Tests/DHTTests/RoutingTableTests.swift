import DHT
import Testing
import Torrent

struct RoutingTableTests {
    private static let start = Instant.origin + .seconds(100)

    /// A public address of its own network.
    private static func address(_ n: Int) -> PeerAddress {
        PeerAddress(.v4(0x2000_0001 + UInt32(n) << 8), port: 6881)
    }

    private static func table(nodes: Int, seed: UInt64) -> (RoutingTable, [NodeContact]) {
        var random = SeededGenerator(seed: seed)
        var table = RoutingTable(own: .random(using: &random))
        var contacts: [NodeContact] = []
        for n in 0..<nodes {
            let contact = NodeContact(id: .random(using: &random), address: address(n))
            contacts.append(contact)
            table.answered(contact, roundTrip: .milliseconds(n % 200), now: start)
        }
        return (table, contacts)
    }

    @Test(arguments: 0..<10 as Range<UInt64>) func closestNodesAreTheClosest(seed: UInt64) {
        let (table, _) = Self.table(nodes: 3000, seed: seed)
        #expect(table.count > 250 && table.count < 500)
        var random = SeededGenerator(seed: seed ^ 77)
        for n in 0..<30 {
            let target = n == 0 ? table.own : NodeID.random(using: &random)
            let closest = table.closest(to: target, count: 8, onlyGood: true).map(\.contact)
            let best = table.nodes.map(\.contact).sorted { $0.id.isCloser(than: $1.id, to: target) }.prefix(8)
            #expect(closest == Array(best), "seed \(seed)")
        }
    }

    @Test(arguments: 0..<5 as Range<UInt64>) func bucketsCoverTheirSpaceEvenly(seed: UInt64) {
        let (table, _) = Self.table(nodes: 3000, seed: seed)
        let far = table.nodes.filter { $0.contact.id.sharedPrefix(with: table.own) == 0 }
        #expect(far.count == 128)
        let parts = Set(far.map { $0.contact.id.bits(after: 1, count: 7) })
        #expect(parts.count > 115, "\(parts.count) of 128 parts have a node, seed \(seed)")
    }

    @Test func onlyGoodNodesAreToldToOthers() {
        var random = SeededGenerator(seed: 1)
        var table = RoutingTable(own: .random(using: &random))
        let restored = NodeContact(id: .random(using: &random), address: Self.address(1))
        table.restore(restored)
        #expect(table.closest(to: restored.id, count: 8, onlyGood: true).isEmpty)
        #expect(table.closest(to: restored.id, count: 8, onlyGood: false).map(\.contact) == [restored])
        table.heardOf(NodeContact(id: .random(using: &random), address: Self.address(2)))
        #expect(table.closest(to: restored.id, count: 8, onlyGood: false).count == 1)
        table.answered(restored, roundTrip: .milliseconds(10), now: Self.start)
        #expect(table.closest(to: restored.id, count: 8, onlyGood: true).map(\.contact) == [restored])
        table.failed(restored.address)
        #expect(table.closest(to: restored.id, count: 8, onlyGood: true).isEmpty)
    }

    @Test func hearsayReplacesNothing() {
        let (table, contacts) = Self.table(nodes: 3000, seed: 1)
        var attacked = table
        var random = SeededGenerator(seed: 2)
        for n in 0..<3000 {
            // Known addresses under other ids, and known ids at other addresses.
            attacked.heardOf(NodeContact(id: .random(using: &random), address: contacts[n].address))
            attacked.heardOf(NodeContact(id: contacts[n].id, address: Self.address(10_000 + n)))
        }
        #expect(attacked.nodes == table.nodes)
        #expect(attacked.spareCount <= 240 + 8 * attacked.bucketCount)
    }

    @Test func idBelongsToWhoHadItFirst() {
        var random = SeededGenerator(seed: 1)
        var table = RoutingTable(own: .random(using: &random))
        let id = NodeID.random(using: &random)
        let (first, second) = (
            NodeContact(id: id, address: Self.address(1)), NodeContact(id: id, address: Self.address(2))
        )
        table.answered(first, roundTrip: .milliseconds(50), now: Self.start)
        table.answered(second, roundTrip: .milliseconds(1), now: Self.start)
        #expect(table.nodes.map(\.contact) == [first])
        table.failed(first.address)
        table.answered(second, roundTrip: .milliseconds(1), now: Self.start)
        #expect(table.nodes.map(\.contact) == [second])
    }

    @Test func nodeThatAnswersUnderAnotherIDIsRemoved() {
        var random = SeededGenerator(seed: 1)
        var table = RoutingTable(own: .random(using: &random))
        table.answered(
            NodeContact(id: .random(using: &random), address: Self.address(1)), roundTrip: .zero, now: Self.start)
        let other = NodeContact(id: .random(using: &random), address: Self.address(1))
        #expect(!table.isConsistent(other))
        table.answered(other, roundTrip: .zero, now: Self.start)
        #expect(table.count == 0)
        table.answered(other, roundTrip: .zero, now: Self.start)
        #expect(table.nodes.map(\.contact) == [other])
    }

    @Test func publicHostHasOneNode() {
        var random = SeededGenerator(seed: 1)
        var table = RoutingTable(own: .random(using: &random))
        for port in 1000..<1100 as Range<UInt16> {
            table.answered(
                NodeContact(id: .random(using: &random), address: PeerAddress(.v4(0x0808_0808), port: port)),
                roundTrip: .zero, now: Self.start)
            table.answered(
                NodeContact(
                    id: .random(using: &random),
                    address: PeerAddress(.v6(0x2600_0000_0000_0001, UInt64(port)), port: 1000)),
                roundTrip: .zero, now: Self.start)
        }
        #expect(table.count == 2)
        for port in 1000..<1050 as Range<UInt16> {
            table.answered(
                NodeContact(id: .random(using: &random), address: PeerAddress(.v4(0x7f00_0001), port: port)),
                roundTrip: .zero, now: Self.start)
        }
        #expect(table.count == 52)
    }

    @Test func failingNodeGivesItsPlaceToOneThatAnswers() {
        let (table, _) = Self.table(nodes: 3000, seed: 3)
        var changed = table
        var random = SeededGenerator(seed: 4)
        let far = table.nodes.filter { $0.contact.id.sharedPrefix(with: table.own) == 0 }[5]
        // No spare node: it stays for a while.
        changed.failed(far.contact.address)
        if changed.node(at: far.contact.address) != nil {
            let new = NodeContact(id: table.own.random(sharing: 0, using: &random), address: Self.address(60_000))
            changed.answered(new, roundTrip: .milliseconds(5), now: Self.start)
            #expect(changed.node(at: new.address) != nil)
        }
        #expect(changed.node(at: far.contact.address) == nil)
        #expect(changed.count == table.count)
    }

    @Test func tableSurvivesAnOutageOfTheNetwork() {
        var (table, _) = Self.table(nodes: 100, seed: 3)
        let count = table.count
        for _ in 0..<RoutingTable.mostFailures - 1 { for node in table.nodes { table.failed(node.contact.address) } }
        #expect(table.count == count && table.goodCount == 0)
        for node in table.nodes { table.failed(node.contact.address) }
        #expect(table.count == 0)
    }

    /// Whoever can choose ids makes ever closer ones.
    @Test func madeUpIDsDoNotSplitBucketsForEver() {
        var random = SeededGenerator(seed: 1)
        var table = RoutingTable(own: .random(using: &random))
        for n in 0..<5000 {
            table.answered(
                NodeContact(id: table.own.random(sharing: n % 160, using: &random), address: Self.address(n)),
                roundTrip: .zero, now: Self.start)
        }
        #expect(table.bucketCount <= RoutingTable.mostBuckets)
        #expect(table.count <= 240 + 8 * RoutingTable.mostBuckets)
        #expect(table.spareCount <= 240 + 8 * table.bucketCount)
    }

    @Test func nodesMoveWithTheID() {
        let (table, _) = Self.table(nodes: 500, seed: 3)
        var random = SeededGenerator(seed: 9)
        let moved = table.rehomed(to: .random(using: &random))
        #expect(moved.count > table.count / 2)
        let target = NodeID.random(using: &random)
        let best = moved.nodes.map(\.contact).sorted { $0.id.isCloser(than: $1.id, to: target) }.prefix(8)
        #expect(moved.closest(to: target, count: 8, onlyGood: false).map(\.contact) == Array(best))
    }

    @Test func unusableNodesAreNotKept() {
        var random = SeededGenerator(seed: 1)
        var table = RoutingTable(own: .random(using: &random))
        for address in ["8.8.8.8:0", "8.8.8.8:1", "0.0.0.0:5000", "224.0.0.1:5000", "[::]:5000", "[ff02::1]:5000"] {
            table.answered(
                NodeContact(id: .random(using: &random), address: PeerAddress(address)!), roundTrip: .zero,
                now: Self.start)
        }
        table.answered(NodeContact(id: .zero, address: Self.address(1)), roundTrip: .zero, now: Self.start)
        table.answered(NodeContact(id: table.own, address: Self.address(1)), roundTrip: .zero, now: Self.start)
        #expect(table.count == 0)
    }
}
