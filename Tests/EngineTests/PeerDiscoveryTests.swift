import Engine
import Swarm
import Testing
import Torrent

/// Law 8 of the design: private means private.
@Suite struct PeerDiscoveryTests {
    /// The ways in which the peers of a private torrent may become known (BEP 27).
    private static let ofPrivateTorrents: Set<PeerSource> = [.tracker, .manual, .incoming, .history]

    /// Random peers from random sources, for private torrents and others: peers of a private torrent exist only if its
    /// trackers, its user, or the peers themselves brought them.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func privateTorrentGetsPeersOnlyFromItsTrackers(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let isPrivate = Bool.random(using: &random)
            let source = PeerSource.allCases.randomElement(using: &random) ?? .dht
            let addresses = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                PeerAddress(.v4(UInt32.random(in: 0x0a00_0001...0x0aff_fffe, using: &random)), port: 6881)
            }
            let found = FoundPeers(addresses, from: source, isPrivate: isPrivate)
            let isAllowed = !isPrivate || Self.ofPrivateTorrents.contains(source)
            #expect((found != nil) == isAllowed, "seed \(seed): \(source), private: \(isPrivate)")
            guard let found else { continue }
            #expect(found.addresses == addresses && found.source == source, "seed \(seed)")
        }
    }

    /// Every way to find peers is subject to the rule, because it can make peers in no other way.
    @Test func everyWayToFindPeersKnowsItsSource() {
        let ways: [any PeerDiscovery.Type] = [AnnounceService.self, TorrentAnnounces.self, DHTService.self]
        for way in ways {
            #expect((way.found([], isPrivate: true) != nil) == way.source.isAllowed(isPrivate: true))
            #expect(way.found([], isPrivate: false) != nil)
        }
    }
}
