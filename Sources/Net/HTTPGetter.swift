package import NIOCore
import NIOSSL
import Synchronization
package import Torrent
package import TrackerWire

/// The HTTP options of this client.
package struct HTTPOptions: Sendable {
    /// The name and version in every request, such as `pieces/1.0`.
    package var userAgent: String
    /// The local address from which to connect; `nil` lets the system choose.
    package var bindAddress: PeerAddress.Host?
    /// The path of a PEM file with certificates that are trusted in addition to the system's.
    package var extraTrustRoots: String?
    /// The maximum time to connect.
    package var connectTimeout: Duration = .seconds(10)
    /// The maximum time for a whole announce or scrape.
    package var trackerTimeout: Duration = .seconds(30)

    package init(version: String, bindAddress: PeerAddress.Host? = nil, extraTrustRoots: String? = nil) {
        self.userAgent = "pieces/\(version)"
        self.bindAddress = bindAddress
        self.extraTrustRoots = extraTrustRoots
    }
}

/// Performs GETs with limits on everything: bytes on the wire, bytes before and after decompression, redirects and
/// their targets, and time.
package struct HTTPGetter: Sendable {
    /// The maximum number of redirects; only redirects to http and https are followed.
    static let maximumRedirects = 5

    /// The limits of one GET, including all its redirects.
    package struct Limits: Sendable {
        /// The maximum length of a body in bytes, before and after decompression.
        let body: Int
        /// The maximum number of received bytes, including TLS, heads, interim responses, framing, trailers and bodies.
        let wire: Int
        /// The maximum time to connect.
        let connectTimeout: Duration
        /// The maximum time for which a server may send nothing.
        let silenceTimeout: Duration
        /// The maximum total time, from the first name look-up to the last byte.
        package let timeout: Duration

        package init(
            body: Int, wire: Int, connectTimeout: Duration, silenceTimeout: Duration, timeout: Duration
        ) {
            self.body = body
            self.wire = wire
            self.connectTimeout = connectTimeout
            self.silenceTimeout = silenceTimeout
            self.timeout = timeout
        }
    }

    let limits: Limits
    private let group: any EventLoopGroup
    private let options: HTTPOptions
    private let purpose: RedirectRule.Purpose
    private let resolver: HostResolver
    private let reach: ReachTest
    private let tls: TLSContext

    package init(
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

    /// Returns the response at the URL, or at the URL to which it redirects. `query` is appended to the URL's own
    /// query.
    package func get(_ url: TrackerURL, query: String = "") async throws(TrackerError) -> HTTPExchange.Answer {
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

/// Creates the TLS configuration on first use, because loading all the system's certificates takes time.
final class TLSContext: Sendable {
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
            throw .insecure(
                "the certificates to trust cannot be read: \(Printable.text("\(error)".utf8, limit: 120))")
        }
    }
}
