import NIOCore
import NIOPosix
import NIOSSL
import Torrent
import TrackerWire

/// One GET of a tracker on a connection of its own, from the name look-up to the end of the body.
///
/// The actor runs on the event loop of its connection, so a read and a timer enter it without a hop.
actor HTTPExchange {
    struct Answer: Sendable {
        let head: HTTPResponseHead
        let body: [UInt8]
    }

    /// How long is waited for the rest of an answer after the length that the server named.
    private static let lingering = TimeAmount.seconds(2)

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    private nonisolated let loop: any EventLoop
    private let url: TrackerURL
    private let request: [UInt8]
    private let limits: HTTPGetter.Limits
    private var reader: HTTPResponseReader
    private var waiter: CheckedContinuation<Result<Answer, TrackerError>, Never>?
    private var result: Result<Answer, TrackerError>?
    private var channel: (any Channel)?
    private var timers: [Scheduled<Void>] = []

    /// `query` is added to the URL's own.
    init(_ url: TrackerURL, query: String, options: HTTPOptions, limits: HTTPGetter.Limits, on loop: any EventLoop) {
        self.loop = loop
        self.url = url
        self.limits = limits
        reader = HTTPResponseReader(maximumBody: limits.bytes)
        var head = "GET \(url.requestTarget(query: query)) HTTP/1.1\r\nHost: \(url.authority)\r\nUser-Agent: \(options.userAgent)\r\n"
        // Announces are minutes apart: no connection is worth being kept.
        head += "Accept-Encoding: gzip\r\nConnection: close\r\n"
        if let authorization = url.authorization { head += "Authorization: \(authorization)\r\n" }
        request = Array((head + "\r\n").utf8)
    }

    /// Asks, and returns what came. `deadline` is for everything; `tls` is needed for https alone.
    func answer(
        bind: SocketAddress?, tls: NIOSSLContext?, deadline: NIODeadline
    ) async throws(TrackerError) -> Answer {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                self.waiter = waiter
                begin(bind: bind, tls: tls, deadline: deadline)
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.finish(.failure(.cancelled)) } }
        }
        return try result.get()
    }

    private func begin(bind: SocketAddress?, tls: NIOSSLContext?, deadline: NIODeadline) {
        if let result { return finish(result) }
        let timeout = limits.timeout
        timers.append(loop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.finish(.failure(.timedOut(after: timeout))) } })
        // Nothing is read before the handlers are there: of the addresses of a name several may connect, and one is chosen.
        var bootstrap = ClientBootstrap(group: loop).connectTimeout(TimeAmount(limits.connectTimeout)).channelOption(.autoRead, value: false)
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
        // It was given up meanwhile.
        guard result == nil else { return channel.close(promise: nil) }
        self.channel = channel
        do {
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
    }

    // MARK: What the connection says

    fileprivate func received(_ bytes: ByteBufferView) {
        guard result == nil else { return }
        do throws(TrackerError) {
            switch try reader.received(bytes) {
            case .read: break
            case .linger: timers.append(loop.scheduleTask(in: Self.lingering) { self.assumeIsolated { $0.closed() } })
            case .done: complete()
            }
        } catch {
            finish(.failure(error))
        }
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
        // A connection that breaks off after the head is one that was closed: what came is looked at.
        if reader.head != nil { return closed() }
        if case NIOSSLError.uncleanShutdown = error { return closed() }
        finish(.failure(TrackerError(HTTPGetError(error, limits: limits))))
    }

    private func complete() {
        guard let head = reader.head else { return finish(.failure(.unreachable("the server closed the connection before it answered"))) }
        finish(.success(Answer(head: head, body: reader.body)))
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

    /// Hands on what the connection brings.
    private final class Inlet: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let exchange: HTTPExchange

        init(_ exchange: HTTPExchange) { self.exchange = exchange }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data).readableBytesView
            exchange.assumeIsolated { $0.received(bytes) }
        }

        func channelInactive(context: ChannelHandlerContext) { exchange.assumeIsolated { $0.closed() } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { exchange.assumeIsolated { $0.failed(error) } }
    }
}
