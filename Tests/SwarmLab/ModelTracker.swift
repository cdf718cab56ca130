import Swarm
import Torrent

/// A tracker as a source of addresses.
struct ModelTracker {
    enum Kind: CaseIterable, Sendable {
        case honest
        /// It never answers.
        case dead
        /// It answers with what can't be dialled, or with nobody.
        case lying
    }

    let kind: Kind
    let url: String

    /// Addresses of nobody: no host, no port, a group, broadcast, and hosts that are off.
    static let rubbish = [
        PeerAddress(.v4(0), port: 6881), PeerAddress(.v4(0x0a00_0001), port: 0),
        PeerAddress(.v4(0xe000_0001), port: 6881),
        PeerAddress(.v4(0xffff_ffff), port: 6881), PeerAddress(.v6(0, 0), port: 6881),
        PeerAddress(.v6(0xff02 << 48, 1), port: 6881),
        PeerAddress(.v4(0x0a09_0001), port: 6881), PeerAddress(.v4(0x0a09_0002), port: 6881),
    ]

    /// The addresses that it answers; `nil` when it doesn't answer.
    func answer(_ members: [PeerAddress], using random: inout SeededGenerator) -> [PeerAddress]? {
        switch kind {
        case .honest: (members + Self.rubbish.filter { _ in random.chance(0.3) }).shuffled(using: &random)
        case .dead: nil
        case .lying: Self.rubbish.shuffled(using: &random)
        }
    }
}
