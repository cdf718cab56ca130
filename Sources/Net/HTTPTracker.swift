import NIOCore
import Torrent
package import TrackerWire

/// Sends requests to trackers over http and https (BEP 3).
package struct HTTPTracker: TrackerTransport {
    private let getter: HTTPGetter
    private let names: NameLookup
    private let reach: ReachTest

    init(group: any EventLoopGroup, options: HTTPOptions, resolver: HostResolver, reach: ReachTest = .system) {
        let limits = HTTPGetter.Limits(
            body: HTTPAnswer.maximumLength, wire: HTTPAnswer.maximumWireBytes, connectTimeout: options.connectTimeout,
            silenceTimeout: options.trackerTimeout, timeout: options.trackerTimeout)
        getter = HTTPGetter(
            for: .tracker, limits: limits, group: group, options: options, resolver: resolver, reach: reach)
        names = NameLookup(resolver: resolver)
        self.reach = reach
    }

    package func announce(_ url: TrackerURL, _ request: AnnounceRequest) async throws(TrackerError) -> AnnounceResponse
    {
        let answer = try await getter.get(url, query: request.httpQuery)
        var response = try AnnounceResponse(httpBody: try body(answer))
        if !response.namedPeers.isEmpty {
            for peer in await names.addresses(of: response.namedPeers)
            where peer.isDialable && !response.peers.contains(peer) {
                response.peers.append(peer)
            }
        }
        return response.withoutLoopbackPeers(from: answer.remote, reach)
    }

    package func scrape(_ url: TrackerURL, _ request: ScrapeRequest) async throws(TrackerError) -> ScrapeResponse {
        guard let url = url.scrapeURL else { throw .noScrape }
        return try ScrapeResponse(httpBody: try body(try await getter.get(url, query: request.httpQuery)), to: request)
    }

    /// Does nothing, because a request ends with the task that made it.
    package func shutdown() async {}

    private func body(_ answer: HTTPExchange.Answer) throws(TrackerError) -> [UInt8] {
        try HTTPAnswer.body(of: answer.head, try unpacked(answer), now: UnixTime.now)
    }

    private func unpacked(_ answer: HTTPExchange.Answer) throws(TrackerError) -> [UInt8] {
        guard Gunzip.isPacked(answer.body) else { return answer.body }
        do {
            return try Gunzip.unpack(answer.body, limit: getter.limits.body)
        } catch {
            // For an unsuccessful response, the status alone is enough for the report.
            guard !answer.head.isSuccess else { throw error }
            return []
        }
    }
}
