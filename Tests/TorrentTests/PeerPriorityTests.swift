import Testing
import Torrent

/// The canonical priority of a connection is the same at both ends, and as BEP 40 has it.
struct PeerPriorityTests {
    @Test(arguments: [
        ("123.213.32.10:1", "98.76.54.32:2", UInt32(0xec2d_7224)),
        ("123.213.32.10:1", "123.213.32.234:2", UInt32(0x9956_8189)),
    ])
    func examplesOfTheSpecificationHold(one: String, other: String, priority: UInt32) throws {
        let (one, other) = (try #require(PeerAddress(one)), try #require(PeerAddress(other)))
        #expect(PeerPriority.of(one, other) == priority)
        #expect(PeerPriority.of(other, one) == priority)
    }

    @Test func portsCountOnlyForOneHost() throws {
        func address(_ text: String) throws -> PeerAddress { try #require(PeerAddress(text)) }
        let (a, b) = (try address("10.0.0.1:1"), try address("10.0.0.1:2"))
        #expect(PeerPriority.of(a, b) == PeerPriority.of(b, a))
        #expect(PeerPriority.of(a, b) != PeerPriority.of(a, try address("10.0.0.1:3")))
        #expect(PeerPriority.of(a, try address("10.9.0.1:3")) == PeerPriority.of(b, try address("10.9.0.1:4")))
        #expect(PeerPriority.of(a, try address("[2001:db8::1]:1")) == nil)
    }

    /// Bits that a network can choose freely don't count, unless the networks are near each other.
    @Test func freeBitsAreMasked() throws {
        func priority(_ one: String, _ other: String) throws -> UInt32? {
            PeerPriority.of(try #require(PeerAddress(one)), try #require(PeerAddress(other)))
        }
        #expect(try priority("1.2.3.4:1", "9.9.0.0:1") == priority("1.2.3.4:1", "9.9.170.170:1"))
        #expect(try priority("1.2.3.4:1", "1.2.0.0:1") != priority("1.2.3.4:1", "1.2.170.0:1"))
        #expect(try priority("[2001:1::1]:1", "[2002:1:1::]:1") == priority("[2001:1::1]:1", "[2002:1:1:aaaa::aa]:1"))
        #expect(try priority("[2001:1:1::1]:1", "[2001:1:1::2]:1") != nil)
    }
}
