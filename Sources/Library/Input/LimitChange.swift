package import Store

/// A rate limit in bytes per second.
package enum Rate: Hashable, Sendable {
    case unlimited
    case bytes(Int64)

    /// The limit in bytes per second; `nil` for no limit.
    package var limit: Int64? {
        if case .bytes(let bytes) = self { bytes } else { nil }
    }
}

/// A maximum number that may be `none`.
package enum CountLimit: Hashable, Sendable {
    case unlimited
    case count(Int)

    package var limit: Int? {
        if case .count(let count) = self { count } else { nil }
    }
}

/// A user's changes to a torrent's limits; limits that are `nil` stay unchanged.
package struct LimitChange: Hashable, Sendable {
    package var download: Rate?
    package var upload: Rate?
    package var peers: CountLimit?

    package init(download: Rate? = nil, upload: Rate? = nil, peers: CountLimit? = nil) {
        self.download = download
        self.upload = upload
        self.peers = peers
    }

    /// Whether the change has no effect.
    package var isEmpty: Bool { download == nil && upload == nil && peers == nil }

    package func applied(to known: TorrentLimits) -> TorrentLimits {
        var limits = known
        if let download { limits.download = download.limit }
        if let upload { limits.upload = upload.limit }
        if let peers { limits.peers = peers.limit }
        return limits
    }
}
