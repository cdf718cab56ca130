package import NIOCore
package import Torrent
package import TrackerWire

/// A protocol for reaching trackers. ``TrackerClient`` has one transport for each URL scheme.
package protocol TrackerTransport: Sendable {
    func announce(_ url: TrackerURL, _ request: AnnounceRequest) async throws(TrackerError) -> AnnounceResponse
    /// Returns the counts of at most ``ScrapeRequest/maximumCount(over:)`` torrents.
    func scrape(_ url: TrackerURL, _ request: ScrapeRequest) async throws(TrackerError) -> ScrapeResponse
    /// Ends pending requests with ``TrackerError/cancelled``, and releases sockets and threads.
    func shutdown() async
}

/// Sends requests to trackers of any scheme. Cancelling the calling task ends its request.
package struct TrackerClient: Sendable {
    private let transports: [TrackerURL.Scheme: any TrackerTransport]

    /// Creates a client on the loops of `group`, which must outlive the client; call ``shutdown()`` when done, which
    /// also shuts down the hub. Without a hub, the client has sockets of its own for UDP.
    package init(group: any EventLoopGroup, options: HTTPOptions, hub: DatagramHub? = nil) {
        self.init(group: group, options: options, resolver: HostResolver(), reach: .system, hub: hub)
    }

    package init(
        group: any EventLoopGroup, options: HTTPOptions, resolver: HostResolver, reach: ReachTest,
        hub: DatagramHub? = nil
    ) {
        let http = HTTPTracker(group: group, options: options, resolver: resolver, reach: reach)
        let udp = UDPTracker(
            hub: hub ?? DatagramHub(loop: group.next(), bind: options.bindAddress), resolver: resolver, reach: reach)
        transports = [.http: http, .https: http, .udp: udp]
    }

    package func announce(_ url: TrackerURL, _ request: AnnounceRequest) async throws(TrackerError) -> AnnounceResponse
    {
        try await transport(of: url).announce(url, request)
    }

    /// Returns the counts of the torrents that the tracker knows, in as many requests as necessary.
    package func scrape(_ url: TrackerURL, _ infoHashes: [InfoHash]) async throws(TrackerError) -> ScrapeResponse {
        let transport = transport(of: url)
        var response = ScrapeResponse()
        var rest = infoHashes[...]
        while !rest.isEmpty {
            let request = ScrapeRequest(rest, over: url.scheme)
            rest = rest.dropFirst(request.infoHashes.count)
            response.torrents.merge(try await transport.scrape(url, request).torrents) { _, new in new }
        }
        return response
    }

    package func shutdown() async {
        await transports[.http]?.shutdown()
        await transports[.udp]?.shutdown()
    }

    private func transport(of url: TrackerURL) -> any TrackerTransport {
        guard let transport = transports[url.scheme] else {
            preconditionFailure("the table has a line for every scheme")
        }
        return transport
    }
}
