import NIOCore
import NIOPosix
import PeerWire
import Synchronization
package import Torrent

/// A scripted peer that listens on loopback and serves a torrent, well or badly.
package final class FakePeer: Sendable {
    /// How the peer behaves. Whatever it does wrong, it begins by being dialled.
    package enum Manner: Hashable, Sendable {
        case good
        /// Every block is wrong in one byte.
        case lying
        /// Says what it has, unchokes, and never sends a block.
        case silent
        /// Closes each connection at once.
        case closing
        /// Tells what it has by `have` messages alone.
        case haves
        /// Serves so many blocks a second.
        case slow(Int)
        /// The same, and timers that are late don't make it slower.
        case steady(Int)
        /// Answers the handshake with noise.
        case noise
        /// Sends noise after its handshake.
        case lateNoise
        /// Sends the longest frame length that there is.
        case hugeFrame
        /// Answers the handshake with another torrent's.
        case wrongTorrent
        /// Says that it has more pieces than there are.
        case wrongBitfield
        /// Sets the spare bits of its bitfield, and sends extension messages that nobody can read and messages that
        /// nobody knows.
        case sloppy
        /// Chokes after every so many blocks, for a moment.
        case choking(every: Int)
        /// Asks for blocks that don't exist.
        case asking
        /// Rejects every request (BEP 6).
        case rejecting
        /// Serves so many blocks in all, and no more.
        case stopping(after: Int)
        /// Closes the connection after every so many blocks.
        case dropping(after: Int)
    }

    /// A request, as it came in.
    package struct Request: Hashable, Sendable {
        package let piece: Int
        package let begin: Int
        package let length: Int
        package let at: ContinuousClock.Instant
        /// The number of the connection that it came over, from 1.
        package let connection: Int

        package var block: BlockRef { BlockRef(piece: PieceIndex(piece), block: begin / Geometry.blockLength) }
    }

    struct State {
        var manner: Manner
        var connections = 0
        var open: [ObjectIdentifier: any Channel] = [:]
        var requests: [Request] = []
        var served: [BlockRef] = []
        var servedBytes = 0
    }

    private let listener: any Channel
    private let state: Shared

    /// What the connections' handlers share with the peer.
    final class Shared: Sendable {
        let state: Mutex<State>
        init(_ manner: Manner) { state = Mutex(State(manner: manner)) }
    }

    private init(listener: any Channel, shared: Shared) {
        self.listener = listener
        state = shared
    }

    /// Listens at a free port of `host`. A peer that isn't fast speaks BEP 3 alone.
    package static func start(
        _ torrent: SampleTorrent, _ manner: Manner = .good, have: Bitfield? = nil, isFast: Bool = true,
        host: String = "127.0.0.1"
    ) async throws -> FakePeer {
        let shared = Shared(manner)
        let have = have ?? Bitfield(fullCount: torrent.geometry.pieceCount)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FakePeerConnection(torrent, have: have, isFast: isFast, shared: shared))
                }
            }
            .bind(host: host, port: 0).get()
        return FakePeer(listener: listener, shared: shared)
    }

    package var address: PeerAddress {
        guard let text = listener.localAddress, let ip = text.ipAddress, let port = text.port,
            let address = PeerAddress(ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)")
        else { preconditionFailure("a listener that was bound has an address") }
        return address
    }

    /// Connections so far.
    package var connections: Int { state.state.withLock(\.connections) }
    /// Connections that stand.
    package var openConnections: Int { state.state.withLock(\.open.count) }
    package var requests: [Request] { state.state.withLock(\.requests) }
    /// The blocks that were sent, again for each time.
    package var served: [BlockRef] { state.state.withLock(\.served) }
    package var servedBytes: Int { state.state.withLock(\.servedBytes) }

    /// Behaves otherwise from now on.
    package func behave(_ manner: Manner) { state.state.withLock { $0.manner = manner } }

    /// Forgets what was asked and served.
    package func forget() {
        state.state.withLock { state in
            state.requests = []
            state.served = []
            state.servedBytes = 0
            state.connections = 0
        }
    }

    /// Forgets what was asked, and remembers what was served.
    package func forgetRequests() { state.state.withLock { $0.requests = [] } }

    /// Closes every connection that stands.
    package func hangUp() async {
        for channel in state.state.withLock({ Array($0.open.values) }) {
            do { try await channel.close() } catch { continue }
        }
    }

    /// Closes its port and its connections.
    package func stop() async {
        do { try await listener.close() } catch { return await hangUp() }
        await hangUp()
    }
}

/// Runs `body` beside peers that each have all of the torrent, and ends them with it.
package func withPeers<Value>(
    _ torrent: SampleTorrent, _ manners: [FakePeer.Manner] = [.good], isFast: Bool = true, host: String = "127.0.0.1",
    isolation: isolated (any Actor)? = #isolation, _ body: ([FakePeer]) async throws -> Value
) async throws -> Value {
    var peers: [FakePeer] = []
    let result: Result<Value, any Error>
    do {
        for manner in manners { peers.append(try await FakePeer.start(torrent, manner, isFast: isFast, host: host)) }
        result = .success(try await body(peers))
    } catch {
        result = .failure(error)
    }
    for peer in peers { await peer.stop() }
    return try result.get()
}
