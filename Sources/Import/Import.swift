// Room: Import.
// Duty: the state files of other clients → one value type: what each of them knows of a torrent.
// Owns: the formats of qBittorrent, Transmission, rTorrent, Deluge, aria2 and libtorrent, one file each.
// Never: opens a file; trusts a claim; traps, recurses or allocates without bound on bytes from outside.
// Invariants: what can't be read is left out and listed in `ForeignTorrent.omitted`; only a record without any torrent
// is an error; a piece that the other client claimed is a hint for the order of hashing, never a claim of ours.

/// A client whose torrents can be imported.
package enum ForeignClient: String, CaseIterable, Sendable, Hashable {
    case qbittorrent, transmission, rtorrent, deluge, aria2, libtorrent

    /// The name as the client's makers write it.
    package var title: String {
        switch self {
        case .qbittorrent: "qBittorrent"
        case .transmission: "Transmission"
        case .rtorrent: "rTorrent"
        case .deluge: "Deluge"
        case .aria2: "aria2"
        case .libtorrent: "libtorrent"
        }
    }
}

/// Why a record of a client gives no torrent, in a phrase that follows the record's name.
package struct ForeignStateError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
