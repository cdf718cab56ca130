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
    /// A sentence of the tracker for the user; the answer is good all the same.
    package var warning: String?

    package init(
        interval: Duration, minimumInterval: Duration? = nil, trackerID: [UInt8]? = nil, complete: Int? = nil, incomplete: Int? = nil,
        downloaded: Int? = nil, peers: [PeerAddress] = [], warning: String? = nil
    ) {
        self.interval = Self.clamped(interval)
        self.minimumInterval = minimumInterval.map(Self.clamped)
        self.trackerID = trackerID
        self.complete = complete
        self.incomplete = incomplete
        self.downloaded = downloaded
        self.peers = peers
        self.warning = warning
    }

    private static func clamped(_ interval: Duration) -> Duration { min(max(interval, intervals.lowerBound), intervals.upperBound) }

    /// The body of an HTTP answer.
    package init(httpBody body: [UInt8]) throws(TrackerError) {
        let answer = try HTTPAnswer.dictionary(body)
        var peers = PeerCollector(limit: Self.maximumPeers)
        switch answer["peers"]?.kind {
        case .string(let compact): peers.add(compact: compact, isIPv6: false)
        case .list(let entries): peers.add(entries: entries)
        case .integer, .dictionary: throw .malformed("“peers” is neither a string nor a list")
        case nil: break
        }
        switch answer["peers6"]?.kind {
        case .string(let compact): peers.add(compact: compact, isIPv6: true)
        case .list(let entries): peers.add(entries: entries)
        case .integer, .dictionary: throw .malformed("“peers6” is neither a string nor a list")
        case nil: break
        }
        self.init(
            interval: HTTPAnswer.seconds(answer["interval"]) ?? Self.defaultInterval,
            minimumInterval: HTTPAnswer.seconds(answer["min interval"]),
            trackerID: answer["tracker id"]?.bytes.flatMap { $0.count <= HTTPAnswer.maximumTrackerIDLength ? $0 : nil },
            complete: HTTPAnswer.count(answer["complete"]),
            incomplete: HTTPAnswer.count(answer["incomplete"]),
            downloaded: HTTPAnswer.count(answer["downloaded"]),
            peers: peers.peers,
            warning: answer["warning message"]?.bytes.map { Printable.text($0) })
    }
}

/// Gathers the peers of one answer: dialable, unique, limited.
struct PeerCollector {
    private(set) var peers: [PeerAddress] = []
    private var seen: Set<PeerAddress> = []
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Entries of 6 bytes, or of 18 (BEP 23, BEP 7); what is left of an odd length is no peer and is ignored.
    mutating func add(compact bytes: some Collection<UInt8>, isIPv6: Bool) {
        let width = isIPv6 ? 18 : 6
        var rest = bytes[...]
        while rest.count >= width, peers.count < limit {
            if let peer = PeerAddress(compact: rest.prefix(width)) { add(peer) }
            rest = rest.dropFirst(width)
        }
    }

    /// Dictionaries with `ip` and `port` (BEP 3); an entry with a host name in the place of an address is left out.
    mutating func add(entries: [BencodeValue]) {
        for entry in entries where peers.count < limit {
            guard let text = entry["ip"]?.text, let port = entry["port"]?.integer.flatMap({ UInt16(exactly: $0) }) else { continue }
            if let host = PeerAddress.Host(text) { add(PeerAddress(host, port: port)) }
        }
    }

    private mutating func add(_ peer: PeerAddress) {
        let peer = peer.unmapped
        if peer.isDialable, seen.insert(peer).inserted { peers.append(peer) }
    }
}
