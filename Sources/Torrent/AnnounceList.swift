import Bencode

/// The URLs of a .torrent that this client can use, in their order and each once.
enum AnnounceList {
    /// The most trackers, and the most web seeds, that are taken from a .torrent.
    static let maximumCount = 256
    /// The most bytes of a URL.
    static let maximumURLBytes = 2048

    /// The tiers of `announce-list`, or `announce` where that has no usable URL (BEP 12); tiers without one are dropped.
    static func trackers(of root: BencodeValue) -> [[String]] {
        var seen: Set<String> = []
        var tiers: [[String]] = []
        for tier in root["announce-list"]?.list ?? [] {
            let urls = usable(tier.list ?? [tier], schemes: ["udp://", "http://", "https://"], seen: &seen)
            if !urls.isEmpty { tiers.append(urls) }
        }
        guard tiers.isEmpty, let announce = root["announce"] else { return tiers }
        let urls = usable([announce], schemes: ["udp://", "http://", "https://"], seen: &seen)
        return urls.isEmpty ? [] : [urls]
    }

    /// The URLs of `url-list`, which is a string or a list of them (BEP 19).
    static func webSeeds(of root: BencodeValue) -> [String] {
        guard let value = root["url-list"] else { return [] }
        var seen: Set<String> = []
        return usable(value.list ?? [value], schemes: ["http://", "https://"], seen: &seen)
    }

    private static func usable(_ values: [BencodeValue], schemes: [String], seen: inout Set<String>) -> [String] {
        var urls: [String] = []
        for value in values where seen.count < maximumCount {
            guard let url = value.bytes.flatMap({ trimmed($0, schemes: schemes) }), seen.insert(url).inserted else { continue }
            urls.append(url)
        }
        return urls
    }

    /// The text without white space around it; `nil` unless it has one of the schemes, and more, and no control characters.
    private static func trimmed(_ bytes: [UInt8], schemes: [String]) -> String? {
        let isInk = { (byte: UInt8) in byte > 0x20 }
        guard let first = bytes.firstIndex(where: isInk), let last = bytes.lastIndex(where: isInk) else { return nil }
        let body = bytes[first...last]
        guard body.count <= maximumURLBytes, body.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return nil }
        guard let text = String(validating: body, as: UTF8.self) else { return nil }
        let lowered = text.prefix(8).lowercased()
        return schemes.contains { lowered.hasPrefix($0) && text.utf8.count > $0.utf8.count } ? text : nil
    }
}
