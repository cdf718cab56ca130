/// A magnet link: the hash of a torrent, and where to look for its metadata and content (BEP 9, BEP 53).
///
/// Every value can be printed and read again without a change, so the limits hold for a link that was read as well as
/// for one that was made from a torrent.
package struct MagnetLink: Hashable, Sendable, CustomStringConvertible {
    /// The maximum length of a link in bytes.
    package static let maximumBytes = 100_000
    /// The maximum length of the name in bytes; a longer one is cut.
    package static let maximumNameBytes = 1024
    /// The maximum number of trackers, and of web seeds; the first ones are kept.
    package static let maximumURLCount = AnnounceList.maximumCount
    /// The maximum number of peers; the first ones are kept.
    package static let maximumPeerCount = 256
    /// The maximum number of ranges in ``files``.
    package static let maximumFileRanges = 1024

    package let infoHash: InfoHash
    /// The v2 digest of a hybrid torrent.
    package let v2: SHA256Digest?
    /// `dn`: a name to show until the metadata is known. It can contain any character.
    package let name: String?
    /// `tr`: the trackers. Each is a tier of its own, because a link has no way to express tiers.
    package let trackers: [String]
    /// `ws`: the web seeds (BEP 19).
    package let webSeeds: [String]
    /// `x.pe`: peers to ask first.
    package let peers: [MagnetPeer]
    /// `so`: the files to download, counted from 0, in ascending ranges with gaps between them; empty for all files.
    package let files: [ClosedRange<Int>]

    /// Creates a link. Unusable and repeated URLs and peers are left out, and so are those that would make the link
    /// longer than ``maximumBytes``.
    package init(
        infoHash: InfoHash, v2: SHA256Digest? = nil, name: String? = nil, trackers: [String] = [],
        webSeeds: [String] = [], peers: [MagnetPeer] = [], files: [ClosedRange<Int>] = []
    ) {
        self.infoHash = infoHash
        self.v2 = v2
        self.name = name.flatMap(Self.shortened)
        self.files = Array(files.merged.prefix(Self.maximumFileRanges))
        var room = Self.maximumBytes
        room -= Self.text([Self.topics(infoHash, v2), Self.field(self.name), Self.field(self.files)]).utf8.count
        self.trackers = Self.fitting(
            trackers.lazy.compactMap { AnnounceList.tracker($0) }, Self.maximumURLCount, &room, Self.field(tracker:))
        self.webSeeds = Self.fitting(
            webSeeds.lazy.compactMap { AnnounceList.webSeed($0) }, Self.maximumURLCount, &room, Self.field(webSeed:))
        self.peers = Self.fitting(peers, Self.maximumPeerCount, &room, Self.field(peer:))
    }

    /// Whether the text is meant as a magnet link, valid or not.
    package static func isLink(_ text: String) -> Bool {
        text.drop { $0.isWhitespace }.prefix(7).lowercased() == "magnet:"
    }

    /// Reads a link. Keys may be in any case and end with a number (`tr.1`), and keys that aren't known are ignored.
    package init(_ text: String) throws(MagnetLinkError) {
        let reader = try MagnetLinkReader(text)
        guard let infoHash = reader.infoHash else { throw reader.v2 == nil ? .noInfoHash : .versionTwoOnly }
        self.init(
            infoHash: infoHash, v2: reader.v2, name: reader.name, trackers: reader.trackers,
            webSeeds: reader.webSeeds, peers: reader.peers, files: reader.files)
    }

    /// The peers that are given by their addresses.
    package var addresses: [PeerAddress] {
        peers.compactMap { if case .address(let address) = $0 { address } else { nil } }
    }

    /// The link in its canonical form.
    package var description: String {
        Self.text(
            [Self.topics(infoHash, v2), Self.field(name)] + trackers.map(Self.field(tracker:))
                + webSeeds.map(Self.field(webSeed:)) + peers.map(Self.field(peer:)) + [Self.field(files)])
    }

    private static func text(_ fields: [String]) -> String { "magnet:?" + fields.joined() }

    private static func topics(_ infoHash: InfoHash, _ v2: SHA256Digest?) -> String {
        "xt=urn:btih:\(infoHash)" + (v2.map { "&xt=urn:btmh:\(MagnetLinkReader.sha256)\(Hex.encode($0))" } ?? "")
    }

    private static func field(_ name: String?) -> String { name.map { "&dn=\(PercentEncoding.encode($0))" } ?? "" }
    private static func field(tracker: String) -> String { "&tr=\(PercentEncoding.encode(tracker))" }
    private static func field(webSeed: String) -> String { "&ws=\(PercentEncoding.encode(webSeed))" }

    /// Only the brackets of an IPv6 address can't stand in a query; most programs write the colon as it is.
    private static func field(peer: MagnetPeer) -> String {
        let parts = "\(peer)".split(separator: ":", omittingEmptySubsequences: false)
        return "&x.pe=" + parts.map { PercentEncoding.encode(String($0)) }.joined(separator: ":")
    }

    private static func field(_ files: [ClosedRange<Int>]) -> String {
        guard !files.isEmpty else { return "" }
        let ranges = files.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        return "&so=" + ranges.joined(separator: ",")
    }

    /// The beginning of a name that is too long; `nil` for an empty one.
    private static func shortened(_ name: String) -> String? {
        let bytes = LegacyText.beginning(of: Array(name.utf8)[...], bytes: maximumNameBytes)
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// The first different values, up to a count and up to the bytes that are left.
    private static func fitting<Value: Hashable>(
        _ values: some Sequence<Value>, _ limit: Int, _ room: inout Int, _ field: (Value) -> String
    ) -> [Value] {
        var kept: [Value] = []
        var seen: Set<Value> = []
        for value in values where seen.insert(value).inserted {
            let length = field(value).utf8.count
            guard kept.count < limit, length <= room else { break }
            room -= length
            kept.append(value)
        }
        return kept
    }
}

extension [ClosedRange<Int>] {
    /// The same numbers in ascending ranges that neither overlap nor touch.
    fileprivate var merged: Self {
        var merged: Self = []
        for range in sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound - 1 <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound...Swift.max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
