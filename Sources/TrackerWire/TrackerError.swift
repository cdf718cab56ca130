/// Why an announce or a scrape failed.
package enum TrackerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// When a tracker that refused a request accepts the next one: from `retry in` (BEP 31), its intervals, or HTTP's
    /// Retry-After.
    package enum Retry: Hashable, Sendable {
        case after(Duration)
        case never
    }

    /// The tracker understood the request and refused it.
    case failure(reason: String, retry: Retry?)
    /// The response is not bencode but, for example, a web page.
    case notBencode(excerpt: String)
    case empty
    /// The response is cut off.
    case truncated(String)
    /// The response is bencode or a packet, but not a valid response to the request.
    case malformed(String)
    /// The response is longer than the limit, before or after decompression.
    case tooLarge(limit: Int)
    /// The server sent more bytes than any response needs, counting heads, interim responses, framing and trailers.
    case tooMuchReceived(limit: Int)
    /// The HTTP status is not 2xx, and the body is not a valid response. The phrase is the server's, or the reason in
    /// the body.
    case status(code: Int, phrase: String, retry: Retry? = nil)
    /// The host has no address, or doesn't respond.
    case unreachable(String)
    /// The certificate can't be trusted, or the TLS handshake failed; the text is a clause about the server.
    case insecure(String)
    case timedOut(after: Duration)
    /// The tracker redirects too often, or in a loop.
    case redirects(limit: Int)
    /// The redirect leads to an address inside this network. `server` and `target` are hosts and ports, without paths.
    case redirectRefused(server: String, target: String, why: String)
    /// The tracker doesn't support scrapes, according to the convention for its URL (BEP 48).
    case noScrape
    /// The caller cancelled the request, or the transport was shut down.
    case cancelled

    package var description: String {
        switch self {
        case .failure(let reason, let retry): "the tracker refused\(Self.words(retry)): \(reason)"
        case .notBencode(let excerpt): "not a valid tracker response: “\(excerpt)”"
        case .empty: "the tracker's response is empty"
        case .truncated(let what): "the tracker's response is cut off: \(what)"
        case .malformed(let what): "not a valid tracker response: \(what)"
        case .tooLarge(let limit): "the tracker's response is longer than \(limit) bytes and was not read"
        case .tooMuchReceived(let limit):
            "the tracker sent more than \(limit) bytes, HTTP headers and framing included: the connection was closed"
        case .status(let code, let phrase, let retry):
            "the tracker answered \(code)\(phrase.isEmpty ? "" : " \(phrase)")\(Self.words(retry))"
        case .unreachable(let why): "the tracker cannot be reached: \(why)"
        case .insecure(let why): "the tracker cannot be reached securely: \(why)"
        case .timedOut(let time): "the tracker did not answer within \(time.components.seconds) s"
        case .redirects(let limit): "the tracker redirects in a loop, or more than \(limit) times"
        case .redirectRefused(let server, let target, let why):
            "the tracker \(server) redirects to \(target), and pieces doesn't follow: \(why)"
        case .noScrape:
            "the tracker can't be scraped: the last path component of its URL does not begin with “announce”"
        case .cancelled: "the request to the tracker was cancelled"
        }
    }

    /// When the tracker accepts the next request, if it said so.
    package var retry: Retry? {
        switch self {
        case .failure(_, let retry), .status(_, _, let retry): retry
        default: nil
        }
    }

    /// Whether the error concerns the whole host rather than one torrent, because the host is overloaded or in
    /// maintenance (RFC 6585 section 4, RFC 9110 section 15.6.4).
    package var isOfHost: Bool {
        if case .status(let code, _, _) = self { HTTPAnswer.hostStatuses.contains(code) } else { false }
    }

    private static func words(_ retry: Retry?) -> String {
        switch retry {
        case nil: ""
        case .never: " for good"
        case .after(let pause): " and wants to be asked again in \(pause.components.seconds) s"
        }
    }
}
