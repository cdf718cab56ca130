import NIOCore
import NIOPosix
import Synchronization
package import Torrent

/// A peer that dials and sends the bytes that a test gives it.
package final class RawPeer: Sendable {
    private let channel: any Channel
    private let shared: Shared

    private final class Shared: Sendable {
        let state = Mutex<(bytes: [UInt8], isClosed: Bool)>(([], false))
    }

    private init(_ channel: any Channel, _ shared: Shared) {
        self.channel = channel
        self.shared = shared
    }

    package static func dial(_ address: PeerAddress) async throws -> RawPeer {
        let shared = Shared()
        let host = "\(address)".split(separator: ":").dropLast().joined(separator: ":").filter {
            $0 != "[" && $0 != "]"
        }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Ear(shared)) }
            }
            .connect(host: host, port: Int(address.port)).get()
        return RawPeer(channel, shared)
    }

    package var isClosed: Bool { shared.state.withLock(\.isClosed) }
    package var bytes: [UInt8] { shared.state.withLock(\.bytes) }
    /// Bytes that came back.
    package var heard: Int { bytes.count }

    /// Says the bytes; whether they were heard out doesn't matter.
    package func say(_ bytes: [UInt8]) async throws {
        do { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) } catch  where channel.isActive {
            throw error
        } catch { return }
    }

    package func hangUp() async {
        do { try await channel.close() } catch { return }
    }

    private final class Ear: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let shared: Shared

        init(_ shared: Shared) { self.shared = shared }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            shared.state.withLock { $0.bytes += bytes }
        }

        func channelInactive(context: ChannelHandlerContext) { shared.state.withLock { $0.isClosed = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
