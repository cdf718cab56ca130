import NIOCore
import NIOSSL
import Synchronization
import Torrent
import TrackerWire

/// Trackers over http and https (BEP 3).
package struct HTTPTracker: TrackerTransport {
    /// The most redirects that are followed, to http and https alone.
    private static let maximumRedirects = HTTPGetter.maximumRedirects

    private let group: any EventLoopGroup
    private let options: HTTPOptions
    private let limits: HTTPGetter.Limits
    private let names: NameLookup
    private let tls: TLSContext

    init(group: any EventLoopGroup, options: HTTPOptions, resolver: HostResolver) {
        self.group = group
        self.options = options
        limits = HTTPGetter.Limits(
            bytes: HTTPAnswer.maximumLength, connectTimeout: options.connectTimeout, silenceTimeout: options.trackerTimeout,
            timeout: options.trackerTimeout)
        names = NameLookup(resolver: resolver)
        tls = TLSContext(options)
    }

    package func announce(_ url: TrackerURL, _ request: AnnounceRequest) async throws(TrackerError) -> AnnounceResponse {
        var response = try AnnounceResponse(httpBody: try await body(url, query: request.httpQuery))
        guard !response.namedPeers.isEmpty else { return response }
        for peer in await names.addresses(of: response.namedPeers) where peer.isDialable && !response.peers.contains(peer) {
            response.peers.append(peer)
        }
        return response
    }

    package func scrape(_ url: TrackerURL, _ request: ScrapeRequest) async throws(TrackerError) -> ScrapeResponse {
        guard let url = url.scrapeURL else { throw .noScrape }
        return try ScrapeResponse(httpBody: try await body(url, query: request.httpQuery), to: request)
    }

    /// Nothing outlives a request, which ends with the task that made it.
    package func shutdown() async {}

    private func body(_ url: TrackerURL, query: String) async throws(TrackerError) -> [UInt8] {
        let answer = try await get(url, query: query)
        return try HTTPAnswer.body(of: answer.head, try unpacked(answer), now: UnixTime.now)
    }

    private func unpacked(_ answer: HTTPExchange.Answer) throws(TrackerError) -> [UInt8] {
        guard Gunzip.isPacked(answer.body) else { return answer.body }
        do {
            return try Gunzip.unpack(answer.body, limit: limits.bytes)
        } catch {
            // Of a page that explains a status the status is enough.
            guard !answer.head.isSuccess else { throw error }
            return []
        }
    }

    /// The answer behind the URL, or behind the one that it redirects to.
    private func get(_ url: TrackerURL, query: String) async throws(TrackerError) -> HTTPExchange.Answer {
        let deadline = NIODeadline.now() + TimeAmount(limits.timeout)
        var (url, query) = (url, query)
        var visited: Set<String> = []
        while visited.count <= Self.maximumRedirects, visited.insert(url.requestURL(query: query)).inserted {
            let answer = try await exchange(url, query, deadline)
            guard let location = answer.head.location, let next = url.redirected(to: location) else { return answer }
            (url, query) = (next, "")
        }
        throw TrackerError(HTTPGetError.redirects)
    }

    private func exchange(_ url: TrackerURL, _ query: String, _ deadline: NIODeadline) async throws(TrackerError) -> HTTPExchange.Answer {
        var bind: SocketAddress?
        if let address = options.bindAddress {
            do { bind = try PeerAddress(address, port: 0).socketAddress } catch {
                throw .unreachable("the local address to bind to is not valid: correct --bind")
            }
        }
        let context = url.scheme == .https ? try tls.context() : nil
        let exchange = HTTPExchange(url, query: query, options: options, limits: limits, on: group.next())
        return try await exchange.answer(bind: bind, tls: context, deadline: deadline)
    }
}

/// What https trusts, read when it is first needed: the system's certificates are many.
private final class TLSContext: Sendable {
    private let known = Mutex<NIOSSLContext?>(nil)
    private let extraTrustRoots: String?

    init(_ options: HTTPOptions) { extraTrustRoots = options.extraTrustRoots }

    func context() throws(TrackerError) -> NIOSSLContext {
        do {
            return try known.withLock { known in
                if let known { return known }
                var configuration = TLSConfiguration.makeClientConfiguration()
                configuration.applicationProtocols = ["http/1.1"]
                if let extraTrustRoots { configuration.additionalTrustRoots = [.file(extraTrustRoots)] }
                let context = try NIOSSLContext(configuration: configuration)
                known = context
                return context
            }
        } catch {
            throw .insecure(Printable.text("\(error)".utf8))
        }
    }
}

extension TrackerError {
    init(_ error: HTTPGetError) {
        self =
            switch error {
            case .tooLarge(let limit): .tooLarge(limit: limit)
            case .timedOut(let time): .timedOut(after: time)
            case .unreachable(let why): .unreachable(why)
            case .insecure(let why): .insecure(why)
            case .malformed(let why): .malformed(why)
            case .redirects: .unreachable(error.description)
            case .cancelled: .cancelled
            }
    }
}
