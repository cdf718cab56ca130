package import Torrent

/// The limits of a running engine for all torrents together.
package struct LimitReport: Row, Sendable, Hashable {
    /// Bytes per second; `nil` means unlimited.
    package let download: Int?
    package let upload: Int?
    /// Until when the alternative limits hold; `nil` while the usual ones do.
    package let alternativeUntil: Timestamp?

    package init(download: Int?, upload: Int?, alternativeUntil: Timestamp?) {
        self.download = download
        self.upload = upload
        self.alternativeUntil = alternativeUntil
    }

    package static let columns = "download_limit, upload_limit, alternative_until"

    package init(_ row: Statement) throws(StoreError) {
        download = try row.next()
        upload = try row.next()
        alternativeUntil = try row.next()
    }
}
