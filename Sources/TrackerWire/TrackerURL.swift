import Torrent

/// The address of a tracker, or of a `.torrent` on the web: what `announce` and `announce-list` hold (BEP 3, BEP 12).
package struct TrackerURL: Hashable, Sendable, CustomStringConvertible {
    package enum Scheme: String, Sendable, CaseIterable {
        case http, https, udp

        /// The port of a URL that names none. BEP 15 names none for UDP: 80 is what other clients take, and where such
        /// trackers listen.
        fileprivate var defaultPort: UInt16 {
            switch self {
            case .http, .udp: 80
            case .https: 443
            }
        }
    }

    /// The most UTF-8 bytes of a URL that is accepted.
    package static let maximumLength = 2048

    /// The most UTF-8 bytes of a URL that a server redirects to: it carries the request's query.
    private static let maximumRedirectLength = 8192

    package let scheme: Scheme
    /// What stood before the `@`, as it was written; `nil` where there was no `@`.
    private let userInfo: String?
    /// A host name, or an IPv4 or IPv6 address, the latter without brackets.
    package let host: String
    package let port: UInt16
    /// The path as it was written, either empty or beginning with `/`.
    package let path: String
    /// What stood behind `?`, as it was written; `nil` where there was no `?`.
    package let query: String?

    /// Reads a URL; a fragment is dropped. Spaces and other bytes of a path or a query that a request can't carry are
    /// escaped when it is made.
    package init(_ text: String) throws(TrackerURLError) { try self.init(text, maximumLength: Self.maximumLength) }

    private init(_ text: String, maximumLength: Int) throws(TrackerURLError) {
        guard text.utf8.count <= maximumLength else { throw .tooLong(bytes: text.utf8.count) }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { throw .control(text) }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { throw .noScheme(text) }
        guard let scheme = Scheme(rawValue: text[..<colon].lowercased()) else { throw .scheme(String(text[..<colon])) }

        let rest = text[text.index(colon, offsetBy: 3)...].prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest[authority.endIndex...]
        let mark = target.firstIndex(of: "?")

        let at = authority.lastIndex(of: "@")
        let (host, port): (String, UInt16?)
        do {
            (host, port) = try Self.readAuthority(at.map { authority[authority.index(after: $0)...] } ?? authority)
        } catch {
            // What was taken for the host may be a part of the password, which no sentence shows.
            throw at == nil && text[authority.endIndex...].contains("@") ? .password : error
        }
        self.scheme = scheme
        self.userInfo = at.map { String(authority[..<$0]) }
        self.host = host
        self.port = port ?? scheme.defaultPort
        self.path = String(target[..<(mark ?? target.endIndex)])
        self.query = mark.map { String(target[target.index(after: $0)...]) }
    }

    private init(_ other: TrackerURL, path: String) {
        (self.scheme, self.userInfo, self.host, self.port) = (other.scheme, other.userInfo, other.host, other.port)
        (self.path, self.query) = (path, other.query)
    }

    /// Where a server redirects this URL to; `nil` for what is no http or https URL. The password goes along to the
    /// same server alone, and one that the redirect itself names for another server is dropped.
    package func redirected(to location: String) -> TrackerURL? {
        let root = "\(scheme.rawValue)://\(userInfo.map { $0 + "@" } ?? "")\(authority)"
        let text: String
        if location.contains("://"), !location.hasPrefix("/"), !location.hasPrefix("?") {
            text = location
        } else if location.hasPrefix("//") {
            text = "\(scheme.rawValue):\(location)"
        } else if location.hasPrefix("/") {
            text = root + location
        } else if location.hasPrefix("?") {
            text = root + path + location
        } else {
            text = root + (path.lastIndex(of: "/").map { path[...$0] } ?? "/") + location
        }
        guard let url = try? TrackerURL(text, maximumLength: Self.maximumRedirectLength), url.scheme != .udp else {
            return nil
        }
        return TrackerURL(url, userInfo: url.server == server ? url.userInfo ?? userInfo : nil)
    }

    private init(_ other: TrackerURL, userInfo: String?) {
        (self.scheme, self.userInfo, self.host, self.port) = (other.scheme, userInfo, other.host, other.port)
        (self.path, self.query) = (other.path, other.query)
    }

    /// The value of HTTP's `Authorization` for the user and the password of the URL (RFC 7617); `nil` where there are
    /// none.
    package var authorization: String? {
        guard let userInfo else { return nil }
        let parts = userInfo.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let password = parts.count > 1 ? PercentEncoding.decode(parts[1]) : []
        return "Basic " + Base64.encode(PercentEncoding.decode(parts[0]) + [UInt8(ascii: ":")] + password)
    }

    /// Where the tracker answers scrapes: `scrape` in the place of `announce` at the beginning of the path's last
    /// component (BEP 48).
    ///
    /// `nil` where an HTTP path does not follow the convention: that tracker does not scrape. UDP has one address for
    /// both.
    package var scrapeURL: TrackerURL? {
        guard scheme != .udp else { return self }
        guard let slash = path.lastIndex(of: "/"), path[slash...].hasPrefix("/announce") else { return nil }
        return TrackerURL(self, path: path[..<slash] + "/scrape" + path[slash...].dropFirst("/announce".count))
    }

    /// The URL of an HTTP request: with `added` behind the query that it has, ASCII throughout, and without user and
    /// password.
    package func requestURL(query added: String = "") -> String {
        "\(scheme.rawValue)://\(authority)\(requestTarget(query: added))"
    }

    /// The target of an HTTP request: path and query.
    package func requestTarget(query added: String = "") -> String {
        var target = path.isEmpty ? "/" : PercentEncoding.repair(path)
        if let query { target += "?" + PercentEncoding.repair(query) }
        if !added.isEmpty {
            switch query {
            case .none: target += "?"
            case .some(let query) where query.isEmpty || query.hasSuffix("&"): break
            case .some: target += "&"
            }
        }
        return target + added
    }

    /// The path and the query as the option of BEP 41 carries them.
    var urlData: String { path + (query.map { "?" + $0 } ?? "") }

    /// `host:port` for sentences: whom the URL names, without its secrets.
    package var authority: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return port == scheme.defaultPort && scheme != .udp ? host : "\(host):\(port)"
    }

    /// The server that the URL names, for what is remembered of servers.
    package var server: String { "\(scheme.rawValue)://\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// The URL as it may be shown: without the password.
    package var description: String {
        MaskedURL.text("\(scheme.rawValue)://\(userInfo.map { $0 + "@" } ?? "")\(authority)\(urlData)")
    }

    private static func readAuthority(_ text: Substring) throws(TrackerURLError) -> (host: String, port: UInt16?) {
        var host = text
        var portText: Substring?
        if text.first == "[" {
            guard let bracket = text.firstIndex(of: "]") else { throw .host(String(text)) }
            let rest = text[text.index(after: bracket)...]
            guard rest.isEmpty || rest.first == ":" else { throw .host(String(text)) }
            host = text[..<bracket].dropFirst()
            portText = rest.isEmpty ? nil : rest.dropFirst()
            guard case .v6 = PeerAddress.Host(host) else { throw .host(String(text)) }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            portText = text[text.index(after: colon)...]
        }
        guard !host.isEmpty, host.utf8.allSatisfy(isHostByte) else { throw .host(String(text)) }
        guard let portText, !portText.isEmpty else { return (host.lowercased(), nil) }
        guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(portText), port != 0 else {
            throw .port(String(portText))
        }
        return (host.lowercased(), port)
    }

    /// Letters, digits, `-`, `.`, `_`, the `:` of IPv6, and the bytes of international names.
    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), 0x80...: true
        default: false
        }
    }
}

/// Why a text is not the URL of a tracker.
package enum TrackerURLError: Error, Hashable, CustomStringConvertible {
    case tooLong(bytes: Int)
    case control(String)
    case noScheme(String)
    case scheme(String)
    case password
    case host(String)
    case port(String)

    package var description: String {
        switch self {
        case .tooLong(let bytes): "a URL of \(bytes) bytes is too long: \(TrackerURL.maximumLength) are allowed"
        case .control(let text): "a URL cannot hold control characters: “\(Printable.text(MaskedURL.text(text).utf8))”"
        case .noScheme(let text):
            "“\(Printable.text(MaskedURL.text(text).utf8))” is not a URL: it should begin with http://, https:// or udp://"
        case .scheme(let scheme): "the scheme “\(Printable.text(scheme.utf8))” is not supported: use http, https or udp"
        case .password:
            "the user name or the password in a URL has a character that ends it: write / as %2F, ? as %3F and # as %23"
        case .host(let host):
            "“\(Printable.text(host.utf8))” is not a host: write a name, an IPv4 address or an IPv6 address in brackets"
        case .port(let port): "“\(Printable.text(port.utf8))” is not a port: write a number from 1 to 65535"
        }
    }
}
