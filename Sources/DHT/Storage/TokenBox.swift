package import Torrent

/// Gives and checks the tokens that a peer must return to announce, so that no host announces another one.
package struct TokenBox {
    /// Bytes of a token.
    static let length = 8
    /// How long a secret is used. A token of the secret before is accepted too, so a token lives 5 to 10 minutes.
    static let turn = Duration.seconds(300)
    private static let secretLength = 20

    private var secrets: (current: [UInt8], previous: [UInt8])
    private(set) var nextTurn: Instant

    package init(using random: inout SecretGenerator, now: Instant) {
        secrets = (random.bytes(Self.secretLength), random.bytes(Self.secretLength))
        nextTurn = now + Self.turn
    }

    package mutating func turn(using random: inout SecretGenerator, now: Instant) {
        guard now >= nextTurn else { return }
        // After a suspension of the machine, neither secret is young enough.
        let previous = now - nextTurn < Self.turn ? secrets.current : random.bytes(Self.secretLength)
        secrets = (random.bytes(Self.secretLength), previous)
        nextTurn = now + Self.turn
    }

    package func token(for host: PeerAddress.Host, _ hash: InfoHash) -> [UInt8] {
        Self.token(secrets.current, host, hash)
    }

    package func accepts(_ token: [UInt8], from host: PeerAddress.Host, _ hash: InfoHash) -> Bool {
        let (current, previous) = (
            Self.token(secrets.current, host, hash), Self.token(secrets.previous, host, hash)
        )
        return token == current || token == previous
    }

    private static func token(_ secret: [UInt8], _ host: PeerAddress.Host, _ hash: InfoHash) -> [UInt8] {
        Array(SHA1.hash(secret + PeerAddress(host, port: 0).compact + hash.bytes).prefix(length))
    }
}
