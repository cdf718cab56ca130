import Bencode
package import Torrent

/// A tracker's response to an announce, over HTTP (BEP 3, 7, 23) or UDP (BEP 15).
package struct AnnounceResponse: Hashable, Sendable {
    /// The accepted intervals; others are clamped. A shorter interval would overload the tracker, and a longer one
    /// would leave it unused.
    package static let intervals: ClosedRange<Duration> = .seconds(60) ... .seconds(86_400)
    /// The interval for a tracker that sends none.
    package static let defaultInterval: Duration = .seconds(1800)
    /// The maximum number of peers that are used from one response; a UDP datagram can hold about 10,900 IPv4 peers.
    package static let maximumPeers = 4096

    /// The time until the next regular announce, within ``intervals``.
    package var interval: Duration
    /// The minimum time until any announce, within ``intervals``; `nil` if the tracker sent none.
    package var minimumInterval: Duration?
    /// The ID to send with the next announce to this tracker.
    package var trackerID: [UInt8]?
    /// The tracker's counts of seeders, leechers and finished downloads.
    package var complete: Int?
    package var incomplete: Int?
    package var downloaded: Int?
    /// The peers that can be dialled, without duplicates. IPv4-mapped addresses are converted to IPv4.
    package var peers: [PeerAddress]
    /// The peers that were given by host name instead of address.
    package var namedPeers: [NamedPeer]
    /// The number of peer list entries that could not be read.
    package var unreadablePeers: Int
    /// A message from the tracker for the user; the response is valid anyway.
    package var warning: String?

    package init(
        interval: Duration, minimumInterval: Duration? = nil, trackerID: [UInt8]? = nil, complete: Int? = nil,
        incomplete: Int? = nil,
        downloaded: Int? = nil, peers: [PeerAddress] = [], namedPeers: [NamedPeer] = [], unreadablePeers: Int = 0,
        warning: String? = nil
    ) {
        self.interval = Self.clamped(interval)
        self.minimumInterval = minimumInterval.map(Self.clamped)
        self.trackerID = trackerID
        self.complete = complete
        self.incomplete = incomplete
        self.downloaded = downloaded
        self.peers = peers
        self.namedPeers = namedPeers
        self.unreadablePeers = unreadablePeers
        self.warning = warning
    }

    /// A message to show with the response: the tracker's own warning, or else that some of its peers could not be
    /// read.
    package var notice: String? {
        if let warning { return warning }
        return unreadablePeers > 0 ? "\(unreadablePeers) entries of its peer list could not be read" : nil
    }

    private static func clamped(_ interval: Duration) -> Duration {
        min(max(interval, intervals.lowerBound), intervals.upperBound)
    }

    /// Reads the body of an HTTP response.
    package init(httpBody body: [UInt8]) throws(TrackerError) {
        let answer = try HTTPAnswer.dictionary(body)
        var peers = PeerCollector(limit: Self.maximumPeers)
        if let value = answer["peers"] { peers.add(value, isIPv6: false) }
        if let value = answer["peers6"] { peers.add(value, isIPv6: true) }
        self.init(
            interval: HTTPAnswer.seconds(answer["interval"]) ?? Self.defaultInterval,
            minimumInterval: HTTPAnswer.seconds(answer["min interval"]),
            trackerID: Self.trackerID(answer["tracker id"]),
            complete: HTTPAnswer.count(answer["complete"]),
            incomplete: HTTPAnswer.count(answer["incomplete"]),
            downloaded: HTTPAnswer.count(answer["downloaded"]),
            peers: peers.peers, namedPeers: peers.named, unreadablePeers: peers.unreadable,
            warning: answer["warning message"].flatMap { HTTPAnswer.sentence($0) })
    }

    private static func trackerID(_ value: BencodeValue?) -> [UInt8]? {
        guard let id = value?.bytes ?? value?.integer.map({ Array("\($0)".utf8) }) else { return nil }
        return id.count <= HTTPAnswer.maximumTrackerIDLength ? id : nil
    }
}

/// A peer that a tracker gave by host name (BEP 3); it is dialled once the name has been resolved.
package struct NamedPeer: Hashable, Sendable {
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// Collects the peers of one response: dialable, unique, and up to a limit. An unreadable peer is counted and doesn't
/// affect the others.
struct PeerCollector {
    /// The maximum number of names that are looked up for one response.
    static let maximumNames = 16

    private(set) var peers: [PeerAddress] = []
    private(set) var named: [NamedPeer] = []
    /// The number of entries that are not valid peers.
    private(set) var unreadable = 0
    private var seen: Set<PeerAddress> = []
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Adds peers in any form that trackers use: compact (BEP 23, BEP 7), a list of dictionaries (BEP 3) or of compact
    /// strings, or a dictionary of either, which PHP writes for a list with a gap in its indices.
    mutating func add(_ value: BencodeValue, isIPv6: Bool) {
        switch value.kind {
        case .string(let compact): add(compact: compact, isIPv6: isIPv6)
        case .list(let entries): for entry in entries { add(entry: entry) }
        case .dictionary(let entry) where entry["ip"] != nil: add(entry: value)
        case .dictionary(let entries): for entry in entries.entries { add(entry: entry.value) }
        // Some scripts write an empty peer list like this.
        case .integer(0): break
        case .integer: unreadable += 1
        }
    }

    /// Adds compact entries of 6 or 18 bytes; incomplete bytes at the end count as one unreadable entry.
    mutating func add(compact bytes: some Collection<UInt8>, isIPv6: Bool) {
        let width = isIPv6 ? 18 : 6
        var rest = bytes[...]
        while rest.count >= width, peers.count < limit {
            if let peer = PeerAddress(compact: rest.prefix(width)) { add(peer) }
            rest = rest.dropFirst(width)
        }
        if !rest.isEmpty, rest.count < width { unreadable += 1 }
    }

    private mutating func add(entry: BencodeValue) {
        guard peers.count + named.count < limit else { return }
        if let compact = entry.bytes {
            // The length shows the family: one IPv6 entry has 18 bytes, and anything else is IPv4 entries.
            return compact.isEmpty ? () : add(compact: compact, isIPv6: compact.count == 18)
        }
        guard let host = entry["ip"]?.bytes, let number = HTTPAnswer.number(entry["port"]),
            let port = UInt16(exactly: number)
        else {
            return unreadable += 1
        }
        let text = Self.text(host)
        if let text, let address = PeerAddress.Host(text) {
            add(PeerAddress(address, port: port))
        } else if let text, Self.isName(text) {
            let peer = NamedPeer(host: String(text), port: port)
            if port != 0, named.count < Self.maximumNames, !named.contains(peer) { named.append(peer) }
        } else if !host.allSatisfy({ (0x20...0x7e).contains($0) }),
            let peer = PeerAddress(compact: host + [UInt8(port >> 8), UInt8(port & 255)])
        {
            add(peer)
        } else {
            unreadable += 1
        }
    }

    /// The text of an address, without the brackets that IPv6 addresses have in URLs.
    private static func text(_ bytes: [UInt8]) -> Substring? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        return text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
    }

    /// Whether the text is a host name. A name whose last part is a number is a malformed address, which resolvers
    /// might misread.
    private static func isName(_ text: some StringProtocol) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, let last = labels.last?.utf8.first, !(0x30...0x39).contains(last) else {
            return false
        }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-"
                && label.utf8.allSatisfy {
                    ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f
                }
        }
    }

    private mutating func add(_ peer: PeerAddress) {
        let peer = peer.unmapped
        if peer.isDialable, seen.insert(peer).inserted { peers.append(peer) }
    }
}
