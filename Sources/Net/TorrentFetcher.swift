package import NIOCore
package import Torrent
package import TrackerWire

/// Downloads a `.torrent` over http or https.
package struct TorrentFetcher: Sendable {
    /// The maximum size of a `.torrent` in bytes, before and after decompression.
    package static let maximumBytes = 256 << 20
    /// The maximum number of received bytes, including redirects, TLS, HTTP headers, framing and body.
    package static let maximumWireBytes = 288 << 20
    /// The maximum total time. A server that is silent for the tracker timeout is given up earlier.
    package static let timeout: Duration = .seconds(600)

    private let getter: HTTPGetter
    private let resolver: HostResolver

    /// Creates a fetcher on the loops of `group`, which must outlive the fetcher; call ``shutdown()`` when done.
    package init(group: any EventLoopGroup, options: HTTPOptions) {
        self.init(group: group, options: options, maximumBytes: Self.maximumBytes)
    }

    package init(
        group: any EventLoopGroup, options: HTTPOptions, maximumBytes: Int, resolver: HostResolver = HostResolver(),
        reach: ReachTest = .system
    ) {
        let limits = HTTPGetter.Limits(
            body: maximumBytes, wire: Self.maximumWireBytes, connectTimeout: options.connectTimeout,
            silenceTimeout: options.trackerTimeout,
            timeout: Self.timeout)
        self.resolver = resolver
        getter = HTTPGetter(
            for: .torrent, limits: limits, group: group, options: options, resolver: resolver, reach: reach)
    }

    /// Downloads the bytes at an http or https URL. Only the first byte is checked; the parser has to validate the
    /// rest.
    package func fetch(_ text: String) async throws(TorrentFetchError) -> [UInt8] {
        let url: TrackerURL
        do {
            url = try TrackerURL(text)
        } catch {
            throw .url(error)
        }
        guard url.scheme != .udp else { throw .udp }
        let (head, body): (HTTPResponseHead, [UInt8])
        do {
            let answer = try await getter.get(url)
            head = answer.head
            // Only HTTP compression is undone. A file that is compressed itself stays as it is.
            body =
                head.isPacked && Gunzip.isPacked(answer.body)
                ? try Gunzip.unpack(answer.body, limit: getter.limits.body) : answer.body
        } catch {
            throw error == .cancelled ? .cancelled : .failed(server: url.authority, why: Self.why(error))
        }
        guard head.isSuccess else { throw .status(server: url.authority, code: head.status, phrase: head.phrase) }
        guard let first = body.first else { throw .failed(server: url.authority, why: "the answer is empty") }
        guard first == UInt8(ascii: "d") else {
            if let file = ForeignFile(body), file.isPacked { throw .packed(server: url.authority, file) }
            throw .notATorrent(server: url.authority, excerpt: Printable.text(body, limit: 60))
        }
        return body
    }

    package func shutdown() async { resolver.shutdown() }

    /// The reason in words that don't call the server a tracker.
    private static func why(_ error: TrackerError) -> String {
        switch error {
        case .tooLarge(let limit): "the answer is longer than \(limit) bytes"
        case .tooMuchReceived(let limit):
            "the server sent more than \(limit) bytes, HTTP headers and framing included: the connection was closed"
        case .timedOut(let time): "no answer within \(time.components.seconds) s"
        case .unreachable(let why): "no connection: \(why)"
        case .insecure(let why): "the server cannot be reached securely: \(why)"
        case .truncated(let what): "the answer is cut off: \(what)"
        case .malformed(let what): "the answer cannot be read: \(what)"
        case .redirects(let limit): "the server redirects in a loop, or more than \(limit) times"
        case .redirectRefused(let server, let target, let why):
            "\(server) redirects to \(target), and pieces doesn't follow: \(why)"
        // Only trackers cause these errors.
        case .failure, .notBencode, .empty, .status, .noScrape, .cancelled: error.description
        }
    }
}

/// Why no `.torrent` could be downloaded from a URL.
package enum TorrentFetchError: Error, Hashable, Sendable, CustomStringConvertible {
    case url(TrackerURLError)
    case udp
    case status(server: String, code: Int, phrase: String)
    case notATorrent(server: String, excerpt: String)
    /// The file is compressed itself; HTTP compression would have been undone.
    case packed(server: String, ForeignFile)
    case failed(server: String, why: String)
    case cancelled

    package var description: String {
        switch self {
        case .url(let error): error.description
        case .udp: "a .torrent cannot be fetched over udp: give an http or https URL"
        case .status(let server, let code, let phrase):
            "\(server) answered \(code)\(phrase.isEmpty ? "" : " \(phrase)"): check the URL, or fetch the .torrent with a browser"
        case .notATorrent(let server, let excerpt):
            "\(server) answered with something that is not a .torrent: “\(excerpt)”; it may be a page that links to it, or that requires a login"
        case .packed(let server, let file):
            "\(server) answered with \(file.kind): fetch it by other means, and \(file.advice)"
        case .failed(let server, let why): "the .torrent cannot be fetched from \(server): \(why)"
        case .cancelled: "fetching the .torrent was cancelled"
        }
    }
}
