import Bencode
import Torrent

/// What a tracker answers to an announce, over HTTP (BEP 3, 7, 23) or UDP (BEP 15).
package struct AnnounceResponse: Hashable, Sendable {
    /// What an interval may be: a tracker that says less would be hammered, one that says more would be forgotten.
    package static let intervals: ClosedRange<Duration> = .seconds(60) ... .seconds(86_400)
    /// The interval of a tracker that names none.
    package static let defaultInterval: Duration = .seconds(1800)
    /// The most peers that are taken from one answer; a UDP datagram of IPv4 peers holds some 10,900.
    package static let maximumPeers = 4096

    /// How long to wait before the next regular announce; always one of ``intervals``.
    package var interval: Duration
    /// No announce before this, whatever the reason; one of ``intervals``, or `nil`.
    package var minimumInterval: Duration?
    /// To be sent along with the next announce to this tracker.
    package var trackerID: [UInt8]?
    /// Seeders, leechers and finished downloads as the tracker counts them.
    package var complete: Int?
    package var incomplete: Int?
    package var downloaded: Int?
    /// Only peers that can be dialled, each once, IPv4 ones in IPv4's form.
    package var peers: [PeerAddress]
    /// Peers that have a name in the place of an address.
    package var namedPeers: [NamedPeer]
    /// Entries of the list of peers that could not be read.
    package var unreadablePeers: Int
    /// A sentence of the tracker for the user; the answer is good all the same.
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

    /// What the user is told beside the answer: the tracker's own warning, else that not all of its peers could be
    /// read.
    package var notice: String? {
        if let warning { return warning }
        return unreadablePeers > 0 ? "\(unreadablePeers) entries of its peer list could not be read" : nil
    }

    private static func clamped(_ interval: Duration) -> Duration {
        min(max(interval, intervals.lowerBound), intervals.upperBound)
    }

    /// The body of an HTTP answer.
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

/// A peer whose host a tracker gave as a name (BEP 3); it is dialled when the name has an address.
package struct NamedPeer: Hashable, Sendable {
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// Gathers the peers of one answer: dialable, unique, limited. A peer that can't be read is counted, and costs none of
/// the others.
struct PeerCollector {
    /// The most names that are looked up for one answer.
    static let maximumNames = 16

    private(set) var peers: [PeerAddress] = []
    private(set) var named: [NamedPeer] = []
    /// Entries that are no peers, whatever they were meant to be.
    private(set) var unreadable = 0
    private var seen: Set<PeerAddress> = []
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Peers in any form that trackers give them in: compact (BEP 23, BEP 7), a list of dictionaries (BEP 3) or of
    /// compact strings, or a dictionary of either, which is how PHP writes a list whose numbers have a gap.
    mutating func add(_ value: BencodeValue, isIPv6: Bool) {
        switch value.kind {
        case .string(let compact): add(compact: compact, isIPv6: isIPv6)
        case .list(let entries): for entry in entries { add(entry: entry) }
        case .dictionary(let entry) where entry["ip"] != nil: add(entry: value)
        case .dictionary(let entries): for entry in entries.entries { add(entry: entry.value) }
        // No peers, in the words of some scripts.
        case .integer(0): break
        case .integer: unreadable += 1
        }
    }

    /// Entries of 6 bytes, or of 18; what is left of an odd length is no peer.
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
            // The length tells the family: one entry of IPv6, or any number of IPv4.
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

    /// The text of an address, without the brackets that IPv6 has in URLs.
    private static func text(_ bytes: [UInt8]) -> Substring? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        return text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
    }

    /// Whether the text is the name of a host. One whose last part is a number is an address that is written wrong,
    /// which resolvers would guess at.
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
