import NIOCore
import Torrent
import TrackerWire

/// Decides at which addresses the target of a redirect may be asked, so that no server leads this client to services
/// inside its network.
///
/// The URL that the torrent or the user named may be anywhere. A redirect leads to a local address only
/// - back to the named server, when that server was reached at a local address, or
/// - from a local address, to a path that a tracker has, or to the same path of the same host (another scheme or port).
///
/// The rule holds for the addresses that are connected to, whatever the names are. A name that changes its address
/// doesn't get around it.
struct RedirectRule: Sendable {
    enum Purpose: Sendable {
        case tracker, torrent
    }

    private let named: TrackerURL
    private let purpose: Purpose
    private let reach: ReachTest
    private var isNamedLocal = false
    /// The URL that answered with the redirect; `nil` while the named URL is asked.
    private var from: (url: TrackerURL, isLocal: Bool)?

    init(_ named: TrackerURL, for purpose: Purpose, reach: ReachTest) {
        self.named = named
        self.purpose = purpose
        self.reach = reach
    }

    /// The server at `address` answered with a redirect; the next question follows it.
    mutating func redirected(by url: TrackerURL, at address: SocketAddress?) {
        // An address that can't be read proves nothing.
        let isLocal = address.flatMap { PeerAddress($0) }.map { reach.isLocal($0.host) } ?? false
        if from == nil { isNamedLocal = isLocal }
        from = (url, isLocal)
    }

    /// Those of the addresses of `url` at which it may be asked.
    func allowed(_ addresses: [SocketAddress], of url: TrackerURL) throws(TrackerError) -> [SocketAddress] {
        guard let from, !allowsLocal(url, from) else { return addresses }
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

    private func allowsLocal(_ url: TrackerURL, _ from: (url: TrackerURL, isLocal: Bool)) -> Bool {
        if isNamedLocal, url.server == named.server { return true }
        guard from.isLocal else { return false }
        return url.host == from.url.host && url.path == from.url.path || isExpected(url.path)
    }

    /// Whether the path is one that a server of this kind has, and no other service is likely to.
    private func isExpected(_ path: String) -> Bool {
        guard let last = path.split(separator: "/").last?.lowercased() else { return false }
        switch purpose {
        case .tracker: return ["announce", "scrape"].contains(last.prefix { $0 != "." })
        case .torrent: return last.hasSuffix(".torrent")
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
        case (true, .tracker):
            "at a local address its path has to end in announce or scrape; "
                + "if the tracker is really there, name that URL in the .torrent"
        case (true, .torrent):
            "at a local address its path has to end in .torrent; if you trust it, give that URL itself"
        }
    }
}
