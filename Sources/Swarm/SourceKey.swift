/// Identifies one block source of a torrent. A key is never used again.
package enum SourceKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    case peer(PeerKey)

    package var description: String {
        switch self {
        case .peer(let key): key.description
        }
    }
}
