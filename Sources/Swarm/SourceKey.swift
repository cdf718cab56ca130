/// Identifies one block source of a torrent. A key is never used again.
package enum SourceKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    case peer(PeerKey)
    case webSeed(WebSeedKey)

    package var description: String {
        switch self {
        case .peer(let key): key.description
        case .webSeed(let key): key.description
        }
    }

    /// Whether blocks of the source count against the rate limit when they are requested. Those of a web seed count
    /// when they arrive, because its requests are long.
    var paysAhead: Bool {
        switch self {
        case .peer: true
        case .webSeed: false
        }
    }
}
