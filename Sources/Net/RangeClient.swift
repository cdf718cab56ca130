import DequeModule
import NIOCore
import NIOPosix
import NIOSSL
import Torrent
import TrackerWire

/// Fetches ranges of files from one web seed, in order and over one connection at a time, and streams their bodies.
///
/// The connection is kept for further ranges. As soon as the server has answered one request, the next ones are sent
/// ahead, so that the connection never idles. Requests ask for no compression, because it would change the offsets.
/// Redirects are followed for each file; ``RedirectRule`` judges every hop.
///
/// The actor runs on the event loop of its connection, so reads and timers enter the actor without a hop.
package actor RangeClient {
    /// The most requests that are sent before they are answered.
    private static let mostAhead = 4
    private static let mostRedirects = 5
    /// The most bytes of a page, such as that of an error, that are read so that the connection can be kept.
    private static let mostDrained: Int64 = 64 << 10
    /// How long an idle connection is kept.
    private static let idleTime = TimeAmount.seconds(20)

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    private nonisolated let loop: any EventLoop
    private nonisolated let shared: RangeClients
    private nonisolated let tag: UInt32
    private weak var delegate: (any RangeDelegate)?

    /// A range that isn't finished.
    private struct Pending {
        let request: RangeRequest
        /// The URL that is asked next.
        var target: TrackerURL
        var rule: RedirectRule
        var redirects = 0
        /// Whether the remembered place is still to be tried.
        var isRemembered: Bool
        /// Whether the request was repeated because the server had closed an idle connection.
        var wasRepeated = false
    }

    /// What the bytes of the response mean.
    private enum Phase {
        case head
        /// So many bytes come before the range.
        case skip(Int64, isWhole: Bool)
        /// So many bytes of the range are missing.
        case body(Int, isWhole: Bool)
        /// The range is complete; the rest of a whole file isn't read unless the next range continues it.
        case surplus(file: String, position: Int64)
        /// The rest of the body isn't used.
        case drain(Int64)
    }

    private var queue: Deque<Pending> = []
    /// The number of requests in the queue that were sent and aren't answered completely.
    private var sent = 0
    private var connection: RangeConnection?
    private var isConnecting = false
    /// Counts the connections: what an earlier one reports doesn't count.
    private var generation = 0
    private var phase = Phase.head
    /// Whether the server has answered a request for a range with the whole file.
    private var answersWhole = false
    private var isEvaluating = false
    private var lastProgress = NIODeadline.now()
    private var timer: Scheduled<Void>?
    private var isEnded = false

    init(_ shared: RangeClients, tag: UInt32, delegate: any RangeDelegate) {
        self.shared = shared
        self.tag = tag
        self.delegate = delegate
        loop = shared.loop
    }

    /// Enters the actor from another one on the same loop, without a hop.
    package nonisolated func onLoop<Value: Sendable>(_ body: (isolated RangeClient) -> Value) -> Value {
        assumeIsolated(body)
    }

    // MARK: What the delegate says

    /// Fetches the ranges after those that were requested before.
    package func fetch(_ requests: [RangeRequest]) {
        guard !isEnded else { return }
        if queue.isEmpty { lastProgress = .now() }
        for request in requests {
            queue.append(
                Pending(
                    request: request, target: request.location ?? request.url, rule: Self.rule(request, shared.reach),
                    isRemembered: request.location != nil))
        }
        pump()
        watch()
    }

    private static func rule(_ request: RangeRequest, _ reach: ReachTest) -> RedirectRule {
        var rule = RedirectRule(request.url, for: .webSeed, reach: reach)
        // Only places that are not local are remembered, so this one must not be local either.
        if request.location != nil { rule.redirected(by: request.url, at: nil) }
        return rule
    }

    /// Drops everything that isn't finished. The connection is kept only if it is idle.
    package func endFetches() {
        queue = []
        if sent > 0 || isConnecting || !isAtHead { disconnect() }
        sent = 0
    }

    /// Reads again after ``RangeDelegate/readEnded(from:)`` returned `false`.
    package func readOn() {
        lastProgress = .now()
        if case .surplus = phase { return }
        setReading(true)
    }

    /// Ends the client.
    package func end() {
        isEnded = true
        queue = []
        sent = 0
        disconnect()
        delegate = nil
    }

    // MARK: Connecting

    private var isAtHead: Bool { if case .head = phase { true } else { false } }

    /// Sends what can be sent, or connects for it.
    private func pump() {
        guard !isEnded, !isConnecting, let first = queue.first else { return }
        guard let connection else { return connect(first) }
        if case .surplus(let file, let position) = phase {
            let gap = first.request.offset - position
            guard first.target.requestURL() == file, gap >= 0, gap <= HTTPStreamHead.mostSkipped else {
                disconnect()
                return connect(first)
            }
            sent = 1
            phase = gap > 0 ? .skip(gap, isWhole: true) : .body(first.request.length, isWhole: true)
            setReading(true)
            return evaluate()
        }
        guard connection.server == first.target.server else {
            if sent == 0 {
                disconnect()
                connect(first)
            }
            return
        }
        sendAhead(connection)
    }

    private func sendAhead(_ connection: RangeConnection) {
        let most = connection.allowsPipelining && !answersWhole ? Self.mostAhead : 1
        var bytes = ByteBuffer()
        while sent < queue.count, sent < most, queue[sent].target.server == connection.server {
            if sent > 0 || connection.answers > 0, !isAllowed(queue[sent], on: connection) { break }
            bytes.writeString(head(of: queue[sent]))
            sent += 1
        }
        guard bytes.readableBytes > 0 else { return }
        if sent == 0 { lastProgress = .now() }
        connection.channel.writeAndFlush(bytes, promise: nil)
    }

    /// Whether the connection's address may be asked for this file too.
    private func isAllowed(_ pending: Pending, on connection: RangeConnection) -> Bool {
        guard let remote = connection.channel.remoteAddress else { return false }
        do throws(TrackerError) {
            return try !pending.rule.allowed([remote], of: pending.target).isEmpty
        } catch {
            return false
        }
    }

    private func head(of pending: Pending) -> String {
        let (url, request) = (pending.target, pending.request)
        var head = "GET \(url.requestTarget()) HTTP/1.1\r\nHost: \(url.authority)\r\n"
        head += "User-Agent: \(shared.options.userAgent)\r\nAccept-Encoding: identity\r\n"
        // A whole file needs no range, and servers and caches answer that best.
        if request.offset > 0 || Int64(request.length) < request.fileLength {
            head += "Range: bytes=\(request.offset)-\(request.offset + Int64(request.length) - 1)\r\n"
        }
        if let authorization = url.authorization { head += "Authorization: \(authorization)\r\n" }
        return head + "\r\n"
    }

    private func connect(_ pending: Pending) {
        isConnecting = true
        generation += 1
        lastProgress = .now()
        let (generation, url) = (generation, pending.target)
        shared.resolver.resolve(url.host, port: url.port) { found in
            self.loop.execute { self.assumeIsolated { $0.resolved(found, url, generation) } }
        }
    }

    private func resolved(_ found: Result<[SocketAddress], TrackerError>, _ url: TrackerURL, _ generation: Int) {
        guard generation == self.generation, let pending = queue.first else { return }
        do throws(TrackerError) {
            let addresses = try pending.rule.allowed(try found.get(), of: url)
            try connect(to: addresses, of: url, generation)
        } catch {
            couldNotConnect(error)
        }
    }

    /// A body is read in a few large pieces.
    private static var reads: any RecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 64 << 10, maximum: 1 << 20)
    }

    private func connect(to addresses: [SocketAddress], of url: TrackerURL, _ generation: Int) throws(TrackerError) {
        let tls = url.scheme == .https ? try shared.tls.context() : nil
        var bootstrap = ClientBootstrap(group: loop).connectTimeout(TimeAmount(shared.options.connectTimeout))
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: Self.reads)
            .channelOption(.maxMessagesPerRead, value: 2)
            .resolver(KnownAddresses(addresses, loop))
        if let address = shared.options.bindAddress {
            do { bootstrap = bootstrap.bind(to: try PeerAddress(address, port: 0).socketAddress) } catch {
                throw .unreachable("the local address to bind to is not valid: correct --bind")
            }
        }
        bootstrap.connect(host: url.host, port: Int(url.port)).whenComplete { outcome in
            self.assumeIsolated {
                switch outcome {
                case .success(let channel): $0.connected(channel, url, tls, generation)
                case .failure(let error):
                    guard generation == $0.generation else { return }
                    _ = SocketShortage.note(error)
                    $0.couldNotConnect(
                        TrackerError(connection: error, connectTimeout: $0.shared.options.connectTimeout))
                }
            }
        }
    }

    private func connected(_ channel: any Channel, _ url: TrackerURL, _ tls: NIOSSLContext?, _ generation: Int) {
        guard generation == self.generation, !isEnded else { return channel.close(promise: nil) }
        isConnecting = false
        do {
            if let tls {
                let name = PeerAddress.Host(url.host) == nil ? url.host : nil
                try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
            }
            try channel.pipeline.syncOperations.addHandler(RangeInlet(self, generation))
            try channel.syncOptions?.setOption(.autoRead, value: true)
        } catch {
            channel.close(promise: nil)
            return couldNotConnect(TrackerError(connection: error, connectTimeout: shared.options.connectTimeout))
        }
        connection = RangeConnection(channel, to: url.server)
        (phase, sent) = (.head, 0)
        lastProgress = .now()
        pump()
    }

    private func couldNotConnect(_ error: TrackerError) {
        isConnecting = false
        generation += 1
        guard !retryAtTheSeed() else { return }
        fail(.failed(error.webSeedSentence, retryAfter: nil))
    }

    /// Asks the web seed itself, if the file isn't at the remembered place any more. Returns whether that is so.
    private func retryAtTheSeed() -> Bool {
        guard var first = queue.first, first.isRemembered else { return false }
        first.isRemembered = false
        first.target = first.request.url
        first.rule = RedirectRule(first.request.url, for: .webSeed, reach: shared.reach)
        first.redirects = 0
        queue[0] = first
        disconnect()
        pump()
        return true
    }

    private func disconnect() {
        generation += 1
        isConnecting = false
        sent = 0
        phase = .head
        connection?.channel.close(promise: nil)
        connection = nil
    }

    private func setReading(_ isOn: Bool) {
        do { try connection?.setReading(isOn) } catch { disconnected("\(error)") }
    }

    // MARK: Time

    /// Checks that the server sends something while something is awaited, and closes an idle connection.
    private func watch() {
        guard timer == nil, !isEnded else { return }
        timer = loop.scheduleTask(in: .seconds(1)) { [weak self] in
            guard let self else { return }
            self.assumeIsolated {
                $0.timer = nil
                $0.checkTime()
            }
        }
    }

    private func checkTime() {
        let passed = NIODeadline.now() - lastProgress
        if queue.isEmpty {
            guard connection != nil else { return }
            if passed > Self.idleTime { return disconnect() }
        } else if isConnecting || connection?.isReading ?? true, passed > TimeAmount(shared.silence) {
            let seconds = shared.silence.components.seconds
            if !retryAtTheSeed() { fail(.failed("it sent nothing for \(seconds) s", retryAfter: nil)) }
        }
        watch()
    }

    // MARK: What the connection says

    func received(_ bytes: ByteBuffer, _ generation: Int) {
        guard generation == self.generation else { return }
        lastProgress = .now()
        connection?.received(bytes)
        evaluate()
    }

    func readEnded(_ generation: Int) {
        guard generation == self.generation, let delegate else { return }
        if !delegate.readEnded(from: tag), generation == self.generation { setReading(false) }
    }

    /// Evaluates the bytes that were read.
    private func evaluate() {
        guard !isEvaluating else { return }
        isEvaluating = true
        defer { isEvaluating = false }
        let generation = generation
        while generation == self.generation {
            if case .surplus = phase { return }
            do throws(HTTPStreamError) {
                switch try connection?.next() {
                case .more, nil: return
                case .head(let head): judge(head)
                case .body: takeBody()
                case .end: responseEnded()
                }
            } catch {
                return disconnected(error.description)
            }
        }
    }

    private func judge(_ head: HTTPStreamHead) {
        guard sent > 0, let first = queue.first else { return disconnected("it sent an answer that was not requested") }
        let request = first.request
        let verdict = head.verdict(
            offset: request.offset, length: request.length, fileLength: request.fileLength, now: UnixTime.now)
        switch verdict {
        case .body(let skip, let isWhole):
            if isWhole, request.offset + Int64(request.length) < request.fileLength { answersWhole = true }
            if isWhole, answersWhole, sent > 1 {
                // The file's rest serves the next ranges; the answers that were requested for them aren't read.
                sent = 1
                connection?.closeAfterResponse()
            }
            phase = skip > 0 ? .skip(skip, isWhole: isWhole) : .body(request.length, isWhole: isWhole)
            // Once bytes were handed over, the range can't begin anew at the web seed itself.
            queue[0].isRemembered = false
            delegate?.found(request, at: place(of: first), from: tag)
        case .redirect(let location): redirect(first, to: location, head)
        case .lacks(let reason): refuse(.lacks(reason), head)
        case .ignoresRanges: refuse(.ignoresRanges, head)
        case .failed(let reason, let pause): refuse(.failed(reason, retryAfter: pause), head)
        }
    }

    /// The place of the file to remember; `nil` for the web seed itself, and for local ones.
    private func place(of pending: Pending) -> TrackerURL? {
        if pending.target == pending.request.location { return pending.target }
        guard pending.target != pending.request.url, let remote = connection?.channel.remoteAddress,
            let host = PeerAddress(remote)?.host, !shared.reach.isLocal(host)
        else { return nil }
        return pending.target
    }

    private func redirect(_ pending: Pending, to location: String, _ head: HTTPStreamHead) {
        guard let next = pending.target.redirected(to: location) else {
            return refuse(.failed("it redirects to something that is not HTTP", retryAfter: nil), head)
        }
        guard pending.redirects < Self.mostRedirects else {
            return refuse(
                .failed("it redirects in a loop, or more than \(Self.mostRedirects) times", retryAfter: nil), head)
        }
        var first = pending
        first.rule.redirected(by: first.target, at: connection?.channel.remoteAddress)
        first.target = next
        first.redirects += 1
        first.wasRepeated = false
        queue[0] = first
        leaveResponse(head)
        pump()
    }

    /// The request is answered with something other than the range.
    private func refuse(_ failure: RangeFailure, _ head: HTTPStreamHead) {
        guard !retryAtTheSeed() else { return }
        leaveResponse(head)
        fail(failure, keepsConnection: true)
    }

    /// The rest of the response isn't needed. The connection is kept if little is left of it.
    private func leaveResponse(_ head: HTTPStreamHead) {
        let isShort = head.status == 204 || (head.length ?? .max) <= Self.mostDrained && !head.isChunked
        guard sent == 1, isShort, connection?.closesAfterResponse == false else { return disconnect() }
        phase = .drain(Self.mostDrained)
        sent = 0
    }

    /// Handles the bytes of a body that are there.
    private func takeBody() {
        switch phase {
        case .head, .surplus: disconnected("it sent bytes that were not requested")
        case .skip(let left, let isWhole):
            let rest = left - (connection?.skipBody(left) ?? 0)
            phase =
                rest == 0 ? .body(queue.first?.request.length ?? 0, isWhole: isWhole) : .skip(rest, isWhole: isWhole)
        case .body(let left, let isWhole):
            guard let request = queue.first?.request else { return disconnect() }
            guard let bytes = connection?.takeBody(left) else { return }
            let count = bytes.readableBytes
            phase = .body(left - count, isWhole: isWhole)
            let generation = generation
            delegate?.received(bytes, of: request, from: tag)
            guard generation == self.generation, count == left else { return }
            finish(request, isWhole: isWhole)
        case .drain(let left):
            let count = connection?.skipBody(.max) ?? 0
            guard count <= left else { return disconnected("it sent more than was requested") }
            phase = .drain(left - count)
        }
    }

    /// The whole range was handed over.
    private func finish(_ request: RangeRequest, isWhole: Bool) {
        guard let pending = queue.popFirst() else { return }
        sent -= 1
        let end = request.offset + Int64(request.length)
        if isWhole, end < request.fileLength {
            phase = .surplus(file: pending.target.requestURL(), position: end)
            setReading(false)
        } else {
            phase = .drain(Self.mostDrained)
        }
        delegate?.finished(request, from: tag)
        pump()
    }

    private func responseEnded() {
        switch phase {
        case .drain, .surplus: phase = .head
        case .head: return disconnected("it sent an empty answer")
        case .skip, .body: return disconnected(shortBody)
        }
        if connection?.closesAfterResponse == true { disconnect() }
        pump()
    }

    func closed(_ generation: Int) {
        guard generation == self.generation else { return }
        let isComplete: Bool =
            switch phase {
            case .head: connection?.isInResponse == false && sent == 0
            case .drain: true
            case .surplus: true
            case .skip, .body: false
            }
        if isComplete {
            disconnect()
            return pump()
        }
        guard case .head = phase else { return disconnected(shortBody) }
        if !repeatRequest() { disconnected("it closed the connection before it answered") }
    }

    /// Asks once more over a new connection, if the server may have closed this one while the request was on its way.
    /// Returns whether that is so.
    private func repeatRequest() -> Bool {
        guard case .head = phase, let first = queue.first, !first.wasRepeated,
            connection.map({ $0.answers > 0 }) ?? false
        else { return false }
        queue[0].wasRepeated = true
        disconnect()
        pump()
        return true
    }

    private var shortBody: String {
        guard case .body(let left, _) = phase, let length = queue.first?.request.length else {
            return "its answer was cut off"
        }
        return "it sent only \(length - left) of \(length) bytes"
    }

    func broken(_ error: any Error, _ generation: Int) {
        guard generation == self.generation else { return }
        // Many servers close TLS connections without saying so first.
        if case NIOSSLError.uncleanShutdown = error { return closed(generation) }
        if queue.isEmpty { return disconnect() }
        // A request that meets a closed connection resets it.
        if repeatRequest() { return }
        disconnected(TrackerError(connection: error, connectTimeout: shared.options.connectTimeout).webSeedSentence)
    }

    /// The connection can't be used any more.
    private func disconnected(_ reason: String) {
        disconnect()
        guard !queue.isEmpty else { return }
        if !retryAtTheSeed() { fail(.failed(reason, retryAfter: nil)) }
    }

    private func fail(_ failure: RangeFailure, keepsConnection: Bool = false) {
        if !keepsConnection { disconnect() }
        sent = 0
        guard let first = queue.first else { return }
        queue = []
        delegate?.failed(first.request, failure, from: tag)
    }
}
