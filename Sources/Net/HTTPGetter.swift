import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import NIOSSL
import Torrent

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

/// A GET that is bounded in every direction: bytes packed and unpacked, redirects, time.
struct HTTPGetter: Sendable {
    /// The most redirects that are followed, to http and https alone.
    static let maximumRedirects = 5

    struct Answer: Sendable {
        var code: Int
        var phrase: String
        var body: [UInt8]

        var isSuccess: Bool { (200..<300).contains(code) }
    }

    /// What one GET may cost.
    struct Limits: Sendable {
        let bytes: Int
        let connectTimeout: Duration
        let silenceTimeout: Duration
        let timeout: Duration
    }

    private let client: HTTPClient
    private let userAgent: String
    private let limits: Limits

    /// `maximumBytes` limits a body before and after it is unpacked; `timeout` is for everything from the name look-up to the last byte.
    init(group: any EventLoopGroup, options: HTTPOptions, maximumBytes: Int, timeout: Duration) {
        limits = Limits(bytes: maximumBytes, connectTimeout: options.connectTimeout, silenceTimeout: options.trackerTimeout, timeout: timeout)
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = options.extraTrustRoots { tls.additionalTrustRoots = [.file(file)] }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.redirectConfiguration = .follow(max: Self.maximumRedirects, allowCycles: false)
        configuration.timeout.connect = TimeAmount(limits.connectTimeout)
        configuration.timeout.read = TimeAmount(limits.silenceTimeout)
        configuration.decompression = .enabled(limit: .size(limits.bytes))
        configuration.httpVersion = .http1Only
        // A tracker that refuses a connection is asked again by whoever plans announces, not here.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.localAddress = options.bindAddress.map { PeerAddress($0, port: 0).hostDescription }
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        userAgent = options.userAgent
    }

    /// The body behind `url`. When `firstByte` is given, what begins with another byte is left after its first bytes. `authorization` goes to the
    /// server of the URL alone, and to no other that it redirects to.
    func get(_ url: String, firstByte: UInt8? = nil, authorization: String? = nil) async throws(HTTPGetError) -> Answer {
        // AsyncHTTPClient's own deadline ends when the head has come; this one also covers the body.
        let result = await withTaskGroup(of: Result<Answer, HTTPGetError>.self) { group in
            group.addTask { await read(url, firstByte: firstByte, authorization) }
            group.addTask {
                do {
                    try await Task.sleep(for: limits.timeout)
                    return .failure(.timedOut(after: limits.timeout))
                } catch {
                    return .failure(.cancelled)
                }
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(.cancelled)
        }
        return try result.get()
    }

    func shutdown() async {
        do {
            try await client.shutdown()
        } catch {
            // It throws when it was shut down before, which is what is wanted.
        }
    }

    private func read(_ url: String, firstByte: UInt8?, _ authorization: String?) async -> Result<Answer, HTTPGetError> {
        do {
            var request = HTTPClientRequest(url: url)
            request.headers.add(name: "User-Agent", value: userAgent)
            request.headers.add(name: "Accept-Encoding", value: "gzip")
            if let authorization { request.headers.add(name: "Authorization", value: authorization) }
            request.headers.add(name: "Connection", value: "close")
            let response = try await client.execute(request, timeout: TimeAmount(limits.timeout))
            var answer = Answer(code: Int(response.status.code), phrase: response.status.reasonPhrase, body: [])
            for try await chunk in response.body {
                let room = limits.bytes - answer.body.count
                answer.body += chunk.readableBytesView.prefix(room)
                if let firstByte, let first = answer.body.first, first != firstByte { break }
                guard chunk.readableBytes <= room else { return .failure(.tooLarge(limit: limits.bytes)) }
            }
            // A cancelled body may end as if it were complete.
            return Task.isCancelled ? .failure(.cancelled) : .success(answer)
        } catch {
            return .failure(HTTPGetError(error, limits: limits))
        }
    }
}
