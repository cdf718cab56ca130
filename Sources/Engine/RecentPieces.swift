import DequeModule
package import Disk
package import Store
package import Torrent

/// Pieces that were just verified and written, kept in memory: peers request them as soon as they are announced, and
/// the disk wrote them past its cache.
///
/// Confined to the event loop, hence `@unchecked Sendable`.
package final class RecentPieces: @unchecked Sendable {
    /// The most bytes for all torrents together, and the longest piece that is kept.
    static let limit = 16 << 20
    package static let longest = 4 << 20

    private struct Key: Hashable {
        let torrent: TorrentID
        let piece: PieceIndex
    }

    private var pieces: [Key: PieceBuffer] = [:]
    /// The keys, oldest first.
    private var order: Deque<Key> = []
    private var bytes = 0

    package init() {}

    package func keep(_ buffer: PieceBuffer, of torrent: TorrentID, _ piece: PieceIndex) {
        let key = Key(torrent: torrent, piece: piece)
        guard buffer.length <= Self.longest, pieces[key] == nil else { return }
        pieces[key] = buffer
        order.append(key)
        bytes += buffer.length
        while bytes > Self.limit, let oldest = order.popFirst() { drop(oldest) }
    }

    package func bytes(of torrent: TorrentID, _ piece: PieceIndex) -> UnsafeRawBufferPointer? {
        pieces[Key(torrent: torrent, piece: piece)].map { UnsafeRawBufferPointer($0.bytes) }
    }

    /// Forgets the pieces of a torrent that has come to rest.
    package func forget(_ torrent: TorrentID) {
        order.removeAll { key in
            guard key.torrent == torrent else { return false }
            drop(key)
            return true
        }
    }

    private func drop(_ key: Key) {
        guard let buffer = pieces.removeValue(forKey: key) else { return }
        bytes -= buffer.length
    }
}
