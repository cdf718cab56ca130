/// The info hash of a torrent that may be announced and searched for in public: law 8 of the design.
///
/// The DHT takes and returns only this type for the user's torrents, so a private torrent can't reach it.
package struct PublicInfoHash: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let infoHash: InfoHash

    /// `nil` if the torrent is private. A magnet link whose metadata isn't known yet isn't private.
    package init?(_ infoHash: InfoHash, isPrivate: Bool) {
        guard PeerSource.dht.isAllowed(isPrivate: isPrivate) else { return nil }
        self.infoHash = infoHash
    }

    package static func < (a: Self, b: Self) -> Bool { a.infoHash < b.infoHash }
    package var description: String { infoHash.description }
}
