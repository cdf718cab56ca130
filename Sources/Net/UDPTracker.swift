import NIOCore
import NIOPosix
import Torrent
package import TrackerWire

/// Sends requests to trackers over UDP (BEP 15), through one socket per address family.
///
/// The actor runs on the event loop of its sockets, so datagrams and timers enter the actor without a hop.
package actor UDPTracker: TrackerTransport {
    /// The maximum number of concurrent requests; further requests fail.
    static let maximumRequests = 4096
    /// The maximum time for a host name look-up.
    static let lookupTimeout: Duration = .seconds(20)
    /// The maximum number of trackers whose connection IDs are remembered.
    private static let maximumConnections = 1024

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    private nonisolated let loop: any EventLoop
    private nonisolated let resolver: HostResolver
    private let reach: ReachTest
    private let sockets: UDPTrackerSockets
    private let retransmissions: Int
    private var generator = SystemRandomNumberGenerator()
    private var requests: [UInt64: UDPTrackerRequest] = [:]
    private var lastRequest: UInt64 = 0
    /// The request that each expected packet belongs to. A packet from an address other than the request's matches
    /// nothing.
    private var waiting: [UDPTrackerRequest.Exchange: UInt64] = [:]
    private var connections: [SocketAddress: UDPTrackerMachine.Connection] = [:]
    private var isShutDown = false

    /// Creates a tracker with sockets on `loop`, which must outlive the tracker. Shutting down the tracker shuts down
    /// the resolver.
    init(
        loop: any EventLoop, bindAddress: PeerAddress.Host? = nil,
        retransmissions: Int = UDPTrackerMachine.defaultRetransmissions,
        resolver: HostResolver, reach: ReachTest = .system
    ) {
        self.loop = loop
        self.resolver = resolver
        self.reach = reach
        self.sockets = UDPTrackerSockets(loop: loop, bindAddress: bindAddress)
        self.retransmissions = retransmissions
    }

    package func announce(_ url: TrackerURL, _ request: AnnounceRequest) async throws(TrackerError) -> AnnounceResponse
    {
        guard case .announce(let response) = try await ask(url, .announce(request, to: url)) else {
            throw .malformed("it is not an announce response")
        }
        return response
    }

    package func scrape(_ url: TrackerURL, _ request: ScrapeRequest) async throws(TrackerError) -> ScrapeResponse {
        guard case .scrape(let response) = try await ask(url, .scrape(request)) else {
            throw .malformed("it is not a scrape response")
        }
        return response
    }

    package func shutdown() async {
        isShutDown = true
        for request in Array(requests.values) { finish(request, .failure(.cancelled)) }
        await withCheckedContinuation { closed in
            // `close()` handles the outcome of every socket, so the future can't fail.
            sockets.close().whenComplete { _ in closed.resume() }
        }
        resolver.shutdown()
    }

    // MARK: Requests

    private func ask(_ url: TrackerURL, _ question: UDPTrackerMachine.Question) async throws(TrackerError)
        -> UDPTrackerMachine.Answer
    {
        guard !isShutDown, !Task.isCancelled else { throw .cancelled }
        guard requests.count < Self.maximumRequests else {
            throw .unreachable("\(Self.maximumRequests) requests to UDP trackers are already in progress")
        }
        lastRequest += 1
        let number = lastRequest
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = UDPTrackerRequest(number, question, continuation)
                requests[number] = request
                lookUp(url, request)
            }
        } onCancel: {
            onLoop { $0.with(number) { $0.finish($1, .failure(.cancelled)) } }
        }
        return try result.get()
    }

    private func lookUp(_ url: TrackerURL, _ request: UDPTrackerRequest) {
        let number = request.number
        request.timer = loop.scheduleTask(in: TimeAmount(Self.lookupTimeout)) {
            self.assumeIsolated { $0.with(number) { $0.finish($1, .failure(.timedOut(after: Self.lookupTimeout))) } }
        }
        resolver.resolve(url.host, port: url.port) { result in
            self.onLoop { $0.with(number) { $0.lookedUp(result, $1) } }
        }
    }

    /// Tries the first address of each family, in the system's order.
    private func lookedUp(_ result: Result<[SocketAddress], TrackerError>, _ request: UDPTrackerRequest) {
        request.timer?.cancel()
        switch result {
        case .failure(let error):
            finish(request, .failure(error))
        case .success(let addresses):
            var families: Set<NIOBSDSocket.ProtocolFamily> = []
            request.addresses =
                addresses.filter { sockets.canReach($0.protocol) && families.insert($0.protocol).inserted }[...]
            tryNext(request, after: .unreachable("its host has no address of the same family (IPv4 or IPv6) as --bind"))
        }
    }

    private func tryNext(_ request: UDPTrackerRequest, after error: TrackerError) {
        guard !isShutDown else { return finish(request, .failure(.cancelled)) }
        guard let remote = request.addresses.popFirst() else { return finish(request, .failure(error)) }
        let number = request.number
        let socket = sockets.socket(for: remote.protocol) { bytes, remote in
            self.assumeIsolated { $0.received(bytes, from: remote) }
        }
        socket.whenComplete { result in
            self.assumeIsolated {
                $0.with(number) {
                    switch result {
                    case .success(let socket): $0.start($1, at: remote, through: socket)
                    case .failure(let error):
                        $0.tryNext($1, after: .unreachable("no UDP socket: \(Self.reason(error))"))
                    }
                }
            }
        }
    }

    private func start(_ request: UDPTrackerRequest, at remote: SocketAddress, through socket: any Channel) {
        let machine = UDPTrackerMachine(
            request.question, overIPv6: remote.protocol == .inet6, connection: connections[remote],
            // While other addresses remain, this one gets only one try.
            maximumRetransmissions: request.addresses.isEmpty ? retransmissions : 0)
        let attempt = UDPTrackerRequest.Attempt(remote, socket, machine)
        request.attempt = attempt
        perform(attempt.machine.start(now: now, using: &generator), attempt, request)
    }

    // MARK: The machine's events and steps

    private func received(_ bytes: [UInt8], from remote: SocketAddress) {
        guard let transaction = UDPTrackerResponsePacket.transaction(of: bytes) else { return }
        guard let number = waiting[UDPTrackerRequest.Exchange(remote: remote, transaction: transaction)] else { return }
        with(number) { tracker, request in
            guard let attempt = request.attempt else { return }
            tracker.perform(
                attempt.machine.received(bytes, now: tracker.now, using: &tracker.generator), attempt, request)
        }
    }

    private func timer(_ number: UInt64) {
        with(number) { tracker, request in
            guard let attempt = request.attempt else { return }
            tracker.perform(attempt.machine.timer(now: tracker.now, using: &tracker.generator), attempt, request)
        }
    }

    private func perform(
        _ step: UDPTrackerMachine.Step, _ attempt: UDPTrackerRequest.Attempt, _ request: UDPTrackerRequest
    ) {
        switch step {
        case .send(let bytes, let until):
            expect(attempt, request)
            wait(until: until, request)
            // The send comes last, because a write that fails at once moves on to the next address.
            send(bytes, attempt, request)
        case .wait(let until):
            wait(until: until, request)
        case .done(let answer):
            remember(attempt.machine.connection, of: attempt.remote)
            finish(request, .success(answer.withoutLoopbackPeers(from: attempt.remote, reach)))
        case .failed(let error):
            remember(attempt.machine.connection, of: attempt.remote)
            leave(attempt, request)
            switch error {
            case .timedOut, .unreachable: tryNext(request, after: error)
            default: finish(request, .failure(error))
            }
        }
    }

    private func send(_ bytes: [UInt8], _ attempt: UDPTrackerRequest.Attempt, _ request: UDPTrackerRequest) {
        let number = request.number
        let remote = attempt.remote
        let packet = AddressedEnvelope(remoteAddress: remote, data: attempt.socket.allocator.buffer(bytes: bytes))
        attempt.socket.writeAndFlush(packet).whenFailure { error in
            self.assumeIsolated {
                $0.with(number) {
                    guard let attempt = $1.attempt, attempt.remote == remote else { return }
                    $0.leave(attempt, $1)
                    $0.tryNext($1, after: .unreachable(Self.reason(error)))
                }
            }
        }
    }

    private func wait(until moment: Duration, _ request: UDPTrackerRequest) {
        let number = request.number
        request.timer?.cancel()
        request.timer = loop.scheduleTask(in: TimeAmount(moment - now)) { self.assumeIsolated { $0.timer(number) } }
    }

    private func expect(_ attempt: UDPTrackerRequest.Attempt, _ request: UDPTrackerRequest) {
        forget(attempt)
        guard let transaction = attempt.machine.transaction else { return }
        let exchange = UDPTrackerRequest.Exchange(remote: attempt.remote, transaction: transaction)
        attempt.exchange = exchange
        waiting[exchange] = request.number
    }

    private func leave(_ attempt: UDPTrackerRequest.Attempt, _ request: UDPTrackerRequest) {
        forget(attempt)
        request.timer?.cancel()
        request.attempt = nil
    }

    private func forget(_ attempt: UDPTrackerRequest.Attempt) {
        if let exchange = attempt.exchange { waiting[exchange] = nil }
        attempt.exchange = nil
    }

    private func finish(_ request: UDPTrackerRequest, _ result: Result<UDPTrackerMachine.Answer, TrackerError>) {
        if let attempt = request.attempt { leave(attempt, request) }
        request.timer?.cancel()
        requests[request.number] = nil
        request.continuation.resume(returning: result)
    }

    private func remember(_ connection: UDPTrackerMachine.Connection?, of remote: SocketAddress) {
        connections[remote] = connection
        guard connections.count > Self.maximumConnections else { return }
        let now = now
        connections = connections.filter { $0.value.expires > now }
        if connections.count > Self.maximumConnections { connections = [:] }
    }

    // MARK: The loop

    private var now: Duration { .nanoseconds(Int64(clamping: NIODeadline.now().uptimeNanoseconds)) }

    /// Calls `body` with the request, if it is still pending.
    private func with(_ number: UInt64, _ body: (isolated UDPTracker, UDPTrackerRequest) -> Void) {
        if let request = requests[number] { body(self, request) }
    }

    private nonisolated func onLoop(_ body: @escaping @Sendable (isolated UDPTracker) -> Void) {
        loop.execute { self.assumeIsolated(body) }
    }

    private static func reason(_ error: any Error) -> String {
        if let error = error as? IOError { TrackerError.sentence(error) } else { Printable.text("\(error)".utf8) }
    }
}
