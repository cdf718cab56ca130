import Store

/// What a verification reports while it goes on.
package enum VerificationEvent: Sendable {
    /// There are more bytes to read than was believed, or less.
    case expects(bytes: Int64)
    /// The torrent of that name is being read.
    case begins(name: String)
    /// So many bytes more were read and hashed.
    case read(bytes: Int64)
    /// Another process verifies the torrent, and this one waits for what it finds.
    case waits(for: TorrentRow, process: Int32?)
    /// The torrent can't be read from the database.
    case unusable(UnusableTorrent)
    case verified(VerificationResult)
}
