package import NIOCore
import Torrent
package import TrackerWire

/// Decides which addresses a redirect may lead to, so that no server can direct this client to services inside its
/// network.
///
/// The URL in the torrent or from the user may have any address. A redirect may lead to a local address only
/// - back to the original server, if that server was reached at a local address, or
/// - from a local address, to a typical tracker path, or to the same path on the same host (with another scheme or
///   port); of a web seed, to any URL without a query.
///
/// A redirect from https to http is followed: the pieces of web seeds have hashes, and trackers are used without TLS,
/// too.
///
/// The rule applies to the actual addresses, not to names, so a name that changes its address can't bypass it.
package struct RedirectRule: Sendable {
    package enum Purpose: Sendable {
        case tracker, torrent, webSeed
    }

    private let named: TrackerURL
    private let purpose: Purpose
    private let reach: ReachTest
    private var isNamedLocal = false
    /// The URL that sent the last redirect; `nil` before the first redirect.
    private var from: (url: TrackerURL, isLocal: Bool)?

    package init(_ named: TrackerURL, for purpose: Purpose, reach: ReachTest) {
        self.named = named
        self.purpose = purpose
        self.reach = reach
    }

    /// Records that the server at `address` sent a redirect, which the next request follows.
    package mutating func redirected(by url: TrackerURL, at address: SocketAddress?) {
        // An unreadable address doesn't count as local.
        let isLocal = address.flatMap { PeerAddress($0) }.map { reach.isLocal($0.host) } ?? false
        if from == nil { isNamedLocal = isLocal }
        from = (url, isLocal)
    }

    /// The subset of `addresses` to which requests for `url` may go.
    package func allowed(_ addresses: [SocketAddress], of url: TrackerURL) throws(TrackerError) -> [SocketAddress] {
        guard let from else { return try allowedAtFirst(addresses, of: url) }
        guard !allowsLocal(url, from) else { return addresses }
        var refused: PeerAddress.Host?
        let allowed = addresses.filter { address in
            guard let host = PeerAddress(address)?.host, reach.isLocal(host) else { return true }
            refused = refused ?? host
            return false
        }
        guard allowed.isEmpty, let refused else { return allowed }
        throw .redirectRefused(
            server: Printable.text(from.url.authority.utf8), target: target(url, refused), why: reason(from.isLocal))
    }

    /// The URL of a web seed may name a local server, but no query there: a .torrent must not make this client control
    /// a device.
    private func allowedAtFirst(_ addresses: [SocketAddress], of url: TrackerURL) throws(TrackerError)
        -> [SocketAddress]
    {
        guard purpose == .webSeed, url.query != nil else { return addresses }
        let allowed = addresses.filter { PeerAddress($0).map { !reach.isLocal($0.host) } ?? true }
        guard allowed.isEmpty, let first = addresses.first.flatMap({ PeerAddress($0) }) else { return allowed }
        throw .redirectRefused(
            server: Printable.text(url.authority.utf8), target: target(url, first.host),
            why: "the URL of a web seed at a local address must have no query")
    }

    private func allowsLocal(_ url: TrackerURL, _ from: (url: TrackerURL, isLocal: Bool)) -> Bool {
        if isNamedLocal, url.server == named.server { return true }
        guard from.isLocal else { return false }
        if purpose == .webSeed { return url.query == nil }
        return url.host == from.url.host && url.path == from.url.path || isExpected(url.path)
    }

    /// Whether the path is typical for this kind of server and unlikely for any other service.
    private func isExpected(_ path: String) -> Bool {
        guard let last = path.split(separator: "/").last?.lowercased() else { return false }
        switch purpose {
        case .tracker: return ["announce", "scrape"].contains(last.prefix { $0 != "." })
        case .torrent: return last.hasSuffix(".torrent")
        case .webSeed: return false
        }
    }

    private func target(_ url: TrackerURL, _ host: PeerAddress.Host) -> String {
        let isAddress = PeerAddress.Host(url.host) == host
        let address = isAddress ? "" : "\(PeerAddress(host, port: url.port).unmapped.hostDescription), "
        return "\(Printable.text(url.authority.utf8)) (\(address)\(reach.name(host)))"
    }

    private func reason(_ isFromLocal: Bool) -> String {
        switch (isFromLocal, purpose) {
        case (false, .tracker):
            "a server elsewhere must not lead to a local address; "
                + "if the tracker is really there, name that address in the .torrent"
        case (false, .torrent):
            "a server elsewhere must not lead to a local address; if you trust it, give that URL itself"
        case (false, .webSeed):
            "a server elsewhere must not lead to a local address; if you trust it, add that URL as a web seed"
        case (true, .webSeed):
            "at a local address its URL must have no query"
        case (true, .tracker):
            "at a local address its path has to end in announce or scrape; "
                + "if the tracker is really there, name that URL in the .torrent"
        case (true, .torrent):
            "at a local address its path has to end in .torrent; if you trust it, give that URL itself"
        }
    }
}
