package import Store

/// A progress report of a running verification.
package enum VerificationEvent: Sendable {
    /// The estimate of the bytes to read changes by this much, up or down.
    case expects(bytes: Int64)
    /// The verification of the torrent of that name begins.
    case begins(name: String)
    /// This many more bytes were read and hashed.
    case read(bytes: Int64)
    /// Another process verifies the torrent, and this one waits for its results.
    case waits(for: TorrentRow, process: Int32?)
    /// The torrent can't be read from the database.
    case unusable(UnusableTorrent)
    case verified(VerificationResult)
}
