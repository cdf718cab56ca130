import NIOCore

/// Passes what the connection says to its client.
final class RangeInlet: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: RangeClient
    private let generation: Int

    init(_ client: RangeClient, _ generation: Int) {
        self.client = client
        self.generation = generation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        client.assumeIsolated { [generation] in $0.received(bytes, generation) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        client.assumeIsolated { [generation] in $0.readEnded(generation) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        client.assumeIsolated { [generation] in $0.closed(generation) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        client.assumeIsolated { [generation] in $0.broken(error, generation) }
        context.close(promise: nil)
    }
}
