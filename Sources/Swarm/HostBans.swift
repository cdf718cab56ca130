import Torrent

/// Hosts that aren't taken when they dial us. A peer chooses its port, its peer id and what it says of itself; its host
/// it doesn't choose so easily.
///
/// Other peers behind the host can still be dialled, each at its own address.
package struct HostBans: Sendable {
    package struct Ban: Sendable, Equatable {
        /// An IPv4 address, or the first address of a /64 of IPv6.
        package let host: PeerAddress.Host
        package let reason: String
        /// Unix seconds.
        package let at: Int64
        package let until: Int64

        package init(host: PeerAddress.Host, reason: String, at: Int64, until: Int64) {
            self.host = host
            self.reason = reason
            self.at = at
            self.until = until
        }
    }

    /// Hosts that are banned at once; the one whose ban ends first makes room.
    package static let capacity = 4096
    /// How long a ban lasts, in seconds: addresses get other users.
    package static let duration: Int64 = 24 * 3600
    /// Connections that were ended for waste, within ``strikeMemory``, after which the host is banned.
    package static let strikes = 3
    /// Seconds.
    package static let strikeMemory: Int64 = 3600

    private var bans: [PeerAddress.Host: Ban] = [:]
    private var struck: [PeerAddress.Host: [Int64]] = [:]

    /// What was remembered; what has ended counts for nothing.
    package init(_ known: [Ban] = []) {
        for ban in known.prefix(Self.capacity) { bans[ban.host] = ban }
    }

    /// Hosts that were struck and aren't banned.
    var struckHosts: Int { struck.count }

    /// Why the host isn't taken; `nil` when it is.
    package func reason(of host: PeerAddress.Host, at now: Int64) -> String? {
        // An end that is farther off than any was set by a clock that was wrong.
        guard let ban = bans[host.subscriber], ban.until > now, ban.until <= now + Self.duration else { return nil }
        return ban.reason
    }

    /// The host is banned from now on; the ban is to be remembered.
    package mutating func ban(_ host: PeerAddress.Host, reason: String, at now: Int64) -> Ban {
        let host = host.subscriber
        if bans[host] == nil, bans.count >= Self.capacity, let first = bans.values.min(by: { $0.until < $1.until }) {
            bans[first.host] = nil
        }
        let ban = Ban(host: host, reason: reason, at: now, until: now + Self.duration)
        bans[host] = ban
        struck[host] = nil
        return ban
    }

    /// A connection of the host was ended for waste; its ban, when it was one too many.
    package mutating func strike(_ host: PeerAddress.Host, reason: String, at now: Int64) -> Ban? {
        let host = host.subscriber
        if struck[host] == nil, struck.count >= Self.capacity {
            struck = struck.filter { $0.value.last ?? 0 > now - Self.strikeMemory }
        }
        // As many hosts as that at once: none of them is remembered, rather than all.
        guard struck[host] != nil || struck.count < Self.capacity else { return nil }
        let recent = (struck[host] ?? []).filter { $0 > now - Self.strikeMemory } + [now]
        struck[host] = recent
        return recent.count >= Self.strikes ? ban(host, reason: reason, at: now) : nil
    }
}
