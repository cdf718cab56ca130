import Torrent

/// The URL of a tracker, as in `announce` and `announce-list` (BEP 3, BEP 12), or of a `.torrent` on the web.
package struct TrackerURL: Hashable, Sendable, CustomStringConvertible {
    package enum Scheme: String, Sendable, CaseIterable {
        case http, https, udp

        /// The default port. BEP 15 defines none for UDP; other clients use 80, and trackers without a port in their
        /// URL listen there.
        fileprivate var defaultPort: UInt16 {
            switch self {
            case .http, .udp: 80
            case .https: 443
            }
        }
    }

    /// The maximum length of a URL in UTF-8 bytes.
    package static let maximumLength = 2048

    /// The maximum length in UTF-8 bytes of a redirect target, which contains the request's query.
    private static let maximumRedirectLength = 8192

    package let scheme: Scheme
    /// The text before the `@`, unchanged; `nil` if there is no `@`.
    private let userInfo: String?
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    package let host: String
    package let port: UInt16
    /// The path, unchanged; either empty or beginning with `/`.
    package let path: String
    /// The text after the `?`, unchanged; `nil` if there is no `?`.
    package let query: String?

    /// Parses a URL and drops a fragment. Spaces and other bytes of the path or query that are illegal in a request are
    /// escaped when the request is made.
    package init(_ text: String) throws(TrackerURLError) { try self.init(text, maximumLength: Self.maximumLength) }

    /// Parses the URL of a file on a web seed, which has the file's path and may be longer than other URLs.
    package init(file text: String) throws(TrackerURLError) {
        try self.init(text, maximumLength: Self.maximumRedirectLength)
    }

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
            // The text that was parsed as the host may be part of the password, which no message may show.
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

    /// The URL to which a server redirects this URL; `nil` if it is not an http or https URL. The password is kept only
    /// for the same server, and a password in the redirect itself is dropped if it is for another server.
    package func redirected(to location: String) -> TrackerURL? {
        let root = "\(scheme.rawValue)://\(userInfo.map { $0 + "@" } ?? "")\(authority)"
        let text: String
        if location.contains(text: "://"), !location.hasPrefix("/"), !location.hasPrefix("?") {
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

    /// The value of HTTP's `Authorization` header for the user name and password in the URL (RFC 7617); `nil` if there
    /// are none.
    package var authorization: String? {
        guard let userInfo else { return nil }
        let parts = userInfo.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let password = parts.count > 1 ? PercentEncoding.decode(parts[1]) : []
        return "Basic " + Base64.encode(PercentEncoding.decode(parts[0]) + [UInt8(ascii: ":")] + password)
    }

    /// The scrape URL: the last path component begins with `scrape` instead of `announce` (BEP 48).
    ///
    /// Returns `nil` if an HTTP path doesn't follow this convention, because the tracker then doesn't support scrapes.
    /// UDP uses one URL for both.
    package var scrapeURL: TrackerURL? {
        guard scheme != .udp else { return self }
        guard let slash = path.lastIndex(of: "/"), path[slash...].hasPrefix("/announce") else { return nil }
        return TrackerURL(self, path: path[..<slash] + "/scrape" + path[slash...].dropFirst("/announce".count))
    }

    /// The URL of an HTTP request, with `added` appended to its query. It is pure ASCII and has no user name or
    /// password.
    package func requestURL(query added: String = "") -> String {
        "\(scheme.rawValue)://\(authority)\(requestTarget(query: added))"
    }

    /// The target of an HTTP request: the path and query.
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

    /// The path and query as carried in the URLData option of BEP 41.
    var urlData: String { path + (query.map { "?" + $0 } ?? "") }

    /// `host:port` for messages, without secrets; the default port of http and https is omitted.
    package var authority: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return port == scheme.defaultPort && scheme != .udp ? host : "\(host):\(port)"
    }

    /// The server's identity, the key for data that is remembered about servers.
    package var server: String { "\(scheme.rawValue)://\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// The URL without its password, for display.
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

    /// Whether the byte may occur in a host: letters, digits, `-`, `.`, `_`, the `:` of IPv6, and bytes of
    /// international names.
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

/// Why a text is not a valid tracker URL.
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
