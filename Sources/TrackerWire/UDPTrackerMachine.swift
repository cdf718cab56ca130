import Torrent

/// One request to a UDP tracker, from connecting to the answer (BEP 15).
///
/// Time is the caller's monotonic clock, as the time since any fixed moment. After each event the caller performs the
/// ``Step`` that it returns. One patience covers the whole request: the n-th transmission that nobody answers is waited
/// for 15·2ⁿ seconds, whatever it was.
package struct UDPTrackerMachine: ~Copyable, Sendable {
    package enum Question: Hashable, Sendable {
        case announce(AnnounceRequest, urlData: String)
        case scrape(ScrapeRequest)

        /// An announce that carries the path and query of the tracker's URL (BEP 41).
        package static func announce(_ request: AnnounceRequest, to url: TrackerURL) -> Self {
            .announce(request, urlData: url.urlData)
        }
    }

    package enum Answer: Hashable, Sendable {
        case announce(AnnounceResponse)
        case scrape(ScrapeResponse)
    }

    /// The right to ask: a number by which the tracker knows that the client can receive at its address.
    package struct Connection: Hashable, Sendable {
        /// A client may use a connection id for one minute (BEP 15).
        package static let lifetime: Duration = .seconds(60)

        package let id: UInt64
        /// The moment from which the tracker need not know the id any more.
        package let expires: Duration

        package init(id: UInt64, expires: Duration) {
            self.id = id
            self.expires = expires
        }
    }

    /// What the caller is to do next.
    package enum Step: Hashable, Sendable {
        /// Send the bytes, then as ``wait(until:)``.
        case send([UInt8], until: Duration)
        /// Give every packet of the tracker to ``received(_:now:using:)``, and call ``timer(now:using:)`` at `until`.
        case wait(until: Duration)
        case done(Answer)
        case failed(TrackerError)
    }

    /// BEP 15 waits for 15·2ⁿ seconds and goes on to n = 8, which is more than two hours.
    package static let firstTimeout: Duration = .seconds(15)
    package static let patientRetransmissions = 8
    /// Here a tracker that has been silent for 15 + 30 + 60 s is given up: its next announce is soon enough.
    package static let defaultRetransmissions = 2

    private enum State {
        case idle
        case connecting(transaction: UInt32, until: Duration)
        case asking(Connection, transaction: UInt32, isBorrowed: Bool, until: Duration)
        case finished(Step)
    }

    /// The connection that the next request to the same address may use; `nil` when there is none or the tracker
    /// refused it.
    package private(set) var connection: Connection?
    private var state = State.idle
    private let question: Question
    private let isIPv6: Bool
    private let maximumRetransmissions: Int
    private var timeouts = 0

    /// A request over IPv4 or IPv6, with the connection that an earlier request to the same address left.
    package init(
        _ question: Question, overIPv6 isIPv6: Bool, connection: Connection? = nil,
        maximumRetransmissions: Int = defaultRetransmissions
    ) {
        self.question = question
        self.isIPv6 = isIPv6
        self.connection = connection
        self.maximumRetransmissions = min(max(0, maximumRetransmissions), Self.patientRetransmissions)
    }

    /// The transaction id of the packet that is waited for; `nil` before the start and after the end.
    package var transaction: UInt32? {
        switch state {
        case .connecting(let transaction, _), .asking(_, let transaction, _, _): transaction
        case .idle, .finished: nil
        }
    }

    /// Begins the request.
    package mutating func start(now: Duration, using generator: inout some RandomNumberGenerator) -> Step {
        guard case .idle = state else { return resting }
        guard let connection, now < connection.expires else { return connect(now: now, using: &generator) }
        return ask(over: connection, isBorrowed: true, now: now, using: &generator)
    }

    /// A datagram that came from the tracker's address; one of another transaction is ignored.
    package mutating func received(_ bytes: [UInt8], now: Duration, using generator: inout some RandomNumberGenerator)
        -> Step
    {
        guard let transaction, UDPTrackerResponsePacket.transaction(of: bytes) == transaction else { return resting }
        let packet: UDPTrackerResponsePacket
        do {
            packet = try UDPTrackerResponsePacket(bytes, overIPv6: isIPv6)
        } catch {
            return finish(.failed(error))
        }
        switch (state, packet) {
        case (.connecting, .connect(_, let id)):
            let connection = Connection(id: id, expires: now + Connection.lifetime)
            self.connection = connection
            return ask(over: connection, isBorrowed: false, now: now, using: &generator)
        case (.asking, .announce(_, let response)):
            guard case .announce = question else {
                return finish(.failed(.malformed("it is an announce response, but no announce was sent")))
            }
            return finish(.done(.announce(response)))
        case (.asking, .scrape(_, let counts)):
            guard case .scrape(let request) = question else {
                return finish(.failed(.malformed("it is a scrape response, but no scrape was sent")))
            }
            return finish(.done(.scrape(Self.response(to: request, counts))))
        case (.asking(_, _, isBorrowed: true, _), .error):
            // A tracker that was restarted does not know its old connections.
            return connect(now: now, using: &generator)
        case (_, .error(_, let message)):
            connection = nil
            return finish(.failed(.failure(reason: message.isEmpty ? "no reason given" : message, retry: nil)))
        default:
            return finish(.failed(.malformed("its packet is not of the requested kind")))
        }
    }

    /// The moment that was waited for; called too early, it changes nothing.
    package mutating func timer(now: Duration, using generator: inout some RandomNumberGenerator) -> Step {
        switch state {
        case .idle, .finished:
            return resting
        case .connecting(_, let until), .asking(_, _, _, let until):
            guard now >= until else { return resting }
        }
        guard timeouts < maximumRetransmissions else {
            connection = nil
            return finish(.failed(.timedOut(after: Self.patience(retransmissions: maximumRetransmissions))))
        }
        timeouts += 1
        switch state {
        case .asking(let connection, let transaction, isBorrowed: false, _) where now < connection.expires:
            return send(over: connection, transaction: transaction, isBorrowed: false, now: now)
        case .asking:
            return connect(now: now, using: &generator)
        case .connecting(let transaction, _):
            return sendConnect(transaction: transaction, now: now)
        case .idle, .finished:
            // Unreachable: these returned above.
            return resting
        }
    }

    /// The time after which a request with so many retransmissions is given up: 15·(2ⁿ⁺¹ − 1) seconds.
    package static func patience(retransmissions: Int) -> Duration {
        firstTimeout * ((1 << (min(max(0, retransmissions), patientRetransmissions) + 1)) - 1)
    }

    // MARK: Steps

    /// What there is to do when an event changed nothing.
    private var resting: Step {
        switch state {
        case .idle: .failed(.cancelled)
        case .connecting(_, let until), .asking(_, _, _, let until): .wait(until: until)
        case .finished(let step): step
        }
    }

    private var timeout: Duration { Self.firstTimeout * (1 << timeouts) }

    private mutating func connect(now: Duration, using generator: inout some RandomNumberGenerator) -> Step {
        connection = nil
        return sendConnect(transaction: generator.next(), now: now)
    }

    private mutating func sendConnect(transaction: UInt32, now: Duration) -> Step {
        let until = now + timeout
        state = .connecting(transaction: transaction, until: until)
        return .send(UDPTrackerRequestPacket.connect(transaction: transaction).bytes, until: until)
    }

    private mutating func ask(
        over connection: Connection, isBorrowed: Bool, now: Duration, using generator: inout some RandomNumberGenerator
    ) -> Step {
        send(over: connection, transaction: generator.next(), isBorrowed: isBorrowed, now: now)
    }

    private mutating func send(over connection: Connection, transaction: UInt32, isBorrowed: Bool, now: Duration)
        -> Step
    {
        let until = now + timeout
        state = .asking(connection, transaction: transaction, isBorrowed: isBorrowed, until: until)
        let packet: UDPTrackerRequestPacket =
            switch question {
            case .announce(let request, let urlData):
                .announce(connection: connection.id, transaction: transaction, request, urlData: urlData)
            case .scrape(let request): .scrape(connection: connection.id, transaction: transaction, request.infoHashes)
            }
        return .send(packet.bytes, until: until)
    }

    private mutating func finish(_ step: Step) -> Step {
        state = .finished(step)
        return step
    }

    /// The counts come in the order of the question; a tracker answers zeros for torrents that it does not know.
    private static func response(to request: ScrapeRequest, _ counts: [ScrapeResponse.Counts]) -> ScrapeResponse {
        ScrapeResponse(Dictionary(zip(request.infoHashes, counts)) { first, _ in first })
    }
}
