/// Why an announce or a scrape gave no answer.
package enum TrackerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// When a tracker that refused wants to be asked again (BEP 31).
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
    /// The HTTP status is not 2xx and the body says no reason.
    case status(code: Int, phrase: String)
    /// The host has no address, or nobody answers there.
    case unreachable(String)
    /// The certificate or the handshake of HTTPS is not to be trusted.
    case insecure(String)
    case timedOut(after: Duration)
    /// The tracker has no scrape, by the convention of its URL (BEP 48).
    case noScrape
    /// The caller cancelled, or the transport was shut down.
    case cancelled

    package var description: String {
        switch self {
        case .failure(let reason, let retry):
            switch retry {
            case nil: "the tracker refused: \(reason)"
            case .never: "the tracker refused for good: \(reason)"
            case .after(let pause): "the tracker refused and wants to be asked again in \(pause.components.seconds) s: \(reason)"
            }
        case .notBencode(let excerpt): "the tracker answered something that is no tracker's answer: “\(excerpt)”"
        case .empty: "the tracker answered with nothing"
        case .truncated(let what): "the tracker's answer is cut off: \(what)"
        case .malformed(let what): "the tracker's answer makes no sense: \(what)"
        case .tooLarge(let limit): "the tracker's answer is longer than \(limit) bytes and was not read"
        case .status(let code, let phrase): "the tracker answered \(code)\(phrase.isEmpty ? "" : " \(phrase)")"
        case .unreachable(let why): "the tracker cannot be reached: \(why)"
        case .insecure(let why): "the tracker's certificate cannot be trusted: \(why)"
        case .timedOut(let time): "the tracker did not answer within \(time.components.seconds) s"
        case .noScrape: "the tracker's URL has no scrape: its last path component does not begin with “announce”"
        case .cancelled: "the request to the tracker was cancelled"
        }
    }
}
