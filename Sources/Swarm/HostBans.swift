package import Torrent

/// Hosts whose incoming connections are rejected. A peer can choose its port, its peer ID and its other claims freely,
/// but not easily its host.
///
/// Other peers at a banned host can still be dialled, each at its own address.
package struct HostBans: Sendable {
    package struct Ban: Sendable, Equatable {
        /// An IPv4 address, or the first address of an IPv6 /64.
        package let host: PeerAddress.Host
        package let reason: String
        package let at: Timestamp
        package let until: Timestamp

        package init(host: PeerAddress.Host, reason: String, at: Timestamp, until: Timestamp) {
            self.host = host
            self.reason = reason
            self.at = at
            self.until = until
        }
    }

    /// The most hosts banned at once; the ban that ends first makes room.
    package static let capacity = 4096
    /// How long a ban lasts. Bans expire because addresses change hands.
    package static let duration = Duration.seconds(24 * 3600)
    /// The number of connections ended for waste within ``strikeMemory`` after which a host is banned.
    package static let strikes = 3
    /// How long a strike counts.
    package static let strikeMemory = Duration.seconds(3600)

    private var bans: [PeerAddress.Host: Ban] = [:]
    private var struck: [PeerAddress.Host: [Timestamp]] = [:]

    /// Restores the bans that were stored; expired ones have no effect.
    package init(_ known: [Ban] = []) {
        for ban in known.prefix(Self.capacity) { bans[ban.host] = ban }
    }

    /// The number of hosts that were struck and aren't banned.
    package var struckHosts: Int { struck.count }

    /// Returns the reason to reject the host, or `nil` to accept it.
    package func reason(of host: PeerAddress.Host, at now: Timestamp) -> String? {
        // An end further ahead than any ban lasts was set by a wrong clock.
        guard let ban = bans[host.subscriber], ban.until > now, ban.until <= now + Self.duration else { return nil }
        return ban.reason
    }

    /// Bans the host. The caller stores the returned ban.
    package mutating func ban(_ host: PeerAddress.Host, reason: String, at now: Timestamp) -> Ban {
        let host = host.subscriber
        if bans[host] == nil, bans.count >= Self.capacity, let first = bans.values.min(by: { $0.until < $1.until }) {
            bans[first.host] = nil
        }
        let ban = Ban(host: host, reason: reason, at: now, until: now + Self.duration)
        bans[host] = ban
        struck[host] = nil
        return ban
    }

    /// Counts a connection of the host that was ended for waste. Returns a ban when there were too many.
    package mutating func strike(_ host: PeerAddress.Host, reason: String, at now: Timestamp) -> Ban? {
        let host = host.subscriber
        if struck[host] == nil, struck.count >= Self.capacity {
            struck = struck.filter { ($0.value.last ?? .epoch) + Self.strikeMemory > now }
        }
        // With this many struck hosts at once, new ones are not remembered.
        guard struck[host] != nil || struck.count < Self.capacity else { return nil }
        let recent = (struck[host] ?? []).filter { $0 + Self.strikeMemory > now } + [now]
        struck[host] = recent
        return recent.count >= Self.strikes ? ban(host, reason: reason, at: now) : nil
    }
}
