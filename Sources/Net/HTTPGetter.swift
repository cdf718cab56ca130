import NIOCore
import NIOSSL
import Synchronization
import Torrent
import TrackerWire

/// How this client presents itself over HTTP.
package struct HTTPOptions: Sendable {
    /// `pieces/1.0`: the name and version in every request.
    package var userAgent: String
    /// The local address from which connections are made; `nil` leaves it to the system.
    package var bindAddress: PeerAddress.Host?
    /// A PEM file of certificates that are trusted beside the system's.
    package var extraTrustRoots: String?
    /// How long a connection may take.
    package var connectTimeout: Duration = .seconds(10)
    /// How long an announce or a scrape may take altogether.
    package var trackerTimeout: Duration = .seconds(30)

    package init(version: String, bindAddress: PeerAddress.Host? = nil, extraTrustRoots: String? = nil) {
        self.userAgent = "pieces/\(version)"
        self.bindAddress = bindAddress
        self.extraTrustRoots = extraTrustRoots
    }
}

/// GETs that are bounded in every direction: bytes on the wire, bytes packed and unpacked, redirects and where they
/// lead, time.
struct HTTPGetter: Sendable {
    /// The most redirects that are followed, to http and https alone.
    static let maximumRedirects = 5

    /// What one GET may cost, with all its redirects.
    struct Limits: Sendable {
        /// The most bytes of a body, packed or unpacked.
        let body: Int
        /// The most bytes that are received: TLS, heads, interim responses, framing, trailers and bodies together.
        let wire: Int
        /// How long a connection may take.
        let connectTimeout: Duration
        /// How long a server may send nothing.
        let silenceTimeout: Duration
        /// How long everything may take, from the first name look-up to the last byte.
        let timeout: Duration
    }

    let limits: Limits
    private let group: any EventLoopGroup
    private let options: HTTPOptions
    private let purpose: RedirectRule.Purpose
    private let resolver: HostResolver
    private let reach: ReachTest
    private let tls: TLSContext

    init(
        for purpose: RedirectRule.Purpose, limits: Limits, group: any EventLoopGroup, options: HTTPOptions,
        resolver: HostResolver,
        reach: ReachTest
    ) {
        self.purpose = purpose
        self.limits = limits
        self.group = group
        self.options = options
        self.resolver = resolver
        self.reach = reach
        tls = TLSContext(options)
    }

    /// The answer behind the URL, or behind the one that it redirects to. `query` is added to the URL's own.
    func get(_ url: TrackerURL, query: String = "") async throws(TrackerError) -> HTTPExchange.Answer {
        let deadline = NIODeadline.now() + TimeAmount(limits.timeout)
        var rule = RedirectRule(url, for: purpose, reach: reach)
        var (url, query) = (url, query)
        var received = 0
        var visited: Set<String> = []
        while visited.count <= Self.maximumRedirects, visited.insert(url.requestURL(query: query)).inserted {
            let exchange = HTTPExchange(
                url, query: query, options: options, limits: limits, received: received, purpose: purpose,
                on: group.next())
            let answer = try await exchange.answer(
                rule, resolver, bind: try bindAddress(), tls: url.scheme == .https ? try tls.context() : nil,
                deadline: deadline)
            guard let next = answer.redirect(of: url) else { return answer }
            rule.redirected(by: url, at: answer.remote)
            received = answer.received
            (url, query) = (next, "")
        }
        throw .redirects(limit: Self.maximumRedirects)
    }

    private func bindAddress() throws(TrackerError) -> SocketAddress? {
        guard let address = options.bindAddress else { return nil }
        do { return try PeerAddress(address, port: 0).socketAddress } catch {
            throw .unreachable("the local address to bind to is not valid: correct --bind")
        }
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
