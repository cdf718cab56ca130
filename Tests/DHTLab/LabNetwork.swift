package import Torrent

/// A network of DHT nodes in virtual time: the same seed gives the same delays and losses.
package final class LabNetwork {
    package private(set) var now = Instant.origin + .seconds(1000)
    package private(set) var datagramCount = 0
    package private(set) var byteCount = 0
    /// The length of the longest datagram.
    package private(set) var longest = 0
    /// The share of datagrams that get lost.
    package var loss = 0.0
    /// The delays of one way: half of it belongs to each end.
    package var delays = Duration.milliseconds(10)...Duration.milliseconds(150)
    private var random: SeededGenerator
    private var events = LabEvents()
    private var members: [PeerAddress: any LabMember] = [:]
    private var delayOf: [PeerAddress: Duration] = [:]
    private var wakeOf: [PeerAddress: Instant] = [:]

    package init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    package func add(_ member: any LabMember) {
        members[member.address] = member
        schedule(member)
    }

    package func remove(_ address: PeerAddress) { members[address] = nil }

    /// Sends what a member wants to send, after an event from outside.
    package func send(_ datagrams: [LabDatagram], of member: any LabMember) {
        for datagram in datagrams {
            datagramCount += 1
            byteCount += datagram.bytes.count
            longest = max(longest, datagram.bytes.count)
            guard members[datagram.to] != nil, Double.random(in: 0..<1, using: &random) >= loss else { continue }
            events.add(
                .deliver(datagram.bytes, from: datagram.from, to: datagram.to),
                at: now + delay(of: member.address) + delay(of: datagram.to))
        }
        schedule(member)
    }

    /// Lets everything happen until `end`, or until `isDone` holds.
    package func run(for duration: Duration, until isDone: () -> Bool = { false }) {
        let end = now + duration
        while let next = events.next, next <= end, !isDone(), let (at, kind) = events.takeNext() {
            now = max(now, at)
            switch kind {
            case .deliver(let bytes, let from, let to):
                guard let member = members[to] else { continue }
                send(member.receive(bytes, from: from, now: now), of: member)
            case .wake(let address):
                guard let member = members[address], wakeOf[address] == at else { continue }
                wakeOf[address] = nil
                send(member.wake(now: now), of: member)
            }
        }
        if !isDone() { now = max(now, end) }
    }

    /// The time from one end to the other and back.
    package func roundTrip(_ a: PeerAddress, _ b: PeerAddress) -> Duration { (delay(of: a) + delay(of: b)) * 2 }

    private func delay(of address: PeerAddress) -> Duration {
        if let known = delayOf[address] { return known }
        let range = delays.lowerBound.nanoseconds / 2...delays.upperBound.nanoseconds / 2
        let delay = Duration.nanoseconds(Int64.random(in: range, using: &random))
        delayOf[address] = delay
        return delay
    }

    private func schedule(_ member: any LabMember) {
        guard let wake = member.nextWake else { return }
        let at = max(wake, now)
        if let known = wakeOf[member.address], known <= at { return }
        wakeOf[member.address] = at
        events.add(.wake(member.address), at: at)
    }
}
