package import NIOCore
import NIOPosix
package import NIOSSL
import Torrent
package import TrackerWire

/// Performs one GET on its own connection, from the name look-up to the end of the body.
///
/// The actor runs on the event loop of its connection, so reads and timers enter the actor without a hop.
package actor HTTPExchange {
    package struct Answer: Sendable {
        let head: HTTPResponseHead
        let body: [UInt8]
        /// The address of the server.
        let remote: SocketAddress?
        /// The number of bytes received for the GET so far.
        let received: Int

        /// The URL to which the response to a request for `url` redirects; `nil` if the response is final.
        func redirect(of url: TrackerURL) -> TrackerURL? { head.location.flatMap { url.redirected(to: $0) } }
    }

    /// How long to wait for more of the response after the body has reached the length in its header.
    private static let lingering = TimeAmount.seconds(2)

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    private nonisolated let loop: any EventLoop
    private let url: TrackerURL
    private let request: [UInt8]
    private let limits: HTTPGetter.Limits
    /// The number of bytes received over the wire, including those of earlier redirects.
    package private(set) var received: Int
    private var reader: HTTPResponseReader
    private var waiter: CheckedContinuation<Result<Answer, TrackerError>, Never>?
    private var result: Result<Answer, TrackerError>?
    private var channel: (any Channel)?
    private var remote: SocketAddress?
    private var lastRead = NIODeadline.now()
    private var isLingering = false
    private var timers: [Scheduled<Void>] = []

    /// `query` is appended to the URL's own query. `received` is the part of the limit that earlier redirects used up.
    package init(
        _ url: TrackerURL, query: String, options: HTTPOptions, limits: HTTPGetter.Limits, received: Int = 0,
        purpose: RedirectRule.Purpose, on loop: any EventLoop
    ) {
        self.loop = loop
        self.url = url
        self.limits = limits
        self.received = received
        reader = HTTPResponseReader(purpose == .tracker ? .answer : .torrent, maximumBody: limits.body)
        var head = "GET \(url.requestTarget(query: query)) HTTP/1.1\r\nHost: \(url.authority)\r\n"
        head += "User-Agent: \(options.userAgent)\r\n"
        // Announces are minutes apart, so it isn't worth keeping a connection open.
        head += "Accept-Encoding: gzip\r\nConnection: close\r\n"
        if let authorization = url.authorization { head += "Authorization: \(authorization)\r\n" }
        request = Array((head + "\r\n").utf8)
    }

    /// Sends the request and returns the response. `rule` filters the addresses of the URL's host. `deadline` covers
    /// the whole exchange. `tls` is only needed for https.
    package func answer(
        _ rule: RedirectRule, _ resolver: HostResolver, bind: SocketAddress?, tls: NIOSSLContext?, deadline: NIODeadline
    ) async throws(TrackerError) -> Answer {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                self.waiter = waiter
                begin(rule, resolver, bind, tls, deadline)
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.finish(.failure(.cancelled)) } }
        }
        return try result.get()
    }

    private func begin(
        _ rule: RedirectRule, _ resolver: HostResolver, _ bind: SocketAddress?, _ tls: NIOSSLContext?,
        _ deadline: NIODeadline
    ) {
        if let result { return finish(result) }
        let timeout = limits.timeout
        timers.append(
            loop.scheduleTask(deadline: deadline) {
                self.assumeIsolated { $0.finish(.failure(.timedOut(after: timeout))) }
            })
        resolver.resolve(url.host, port: url.port) { found in
            self.loop.execute { self.assumeIsolated { $0.resolved(found, rule, bind, tls) } }
        }
    }

    private func resolved(
        _ found: Result<[SocketAddress], TrackerError>, _ rule: RedirectRule, _ bind: SocketAddress?,
        _ tls: NIOSSLContext?
    ) {
        guard result == nil else { return }
        do throws(TrackerError) {
            connect(try rule.allowed(try found.get(), of: url), bind, tls)
        } catch {
            finish(.failure(error))
        }
    }

    /// Connects to one of the checked addresses, even if the name has other addresses by now.
    private func connect(_ addresses: [SocketAddress], _ bind: SocketAddress?, _ tls: NIOSSLContext?) {
        // Reading starts after the handlers are installed, because several addresses may connect before one is chosen.
        var bootstrap = ClientBootstrap(group: loop).connectTimeout(TimeAmount(limits.connectTimeout)).channelOption(
            .autoRead, value: false
        )
        .resolver(KnownAddresses(addresses, loop))
        if let bind { bootstrap = bootstrap.bind(to: bind) }
        bootstrap.connect(host: url.host, port: Int(url.port)).whenComplete { outcome in
            self.assumeIsolated {
                switch outcome {
                case .success(let channel): $0.connected(channel, tls)
                case .failure(let error): $0.failed(error)
                }
            }
        }
    }

    private func connected(_ channel: any Channel, _ tls: NIOSSLContext?) {
        // The request ended while the connection was being made.
        guard result == nil else { return channel.close(promise: nil) }
        self.channel = channel
        remote = channel.remoteAddress
        do {
            try channel.pipeline.syncOperations.addHandler(Meter(self))
            if let tls {
                let name = PeerAddress.Host(url.host) == nil ? url.host : nil
                try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
            }
            try channel.pipeline.syncOperations.addHandler(Inlet(self))
        } catch {
            return failed(error)
        }
        channel.writeAndFlush(channel.allocator.buffer(bytes: request), promise: nil)
        channel.setOption(.autoRead, value: true).whenFailure { error in self.assumeIsolated { $0.failed(error) } }
        lastRead = .now()
        // If the silence limit is not shorter than the total timeout, the deadline covers it.
        if limits.silenceTimeout < limits.timeout { watchSilence() }
    }

    private func watchSilence() {
        let end = lastRead + TimeAmount(limits.silenceTimeout)
        guard NIODeadline.now() < end else { return finish(.failure(.timedOut(after: limits.silenceTimeout))) }
        timers.append(
            loop.scheduleTask(deadline: end) { self.assumeIsolated { if $0.result == nil { $0.watchSilence() } } })
    }

    // MARK: What the connection says

    /// Counts bytes as they arrive from the socket. Returns `false` if they exceed the limit or the exchange has ended.
    fileprivate func arrived(_ count: Int) -> Bool {
        received += count
        guard result == nil else { return false }
        guard received <= limits.wire else {
            finish(.failure(.tooMuchReceived(limit: limits.wire)))
            return false
        }
        lastRead = .now()
        return true
    }

    fileprivate func received(_ bytes: ByteBufferView) {
        guard result == nil else { return }
        do throws(TrackerError) {
            let step = try reader.received(bytes)
            // The body of a redirect is meant for people and isn't needed.
            if let location = reader.head?.location, url.redirected(to: location) != nil { return complete() }
            switch step {
            case .read: break
            case .linger: linger()
            case .done: complete()
            }
        } catch {
            finish(.failure(error))
        }
    }

    private func linger() {
        guard !isLingering else { return }
        isLingering = true
        timers.append(loop.scheduleTask(in: Self.lingering) { self.assumeIsolated { $0.closed() } })
    }

    fileprivate func closed() {
        guard result == nil else { return }
        do throws(TrackerError) {
            try reader.closed()
            complete()
        } catch {
            finish(.failure(error))
        }
    }

    fileprivate func failed(_ error: any Error) {
        guard result == nil else { return }
        // If the connection fails after the head, the data received so far is evaluated as if the server had closed it.
        if reader.head != nil { return closed() }
        if case NIOSSLError.uncleanShutdown = error { return closed() }
        finish(.failure(TrackerError(connection: error, connectTimeout: limits.connectTimeout)))
    }

    private func complete() {
        guard let head = reader.head else {
            return finish(.failure(.unreachable("the server closed the connection before it answered")))
        }
        finish(.success(Answer(head: head, body: reader.body, remote: remote, received: received)))
    }

    private func finish(_ result: Result<Answer, TrackerError>) {
        if self.result == nil { self.result = result }
        for timer in timers { timer.cancel() }
        timers = []
        channel?.close(promise: nil)
        channel = nil
        waiter?.resume(returning: self.result ?? result)
        waiter = nil
    }

    /// Counts the bytes from the socket before TLS decryption makes them fewer.
    private final class Meter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer

        private let exchange: HTTPExchange

        init(_ exchange: HTTPExchange) { self.exchange = exchange }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let count = unwrapInboundIn(data).readableBytes
            if exchange.assumeIsolated({ $0.arrived(count) }) { context.fireChannelRead(data) }
        }
    }

    /// Passes received data and errors to the exchange.
    private final class Inlet: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let exchange: HTTPExchange

        init(_ exchange: HTTPExchange) { self.exchange = exchange }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data).readableBytesView
            exchange.assumeIsolated { $0.received(bytes) }
        }

        func channelInactive(context: ChannelHandlerContext) { exchange.assumeIsolated { $0.closed() } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            exchange.assumeIsolated { $0.failed(error) }
        }
    }
}

/// Supplies NIO's address selection with addresses that were looked up before.
final class KnownAddresses: Resolver, Sendable {
    private let addresses: [SocketAddress]
    private let loop: any EventLoop

    init(_ addresses: [SocketAddress], _ loop: any EventLoop) {
        self.addresses = addresses
        self.loop = loop
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { of(.inet) }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { of(.inet6) }

    func cancelQueries() {}

    private func of(_ family: NIOBSDSocket.ProtocolFamily) -> EventLoopFuture<[SocketAddress]> {
        loop.makeSucceededFuture(addresses.filter { $0.protocol == family })
    }
}
