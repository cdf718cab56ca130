import Bencode

/// Collects the tracker and web seed URLs of a .torrent: the usable ones in order and without duplicates, and the
/// others as ``unused``.
///
/// Some programs write one URL where a list belongs, a list where one URL belongs, nested lists, dictionaries with
/// numeric keys instead of lists, or several URLs in one string. All of these forms are accepted.
package struct AnnounceList {
    /// The maximum number of trackers, and of web seeds, that a .torrent can have.
    package static let maximumCount = 256
    /// The maximum length of a URL in bytes.
    static let maximumURLBytes = 2048
    /// The maximum length in bytes of a string of several URLs: ``maximumCount`` URLs, each followed by a blank.
    private static let maximumURLsBytes = maximumCount * (maximumURLBytes + 1)
    private static let trackerSchemes = ["udp://", "http://", "https://"]
    private static let webSeedSchemes = ["http://", "https://"]

    /// The tiers of `announce-list`, or of `announce` if `announce-list` has no usable URL (BEP 12). Tiers without a
    /// usable URL are dropped.
    private(set) var trackers: [[String]] = []
    /// The URLs of `url-list`, which is a string or a list of strings (BEP 19).
    private(set) var webSeeds: [String] = []
    private(set) var unused: [UnusedValue] = []

    init(_ root: BencodeValue) {
        var seen: Set<String> = []
        for tier in Self.elements(of: root["announce-list"]) {
            let urls = usable(tier, "announce-list", &seen)
            if !urls.isEmpty { trackers.append(urls) }
        }
        if let announce = root["announce"] { add(announce: announce, &seen) }
        if let seeds = root["url-list"] {
            var seen: Set<String> = []
            forEachString(seeds, "url-list") { list, bytes in
                list.take(bytes, "url-list", Self.webSeedSchemes, &seen).map { list.webSeeds.append($0) }
            }
        }
    }

    private mutating func add(announce: BencodeValue, _ seen: inout Set<String>) {
        guard !trackers.isEmpty else {
            let urls = usable(announce, "announce", &seen)
            if !urls.isEmpty { trackers = [urls] }
            return
        }
        forEachString(announce, "announce") { list, bytes in
            guard let url = try? Self.usable(bytes, Self.trackerSchemes).get(), !seen.contains(url) else { return }
            list.leaveOut("announce", bytes, .replaced)
        }
    }

    /// The tiers of a list that may be written as a list, a dictionary or a single value.
    private static func elements(of value: BencodeValue?) -> [BencodeValue] {
        switch value?.kind {
        case .list(let values): values
        case .dictionary(let dictionary): dictionary.entries.map(\.value)
        case .some: value.map { [$0] } ?? []
        case nil: []
        }
    }

    /// The usable URLs of one tier.
    private mutating func usable(_ tier: BencodeValue, _ key: String, _ seen: inout Set<String>) -> [String] {
        var urls: [String] = []
        forEachString(tier, key) { list, bytes in
            let words = bytes.count <= Self.maximumURLsBytes ? bytes.split { $0 <= 0x20 } : [bytes]
            // A form with one field produces several URLs in one string. Any other text with a blank in it is not a
            // URL.
            let areURLs = words.allSatisfy {
                if case .success = Self.usable($0, Self.trackerSchemes) { true } else { false }
            }
            for word in areURLs && words.count > 1 ? words : [bytes] {
                list.take(word, key, Self.trackerSchemes, &seen).map { urls.append($0) }
            }
        }
        return urls
    }

    /// Calls `body` with each string in a value. The decoder has already limited the depth of the recursion.
    private mutating func forEachString(
        _ value: BencodeValue, _ key: String, _ body: (inout AnnounceList, ArraySlice<UInt8>) -> Void
    ) {
        switch value.kind {
        case .string(let bytes): body(&self, bytes)
        case .list(let values): for value in values { forEachString(value, key, body) }
        case .dictionary(let dictionary): for entry in dictionary.entries { forEachString(entry.value, key, body) }
        case .integer(let number): leaveOut(key, Array(String(number).utf8)[...], .number)
        }
    }

    /// Returns the URL if it is usable and not in `seen`.
    private mutating func take(
        _ bytes: ArraySlice<UInt8>, _ key: String, _ schemes: [String], _ seen: inout Set<String>
    )
        -> String?
    {
        guard bytes.contains(where: { $0 > 0x20 }) else { return nil }
        switch Self.usable(bytes, schemes) {
        case .failure(let reason):
            leaveOut(key, bytes, reason)
            return nil
        case .success(let url):
            guard !seen.contains(url) else { return nil }
            guard seen.count < Self.maximumCount else {
                leaveOut(key, bytes, .tooMany)
                return nil
            }
            seen.insert(url)
            return url
        }
    }

    private mutating func leaveOut(_ key: String, _ bytes: ArraySlice<UInt8>, _ reason: Reason) {
        if unused.count < UnusedValue.maximumCount { unused.append(UnusedValue(key, bytes, reason.text)) }
    }

    /// Why a value isn't used. Only reported reasons are turned into text, because there may be millions.
    private enum Reason: Error {
        case number, replaced, tooMany, empty, tooLong, unreadable, noHost
        case otherScheme(than: [String])

        var text: String {
            switch self {
            case .number: "it is a number"
            case .replaced: "'announce-list' replaces it (BEP 12)"
            case .tooMany: "the first \(maximumCount) are kept"
            case .empty: "it is empty"
            case .tooLong: "it is longer than \(maximumURLBytes) bytes"
            case .unreadable: "it has control characters, or isn't valid UTF-8"
            case .noHost: "it has no host"
            case .otherScheme(let known):
                "only URLs with \(known.map { $0.dropLast(3) }.joined(separator: ", ")) are supported"
            }
        }
    }

    /// The tracker's URL without blanks around it; `nil` if it can't be used.
    package static func tracker(_ text: String) -> String? { usable(text, trackerSchemes) }

    /// The web seed's URL without blanks around it; `nil` if it can't be used.
    package static func webSeed(_ text: String) -> String? { usable(text, webSeedSchemes) }

    private static func usable(_ text: String, _ schemes: [String]) -> String? {
        guard case .success(let url) = usable(Array(text.utf8)[...], schemes) else { return nil }
        return url
    }

    /// Trims white space and returns the text if it has one of the schemes, something after the scheme, and no control
    /// characters.
    private static func usable(_ bytes: ArraySlice<UInt8>, _ schemes: [String]) -> Result<String, Reason> {
        let isInk = { (byte: UInt8) in byte > 0x20 }
        guard let first = bytes.firstIndex(where: isInk), let last = bytes.lastIndex(where: isInk) else {
            return .failure(.empty)
        }
        let body = bytes[first...last]
        guard body.count <= maximumURLBytes else {
            return .failure(.tooLong)
        }
        guard body.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }), let text = String(validating: body, as: UTF8.self) else {
            return .failure(.unreadable)
        }
        let lowered = text.prefix(8).lowercased()
        guard let scheme = schemes.first(where: { lowered.hasPrefix($0) }) else {
            return .failure(.otherScheme(than: schemes))
        }
        return text.utf8.count > scheme.utf8.count ? .success(text) : .failure(.noHost)
    }
}

/// Decides whether two announce URLs name the same tracker.
package enum TrackerIdentity {
    /// The URL with its scheme and host in lower case and without the default port. URLs that differ only in these
    /// details give equal results.
    package static func of(_ url: String) -> String {
        guard let mark = url.firstRange(ofText: "://") else { return url }
        let scheme = url[..<mark.lowerBound].lowercased()
        let rest = url[mark.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let hostStart = authority.lastIndex(of: "@").map { authority.index(after: $0) } ?? authority.startIndex
        var host = authority[hostStart...].lowercased()
        let usualPort = ["http": ":80", "https": ":443"][scheme] ?? ""
        if !usualPort.isEmpty, host.hasSuffix(usualPort) { host.removeLast(usualPort.count) }
        return "\(scheme)://\(authority[..<hostStart])\(host)\(rest[authority.endIndex...])"
    }
}
