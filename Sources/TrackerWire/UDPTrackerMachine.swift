import Torrent

/// The state machine of one request to a UDP tracker, from connecting to the response (BEP 15).
///
/// Times are readings of the caller's monotonic clock, relative to any fixed moment. After each event, the caller
/// performs the returned ``Step``. One series of timeouts covers the whole request: after the n-th unanswered
/// transmission, counted from 0, the wait is 15·2ⁿ seconds, whatever was sent.
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

    /// A connection ID, which proves to the tracker that the client can receive packets at its address.
    package struct Connection: Hashable, Sendable {
        /// The time for which a client may use a connection ID: one minute (BEP 15).
        package static let lifetime: Duration = .seconds(60)

        package let id: UInt64
        /// The moment from which the tracker may have forgotten the ID.
        package let expires: Duration

        package init(id: UInt64, expires: Duration) {
            self.id = id
            self.expires = expires
        }
    }

    /// The caller's next action.
    package enum Step: Hashable, Sendable {
        /// Send the bytes, then proceed as for ``wait(until:)``.
        case send([UInt8], until: Duration)
        /// Pass every packet from the tracker to ``received(_:now:using:)``, and call ``timer(now:using:)`` at `until`.
        case wait(until: Duration)
        case done(Answer)
        case failed(TrackerError)
    }

    /// The timeouts of BEP 15: 15·2ⁿ seconds up to n = 8, which takes more than two hours in total.
    package static let firstTimeout: Duration = .seconds(15)
    package static let patientRetransmissions = 8
    /// The number of retransmissions by default. A tracker that was silent for 15 + 30 + 60 s is given up until its
    /// next announce.
    package static let defaultRetransmissions = 2

    private enum State {
        case idle
        case connecting(transaction: UInt32, until: Duration)
        case asking(Connection, transaction: UInt32, isBorrowed: Bool, until: Duration)
        case finished(Step)
    }

    /// The connection for the next request to the same address; `nil` if there is none or the tracker refused it.
    package private(set) var connection: Connection?
    private var state = State.idle
    private let question: Question
    private let isIPv6: Bool
    private let maximumRetransmissions: Int
    private var timeouts = 0

    /// Creates a request over IPv4 or IPv6, with the connection left by an earlier request to the same address.
    package init(
        _ question: Question, overIPv6 isIPv6: Bool, connection: Connection? = nil,
        maximumRetransmissions: Int = defaultRetransmissions
    ) {
        self.question = question
        self.isIPv6 = isIPv6
        self.connection = connection
        self.maximumRetransmissions = min(max(0, maximumRetransmissions), Self.patientRetransmissions)
    }

    /// The transaction ID of the expected packet; `nil` before the start and after the end.
    package var transaction: UInt32? {
        switch state {
        case .connecting(let transaction, _), .asking(_, let transaction, _, _): transaction
        case .idle, .finished: nil
        }
    }

    /// Starts the request.
    package mutating func start(now: Duration, using generator: inout some RandomNumberGenerator) -> Step {
        guard case .idle = state else { return resting }
        guard let connection, now < connection.expires else { return connect(now: now, using: &generator) }
        return ask(over: connection, isBorrowed: true, now: now, using: &generator)
    }

    /// Processes a datagram from the tracker's address; ignores it if it belongs to another transaction.
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
            // A tracker forgets its connections when it restarts.
            return connect(now: now, using: &generator)
        case (_, .error(_, let message)):
            connection = nil
            return finish(.failed(.failure(reason: message.isEmpty ? "no reason given" : message, retry: nil)))
        default:
            return finish(.failed(.malformed("its packet is not of the requested kind")))
        }
    }

    /// Handles the end of a wait; if called too early, it changes nothing.
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
            // This is unreachable, because these states returned above.
            return resting
        }
    }

    /// The total time until a request with this many retransmissions is given up: 15·(2ⁿ⁺¹ − 1) seconds.
    package static func patience(retransmissions: Int) -> Duration {
        firstTimeout * ((1 << (min(max(0, retransmissions), patientRetransmissions) + 1)) - 1)
    }

    // MARK: Steps

    /// The step after an event that changed nothing.
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

    /// Pairs the counts with the torrents in the order of the request; a tracker sends zeros for unknown torrents.
    private static func response(to request: ScrapeRequest, _ counts: [ScrapeResponse.Counts]) -> ScrapeResponse {
        ScrapeResponse(Dictionary(zip(request.infoHashes, counts)) { first, _ in first })
    }
}
