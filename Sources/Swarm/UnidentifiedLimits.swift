package import Torrent

/// Limits connections that haven't named their torrent yet, or wait until it is active. Each costs a descriptor and
/// contributes nothing (law 7).
///
/// A new connection always gets a place. If the limit is reached, it replaces the oldest connection of the host that
/// has the most.
package struct UnidentifiedLimits<ID: Hashable & Comparable & Sendable>: Sendable {
    /// The most unidentified connections of one host (an IPv4 address or a /64 of IPv6): as many as dial at once from
    /// behind one router.
    package static var perHost: Int { 16 }
    /// The most unidentified connections of one network (a /24 or a /48).
    package static var perNetwork: Int { 64 }

    private let most: Int
    private var places: [ID: PeerAddress.Host] = [:]
    private var hosts: [PeerAddress.Host: [ID]] = [:]
    private var networks: [PeerAddress.Host: Int] = [:]

    /// `most` is the limit for all connections together.
    package init(most: Int) { self.most = max(1, most) }

    package var count: Int { places.count }

    /// Adds a connection. Returns the connection that must close for it, if its host, its network or the total is at
    /// the limit. Connection numbers must increase.
    package mutating func arrived(_ id: ID, from address: PeerAddress.Host) -> ID? {
        let (host, network) = (address.subscriber, address.network)
        precondition(places[id] == nil, "a connection arrives once")
        var leaver: ID?
        if let own = hosts[host], own.count >= Self.perHost {
            leaver = own.first
        } else if networks[network, default: 0] >= Self.perNetwork {
            leaver = oldest { $0.network == network }
        } else if places.count >= most {
            leaver = oldest { _ in true }
        }
        if let leaver { left(leaver) }
        places[id] = host
        hosts[host, default: []].append(id)
        networks[network, default: 0] += 1
        return leaver
    }

    /// The connection named its torrent or was closed.
    package mutating func left(_ id: ID) {
        guard let host = places.removeValue(forKey: id) else { return }
        hosts[host]?.removeAll { $0 == id }
        if hosts[host]?.isEmpty ?? false { hosts[host] = nil }
        let network = host.network
        networks[network, default: 1] -= 1
        if networks[network] == 0 { networks[network] = nil }
    }

    /// Returns the oldest connection of the host that has the most, among the hosts for which `isMeant` holds.
    private func oldest(where isMeant: (PeerAddress.Host) -> Bool) -> ID? {
        hosts.filter { isMeant($0.key) }.max { ($0.value.count, $1.value[0]) < ($1.value.count, $0.value[0]) }?.value
            .first
    }
}
