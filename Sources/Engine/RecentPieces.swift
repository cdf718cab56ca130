import DequeModule
import Disk
import Store
import Torrent

/// Pieces that were found right and written a moment ago, still in memory: who hears of them asks for them, and the
/// disk has them past its cache.
///
/// Confined to the event loop, `@unchecked Sendable` for that.
final class RecentPieces: @unchecked Sendable {
    /// Bytes of all torrents together, and of one piece that is worth its room.
    static let limit = 16 << 20
    static let longest = 4 << 20

    private struct Key: Hashable {
        let torrent: TorrentID
        let piece: PieceIndex
    }

    private var pieces: [Key: PieceBuffer] = [:]
    /// The oldest first.
    private var order: Deque<Key> = []
    private var bytes = 0

    func keep(_ buffer: PieceBuffer, of torrent: TorrentID, _ piece: PieceIndex) {
        let key = Key(torrent: torrent, piece: piece)
        guard buffer.length <= Self.longest, pieces[key] == nil else { return }
        pieces[key] = buffer
        order.append(key)
        bytes += buffer.length
        while bytes > Self.limit, let oldest = order.popFirst() { drop(oldest) }
    }

    func bytes(of torrent: TorrentID, _ piece: PieceIndex) -> UnsafeRawBufferPointer? {
        pieces[Key(torrent: torrent, piece: piece)].map { UnsafeRawBufferPointer($0.bytes) }
    }

    /// Forgets what it has of the torrent, which has come to rest.
    func forget(_ torrent: TorrentID) {
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
