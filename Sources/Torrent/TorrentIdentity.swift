/// What identifies a torrent: the digest of its info dictionary.
///
/// A hybrid torrent has one info dictionary that is valid for both versions, so it has two digests and is two swarms.
package enum TorrentIdentity: Hashable, Sendable {
    /// BEP 3.
    case v1(InfoHash)
    /// BEP 52.
    case v2(SHA256Digest)
    /// BEP 52, "Upgrade path".
    case hybrid(InfoHash, SHA256Digest)

    package var v1: InfoHash? {
        switch self {
        case .v1(let hash), .hybrid(let hash, _): hash
        case .v2: nil
        }
    }

    package var v2: SHA256Digest? {
        switch self {
        case .v2(let digest), .hybrid(_, let digest): digest
        case .v1: nil
        }
    }

    /// The 20 bytes by which peers, trackers and DHT nodes know the torrent's swarms. For v2 these are the first bytes
    /// of its digest (BEP 52).
    package var wireHashes: [InfoHash] {
        [v1, v2.flatMap { InfoHash($0.prefix(InfoHash.byteCount)) }].compactMap(\.self)
    }
}
