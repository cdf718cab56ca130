package import Torrent

/// A torrent that is known only by its magnet link.
package struct MagnetRow: Row, Sendable, Hashable {
    package let torrent: TorrentID
    package let link: MagnetLink
    /// The patterns of the files that the user chose; `nil` for the files of the link.
    package let patterns: [String]?
    /// Whether the torrent is paused when its metadata has arrived.
    package let pausesAfter: Bool
    /// The size of the metadata in bytes, as most of the connected peers state it; `nil` while none does.
    package let offeredBytes: Int?
    /// The number of connected peers that state this size.
    package let offering: Int
    /// Why no torrent can be made of the metadata, although its hash is right; `nil` if it hasn't arrived.
    package let unusable: String?

    package static let columns = "torrent_id, link, patterns, pause_after, offered_bytes, offering, unusable"

    package init(_ row: Statement) throws(StoreError) {
        torrent = try row.next()
        link = try row.next()
        let lines: String? = try row.next()
        patterns = lines.map { $0.split(separator: "\n").map(String.init) }
        pausesAfter = try row.next()
        offeredBytes = try row.next()
        offering = try row.nextCount()
        unusable = try row.next()
    }
}

extension MagnetLink: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        description.bind(to: statement, at: parameter)
    }

    package static func read(from column: OpaquePointer) -> MagnetLink? {
        String.read(from: column).flatMap { text in
            do throws(MagnetLinkError) { return try MagnetLink(text) } catch { return nil }
        }
    }
}
