import Store
import Torrent

/// A change of the stored blocks of one torrent's metadata. Changes reach the database in order.
enum MetadataWrite: Sendable {
    case save(size: Int, index: Int, sender: PeerAddress, data: [UInt8])
    case drop(size: Int, exceptOf: PeerAddress?)

    func perform(of id: TorrentID, _ db: Connection) throws(StoreError) {
        switch self {
        case .save(let size, let index, let sender, let data):
            try db.magnets.save(id, size: size, index: index, from: sender, data)
        case .drop(let size, let sender): try db.magnets.dropBlocks(id, size: size, exceptOf: sender)
        }
    }
}
