/// Why an announce or a scrape gave no answer.
package enum TrackerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// When a tracker that refused wants to be asked again: `retry in` (BEP 31), its intervals, or HTTP's Retry-After.
    package enum Retry: Hashable, Sendable {
        case after(Duration)
        case never
    }

    /// The tracker understood the request and refused it.
    case failure(reason: String, retry: Retry?)
    /// The answer is no bencode at all: a web page, or nothing.
    case notBencode(excerpt: String)
    case empty
    /// The answer is cut off.
    case truncated(String)
    /// The answer is bencode or a packet, but not what was asked for.
    case malformed(String)
    /// The answer is longer than the limit, packed or unpacked.
    case tooLarge(limit: Int)
    /// More came over the wire than any answer takes, whatever it was: heads, interim responses, framing, trailers.
    case tooMuchReceived(limit: Int)
    /// The HTTP status is not 2xx, and the body is no answer; the phrase is the server's, or the reason that the body
    /// names.
    case status(code: Int, phrase: String, retry: Retry? = nil)
    /// The host has no address, or nobody answers there.
    case unreachable(String)
    /// The certificate or the handshake of HTTPS is not to be trusted.
    case insecure(String)
    case timedOut(after: Duration)
    /// The tracker redirects more often than is followed, or in a circle.
    case redirects(limit: Int)
    /// The redirect would lead to an address inside this network. `server` and `target` are hosts and ports, without
    /// paths.
    case redirectRefused(server: String, target: String, why: String)
    /// The tracker has no scrape, by the convention of its URL (BEP 48).
    case noScrape
    /// The caller cancelled, or the transport was shut down.
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
        case .insecure(let why): "the tracker's certificate cannot be trusted: \(why)"
        case .timedOut(let time): "the tracker did not answer within \(time.components.seconds) s"
        case .redirects(let limit): "the tracker redirects in a loop, or more than \(limit) times"
        case .redirectRefused(let server, let target, let why):
            "the tracker \(server) redirects to \(target), and pieces doesn't follow: \(why)"
        case .noScrape:
            "the tracker can't be scraped: the last path component of its URL does not begin with “announce”"
        case .cancelled: "the request to the tracker was cancelled"
        }
    }

    /// When the tracker wants to be asked again, where it said so.
    package var retry: Retry? {
        switch self {
        case .failure(_, let retry), .status(_, _, let retry): retry
        default: nil
        }
    }

    /// Whether the answer is of the whole host and not of one torrent: it is overloaded, or being repaired (RFC 6585
    /// section 4, RFC 9110 section 15.6.4).
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
