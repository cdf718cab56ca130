import NIOCore
import TrackerWire

/// Trackers over http and https (BEP 3).
package struct HTTPTracker: TrackerTransport {
    private let getter: HTTPGetter

    package init(group: any EventLoopGroup, options: HTTPOptions) {
        getter = HTTPGetter(group: group, options: options, maximumBytes: HTTPAnswer.maximumLength, timeout: options.trackerTimeout)
    }

    package func announce(_ url: TrackerURL, _ request: AnnounceRequest) async throws(TrackerError) -> AnnounceResponse {
        try AnnounceResponse(httpBody: try await body(url.requestURL(query: request.httpQuery)))
    }

    package func scrape(_ url: TrackerURL, _ request: ScrapeRequest) async throws(TrackerError) -> ScrapeResponse {
        guard let url = url.scrapeURL else { throw .noScrape }
        return try ScrapeResponse(httpBody: try await body(url.requestURL(query: request.httpQuery)), to: request)
    }

    package func shutdown() async { await getter.shutdown() }

    private func body(_ url: String) async throws(TrackerError) -> [UInt8] {
        let answer: HTTPGetter.Answer
        do {
            answer = try await getter.get(url)
        } catch {
            throw TrackerError(error)
        }
        guard answer.isSuccess else {
            throw HTTPAnswer.failure(in: answer.body) ?? .status(code: answer.code, phrase: Printable.text(answer.phrase.utf8, limit: 60))
        }
        return answer.body
    }
}

extension TrackerError {
    fileprivate init(_ error: HTTPGetError) {
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
