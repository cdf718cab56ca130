/// The limits of one torrent; `nil` means that the torrent has no limit of its own.
package struct TorrentLimits: Sendable, Hashable {
    /// Bytes per second, more than 0.
    package var download: Int64?
    /// Bytes per second, more than 0.
    package var upload: Int64?
    /// Connected peers, more than 0.
    package var peers: Int?

    package init(download: Int64? = nil, upload: Int64? = nil, peers: Int? = nil) {
        self.download = download
        self.upload = upload
        self.peers = peers
    }
}
