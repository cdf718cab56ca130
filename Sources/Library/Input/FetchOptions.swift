import Engine
import Net
import Torrent

/// How a .torrent is fetched from its URL.
package struct FetchOptions: Sendable {
    /// The local address of the connections; `nil` is any.
    private let bind: PeerAddress.Host?
    /// A file of certificates (PEM) to trust beside the system's.
    private let extraTrustRoots: String?

    package init(bind: PeerAddress.Host? = nil, extraTrustRoots: String? = nil) {
        self.bind = bind
        self.extraTrustRoots = extraTrustRoots
    }

    var http: HTTPOptions {
        HTTPOptions(version: Program.version, bindAddress: bind, extraTrustRoots: extraTrustRoots)
    }
}
