import NIOCore
import NIOPosix
import Torrent
package import TrackerWire

/// Sends requests to trackers over UDP (BEP 15), through the sockets of a ``DatagramHub``.
///
/// The actor runs on the event loop of the hub, so datagrams and timers enter the actor without a hop.
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
    private nonisolated let hub: DatagramHub
    private let retransmissions: Int
    private var generator = SystemRandomNumberGenerator()
    private var requests: [UInt64: UDPTrackerRequest] = [:]
    private var lastRequest: UInt64 = 0
    /// The request that each expected packet belongs to. A packet from an address other than the request's matches
    /// nothing.
    private var waiting: [UDPTrackerRequest.Exchange: UInt64] = [:]
    private var connections: [SocketAddress: UDPTrackerMachine.Connection] = [:]
    private var isShutDown = false

    /// The hub's loop must outlive the tracker. Shutting down the tracker shuts down the hub and the resolver.
    init(
        hub: DatagramHub,
        retransmissions: Int = UDPTrackerMachine.defaultRetransmissions,
        resolver: HostResolver, reach: ReachTest = .system
    ) {
        loop = hub.loop
        self.hub = hub
        self.resolver = resolver
        self.reach = reach
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
            hub.onLoop { $0.close() }.whenComplete { _ in closed.resume() }
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
                addresses.filter { address in
                    hub.onLoop { $0.canUse(address.family) } && families.insert(address.protocol).inserted
                }[...]
            tryNext(request, after: .unreachable("its host has no address of the same family (IPv4 or IPv6) as --bind"))
        }
    }

    private func tryNext(_ request: UDPTrackerRequest, after error: TrackerError) {
        guard !isShutDown else { return finish(request, .failure(.cancelled)) }
        guard let remote = request.addresses.popFirst() else { return finish(request, .failure(error)) }
        let failure = hub.onLoop { hub in
            do throws(DatagramFailure) {
                try hub.require(remote.family)
                hub.receive(.trackers) { datagram, sender in self.assumeIsolated { $0.received(datagram, from: sender) }
                }
                return DatagramFailure?.none
            } catch {
                return error
            }
        }
        if let failure { return tryNext(request, after: .unreachable("no UDP socket: \(failure.reason)")) }
        start(request, at: remote)
    }

    private func start(_ request: UDPTrackerRequest, at remote: SocketAddress) {
        let machine = UDPTrackerMachine(
            request.question, overIPv6: remote.protocol == .inet6, connection: connections[remote],
            // While other addresses remain, this one gets only one try.
            maximumRetransmissions: request.addresses.isEmpty ? retransmissions : 0)
        let attempt = UDPTrackerRequest.Attempt(remote, machine)
        request.attempt = attempt
        perform(attempt.machine.start(now: now, using: &generator), attempt, request)
    }

    // MARK: The machine's events and steps

    private func received(_ datagram: ByteBuffer, from remote: SocketAddress) {
        // Only a datagram that is waited for is copied.
        guard let transaction = datagram.getInteger(at: datagram.readerIndex + 4, as: UInt32.self),
            let number = waiting[UDPTrackerRequest.Exchange(remote: remote, transaction: transaction)]
        else { return }
        let bytes = Array(datagram.readableBytesView)
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
        let remote = attempt.remote
        guard let failure = hub.onLoop({ $0.send(bytes, to: remote) }) else { return }
        leave(attempt, request)
        tryNext(request, after: .unreachable(failure.reason))
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
}

extension SocketAddress {
    /// The family of an IP address.
    fileprivate var family: AddressFamily { self.protocol == .inet6 ? .v6 : .v4 }
}
