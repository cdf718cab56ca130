import NIOCore
import NIOPosix
import Synchronization
package import Torrent

/// An HTTP tracker on loopback that remembers every announce.
package final class FakeTracker: Sendable {
    package struct Announce: Sendable {
        /// The parameters as they stand in the URL, still encoded.
        package let parameters: [String: String]
        package let at: ContinuousClock.Instant
        /// The request's line and fields.
        package let head: String

        package var event: String? { parameters["event"] }
        package var left: Int? { parameters["left"].flatMap { Int($0) } }
        package var port: Int? { parameters["port"].flatMap { Int($0) } }
        package var trackerID: String? { parameters["trackerid"] }
        package var uploaded: Int? { parameters["uploaded"].flatMap { Int($0) } }
    }

    /// What the tracker answers.
    package struct Answer: Sendable {
        package var interval = 1800
        package var minimumInterval: Int?
        package var peers: [PeerAddress] = []
        package var trackerID: String?
        package var failure: String?
        /// What is said beside the failure: the intervals above.
        package var failureHasIntervals = false
        package var status = "200 OK"
        /// More fields of the response, each with its end of line.
        package var fields = ""
        /// Peers that still want something, and whether they are counted at all.
        package var leechers: Int? = 0
        /// Takes the request and never answers.
        package var isDeaf = false
        /// How long it thinks about its answer.
        package var delay = Duration.zero

        package init() {}

        fileprivate var body: [UInt8] {
            if let failure {
                let interval = failureHasIntervals ? "8:intervali\(interval)e" : ""
                let minimum = minimumInterval.map { "12:min intervali\($0)e" } ?? ""
                return Array("d14:failure reason\(failure.utf8.count):\(failure)\(interval)\(minimum)e".utf8)
            }
            let four = peers.filter { !$0.isIPv6 }.flatMap(\.compact)
            let six = peers.filter(\.isIPv6).flatMap(\.compact)
            let counts = leechers.map { "8:completei1e10:incompletei\($0)e" } ?? ""
            var bytes = Array("d\(counts)8:intervali\(interval)e".utf8)
            if let minimumInterval { bytes += Array("12:min intervali\(minimumInterval)e".utf8) }
            bytes += Array("5:peers\(four.count):".utf8) + four
            if !six.isEmpty { bytes += Array("6:peers6\(six.count):".utf8) + six }
            if let trackerID { bytes += Array("10:tracker id\(trackerID.utf8.count):\(trackerID)".utf8) }
            return bytes + Array("e".utf8)
        }
    }

    fileprivate struct State {
        var answer: Answer
        var announces: [Announce] = []
    }

    fileprivate final class Shared: Sendable {
        let state: Mutex<State>
        init(_ answer: Answer) { state = Mutex(State(answer: answer)) }
    }

    private let channel: any Channel
    private let shared: Shared

    private init(_ channel: any Channel, _ shared: Shared) {
        self.channel = channel
        self.shared = shared
    }

    package static func start(_ answer: Answer = Answer()) async throws -> FakeTracker {
        let shared = Shared(answer)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(shared))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeTracker(channel, shared)
    }

    package var port: Int { channel.localAddress?.port ?? 0 }
    package var url: String { "http://127.0.0.1:\(port)/announce" }
    package var announces: [Announce] { shared.state.withLock(\.announces) }
    /// The events of the announces so far; an announce without one is empty.
    package var events: [String] { announces.map { $0.event ?? "" } }

    package func answer(_ change: (inout Answer) -> Void) { shared.state.withLock { change(&$0.answer) } }

    package func stop() async {
        do { try await channel.close() } catch { return }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let shared: Shared
        private var head = ""

        init(_ shared: Shared) { self.shared = shared }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            head += String(buffer: unwrapInboundIn(data))
            guard head.hasSuffix("\r\n\r\n") else { return }
            let target = String(head.split(separator: " ", maxSplits: 2).dropFirst().first ?? "")
            let request = head
            head = ""
            let isAnnounce = target.hasPrefix("/announce")
            let answer = shared.state.withLock { state in
                if isAnnounce {
                    state.announces.append(Announce(parameters: Self.parameters(target), at: .now, head: request))
                }
                return state.answer
            }
            guard !answer.isDeaf else { return }
            let body = isAnnounce ? answer.body : []
            let status = isAnnounce ? answer.status : "404 Not Found"
            let head =
                "HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\(answer.fields)Connection: close\r\n\r\n"
            context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(answer.delay)) {
                self.reply(Array(head.utf8) + body, context)
            }
        }

        private func reply(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes))).assumeIsolated().whenComplete { _ in
                context.close(promise: nil)
            }
        }

        // Clients may leave in the middle.
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private static func parameters(_ target: String) -> [String: String] {
            let pairs = target.split(separator: "?").dropFirst().joined(separator: "?").split(separator: "&").map {
                pair in
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
            }
            return Dictionary(pairs) { first, _ in first }
        }
    }
}

/// Runs `body` beside a tracker, and ends the tracker with it.
package func withTracker<Value>(
    _ answer: FakeTracker.Answer = FakeTracker.Answer(), isolation: isolated (any Actor)? = #isolation,
    _ body: (FakeTracker) async throws -> Value
) async throws -> Value {
    let tracker = try await FakeTracker.start(answer)
    let result: Result<Value, any Error>
    do { result = .success(try await body(tracker)) } catch { result = .failure(error) }
    await tracker.stop()
    return try result.get()
}
