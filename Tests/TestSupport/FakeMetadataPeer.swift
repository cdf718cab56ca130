import NIOCore
import NIOPosix
import PeerWire
import Synchronization
package import Torrent

/// A scripted peer that listens on loopback, and serves the metadata of a torrent and then its content (BEP 9).
package final class FakeMetadataPeer: Sendable {
    package enum Manner: Hashable, Sendable {
        case good
        /// Every block of metadata is wrong in one byte.
        case lying
        /// States another size, and serves zeros.
        case lyingSize(Int)
        /// Never answers a request for metadata.
        case silent
        case rejecting
        /// Sends the whole metadata in answer to the first request, as XD does.
        case whole
        /// Sends empty blocks.
        case empty
        /// States that it has no metadata.
        case hasNone
        /// Sends extension messages that can't be read.
        case noise
        /// Serves so many blocks of metadata in all, and no more, until ``FakeMetadataPeer/serve(_:)``.
        case stopping(after: Int)
    }

    struct State {
        var manner: Manner
        var limit: Int?
        var requests: [Int] = []
        var served: [Int] = []
        var connections = 0
        var requestedBlocks: [BlockRef] = []
        /// What the other side stated of its own metadata.
        var statedBytes: [Int?] = []
        var open: [ObjectIdentifier: any Channel] = [:]
        /// Calls that serve what waits, by connection.
        var waiting: [ObjectIdentifier: @Sendable () -> Void] = [:]
    }

    final class Shared: Sendable {
        let state: Mutex<State>
        init(_ state: State) { self.state = Mutex(state) }
    }

    private let listener: any Channel
    private let shared: Shared

    private init(_ listener: any Channel, _ shared: Shared) {
        self.listener = listener
        self.shared = shared
    }

    /// With `info`, the peer serves that as metadata, under its hash.
    package static func start(_ torrent: SampleTorrent, _ manner: Manner = .good, info: [UInt8]? = nil) async throws
        -> FakeMetadataPeer
    {
        let info = info ?? Array(torrent.file[torrent.metainfo.infoRange])
        var state = State(manner: manner)
        if case .stopping(let limit) = manner { state.limit = limit }
        let shared = Shared(state)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FakeMetadataConnection(torrent, info, shared))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeMetadataPeer(listener, shared)
    }

    package var address: PeerAddress {
        guard let port = listener.localAddress?.port else { preconditionFailure("a bound listener has an address") }
        return PeerAddress(.v4(0x7f00_0001), port: UInt16(port))
    }

    /// The blocks of metadata that were requested and sent, in order.
    package var requests: [Int] { shared.state.withLock(\.requests) }
    package var served: [Int] { shared.state.withLock(\.served) }
    package var connections: Int { shared.state.withLock(\.connections) }
    package var openConnections: Int { shared.state.withLock(\.open.count) }
    /// The number of blocks of content that were requested.
    package var pieceRequests: Int { requestedBlocks.count }
    package var requestedBlocks: [BlockRef] { shared.state.withLock(\.requestedBlocks) }
    /// What the other side stated of its own metadata, with each extension handshake.
    package var statedBytes: [Int?] { shared.state.withLock(\.statedBytes) }

    package func forgetRequests() {
        shared.state.withLock { state in
            state.requests = []
            state.requestedBlocks = []
        }
    }

    /// Serves so many blocks of metadata more.
    package func serve(_ count: Int) {
        let calls = shared.state.withLock { state in
            state.limit = (state.limit ?? 0) + count
            return Array(state.waiting.values)
        }
        for call in calls { call() }
    }

    package func stop() async {
        do { try await listener.close() } catch { return }
        for channel in shared.state.withLock({ Array($0.open.values) }) {
            do { try await channel.close() } catch { continue }
        }
    }
}

/// Runs `body` beside peers that each have all of the torrent, and ends them with it.
package func withMetadataPeers<Value>(
    _ torrent: SampleTorrent, _ manners: [FakeMetadataPeer.Manner] = [.good], info: [UInt8]? = nil,
    isolation: isolated (any Actor)? = #isolation, _ body: ([FakeMetadataPeer]) async throws -> Value
) async throws -> Value {
    var peers: [FakeMetadataPeer] = []
    for manner in manners { peers.append(try await FakeMetadataPeer.start(torrent, manner, info: info)) }
    let result = await Result { try await body(peers) }
    for peer in peers { await peer.stop() }
    return try result.get()
}
