import NIOCore
import NIOPosix
import NIOSSL
import Net
import TestSupport
import Testing
import TrackerWire

/// Servers that send without end, over real sockets: each is left after a bounded count of bytes, and its connection is
/// closed.
@Suite struct EndlessHTTPTests {
    struct Form: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let head: String
        let rest: String
        /// The most bytes that are taken for an announce, beside the last read.
        var most = HTTPResponseReader.maximumHead
    }

    private static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    /// The longest read of a socket, and what one event may read beyond the limit before its connection is closed.
    private static let slack = 4 * 65536 + 65536

    static let forms = [
        Form(testDescription: "status line", head: "HTTP/1.1 200 ", rest: "x"),
        Form(testDescription: "carriage returns", head: "", rest: "\r"),
        Form(testDescription: "empty lines", head: "", rest: "\r\n"),
        Form(testDescription: "interim responses", head: "", rest: "HTTP/1.1 100 Continue\r\n\r\n"),
        Form(
            testDescription: "interim responses with fields", head: "",
            rest: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        Form(testDescription: "fields", head: "HTTP/1.1 200 OK\r\n", rest: "X: y\r\n"),
        Form(testDescription: "one field", head: "HTTP/1.1 200 OK\r\nX: ", rest: "y"),
        Form(testDescription: "a kept field again and again", head: "HTTP/1.1 200 OK\r\n", rest: "Location: x\r\n"),
        Form(testDescription: "a kept field over lines", head: "HTTP/1.1 200 OK\r\nLocation: x\r\n", rest: " y\r\n"),
        Form(testDescription: "chunk extensions", head: chunked, rest: "1;name=\"a value of some bytes\"\r\nd\r\n"),
        Form(testDescription: "one chunk extension", head: chunked + "1;", rest: "x"),
        Form(testDescription: "zeros before a size", head: chunked, rest: "0"),
        Form(testDescription: "empty lines between chunks", head: chunked + "1\r\nd", rest: "\r\n"),
        Form(testDescription: "trailers", head: chunked + "1\r\nd\r\n0\r\n", rest: "X: y\r\n"),
        Form(testDescription: "a field of the trailers", head: chunked + "1\r\nd\r\n0\r\nX: ", rest: "y"),
        Form(
            testDescription: "bytes beyond the body", head: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde", rest: "x"),
        Form(
            testDescription: "the page of a refusal", head: "HTTP/1.1 500 Oops\r\n\r\n", rest: "<html>",
            most: HTTPAnswer.maximumWireBytes),
        Form(
            testDescription: "the page of a redirect", head: "HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\n\r\n",
            rest: "x",
            most: HTTPAnswer.maximumWireBytes),
        Form(
            testDescription: "the body", head: "HTTP/1.1 200 OK\r\n\r\nl", rest: "i1e",
            most: HTTPAnswer.maximumWireBytes),
        Form(testDescription: "small chunks", head: chunked, rest: "4\r\ni11e\r\n", most: HTTPAnswer.maximumWireBytes),
    ]

    /// Asks a server; returns how the exchange ended, and the bytes that it took from the socket.
    private func take(
        _ reply: RawHTTPServer.Reply, for purpose: RedirectRule.Purpose, _ limits: HTTPGetter.Limits
    ) async throws -> (Result<HTTPExchange.Answer, TrackerError>, received: Int) {
        let server = try await RawHTTPServer.start { _ in reply }
        let resolver = HostResolver()
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let exchange = HTTPExchange(
            url, query: "", options: HTTPOptions(version: "test"), limits: limits, purpose: purpose,
            on: MultiThreadedEventLoopGroup.singleton.next())
        let result: Result<HTTPExchange.Answer, TrackerError>
        do throws(TrackerError) {
            result = .success(
                try await exchange.answer(
                    RedirectRule(url, for: purpose, reach: .system), resolver, bind: nil, tls: nil,
                    deadline: .now() + TimeAmount(limits.timeout)))
        } catch {
            result = .failure(error)
        }
        try await eventually("the end of the connection") { server.ended == 1 }
        let received = await exchange.received
        resolver.shutdown()
        try await server.stop()
        return (result, received)
    }

    private func limits(
        body: Int = HTTPAnswer.maximumLength, wire: Int = HTTPAnswer.maximumWireBytes,
        silence: Duration = .seconds(600),
        timeout: Duration = .seconds(600)
    ) -> HTTPGetter.Limits {
        HTTPGetter.Limits(
            body: body, wire: wire, connectTimeout: .seconds(60), silenceTimeout: silence, timeout: timeout)
    }

    @Test(arguments: forms, [RedirectRule.Purpose.tracker, .torrent])
    func endlessResponseEndsAtTheByteLimit(_ form: Form, _ purpose: RedirectRule.Purpose) async throws {
        let rest = Array(String(repeating: form.rest, count: 60_000 / form.rest.utf8.count).utf8)
        let (result, received) = try await take(.endless(head: form.head, rest), for: purpose, limits())
        #expect(received <= form.most + Self.slack, "\(received) bytes, \(result)")
        if case .failure(let error) = result {
            #expect(error.description.utf8.count < 400, "\(error)")
            if case .timedOut = error { Issue.record("it ended by time: \(received) bytes") }
        }
    }

    /// The limit of bytes on the wire holds whatever they are, and for all redirects of a GET together.
    @Test func bytesOnTheWireAreLimited() async throws {
        let page = RawHTTPServer.Reply.page("200 OK", Array(repeating: UInt8(ascii: "d"), count: 20_000))
        for purpose in [RedirectRule.Purpose.tracker, .torrent] {
            let (result, received) = try await take(page, for: purpose, limits(body: 50_000, wire: 10_000))
            guard case .failure(.tooMuchReceived(limit: 10_000)) = result else {
                Issue.record("\(purpose): \(received) bytes")
                continue
            }
            #expect(received <= 10_000 + Self.slack)
        }
    }

    @Test func redirectsShareTheLimit() async throws {
        let server = try await RawHTTPServer.start { head in
            let number = Int(head.dropFirst("GET /".count).prefix { $0.isNumber }) ?? 0
            return .page("302 Found", [], "X: \(String(repeating: "y", count: 3000))\r\nLocation: /\(number + 1)\r\n")
        }
        let resolver = HostResolver()
        let getter = HTTPGetter(
            for: .tracker, limits: limits(wire: 10_000), group: MultiThreadedEventLoopGroup.singleton,
            options: HTTPOptions(version: "test"),
            resolver: resolver, reach: .system)
        let error = try await trackerError { try await getter.get(TrackerURL("http://127.0.0.1:\(server.port)/0")) }
        #expect(error == .tooMuchReceived(limit: 10_000))
        #expect(server.heads.count == 4)
        resolver.shutdown()
        try await server.stop()
    }

    /// What isn't TLS, and never ends, is no way round the limits.
    @Test func endlessBytesInsteadOfTLSAreRejected() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Flood()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let url = try TrackerURL("https://127.0.0.1:\(try #require(server.localAddress?.port))/announce")
        let error = try await trackerError {
            try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        }
        guard case .insecure = error else {
            Issue.record("\(error)")
            return
        }
        try await server.close()
    }

    /// A byte now and then keeps nobody waiting beyond the limit of the whole.
    @Test(
        arguments: ["HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\nX: ", chunked + "5;", "HTTP/1.1 200 OK\r\n\r\nd99999:"],
        [RedirectRule.Purpose.tracker, .torrent])
    func slowResponseEndsAtTheTotalTimeout(_ head: String, _ purpose: RedirectRule.Purpose) async throws {
        let (result, received) = try await take(
            .endless(head: head, [UInt8(ascii: "x")]), for: purpose, limits(timeout: .seconds(2)))
        guard case .failure(.timedOut(after: .seconds(2))) = result else {
            Issue.record("\(received) bytes")
            return
        }
        // The server sends a byte a millisecond at most; without the limit it would send for ever.
        #expect(received < HTTPResponseReader.maximumHead)
    }

    @Test func silentFetchTimesOut() async throws {
        let head = Array("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nd4:info".utf8)
        let (result, received) = try await take(.stall(head), for: .torrent, limits(silence: .milliseconds(300)))
        guard case .failure(.timedOut(after: .milliseconds(300))) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(received <= head.count)
    }

    private final class Flood: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { pour(context) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func pour(_ context: ChannelHandlerContext) {
            let bytes = ByteBuffer(repeating: UInt8(ascii: "x"), count: 60_000)
            context.writeAndFlush(wrapOutboundOut(bytes)).assumeIsolated().whenSuccess {
                context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.pour(context) }
            }
        }
    }
}
