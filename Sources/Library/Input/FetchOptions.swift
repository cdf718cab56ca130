import Engine
import Net
package import Torrent

/// The options for downloading a .torrent from its URL.
package struct FetchOptions: Sendable {
    /// The local address for connections; `nil` means any.
    private let bind: PeerAddress.Host?
    /// A PEM file with certificates that are trusted in addition to the system's.
    private let extraTrustRoots: String?

    package init(bind: PeerAddress.Host? = nil, extraTrustRoots: String? = nil) {
        self.bind = bind
        self.extraTrustRoots = extraTrustRoots
    }

    var http: HTTPOptions {
        HTTPOptions(version: Program.version, bindAddress: bind, extraTrustRoots: extraTrustRoots)
    }
}
