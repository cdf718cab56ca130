import Glibc
import NIOCore
import NIOPosix

/// The stream of bytes to one peer: writes, pauses in reading, and how the bytes are gathered before a read. TCP is the
/// only transport at present; what depends on it is in this type.
///
/// The transport is confined to the event loop of its channel.
final class PeerTransport {
    private let context: ChannelHandlerContext
    private let memory: ReadBuffer
    private var needsFlush = false
    private var readsMuch = false
    private var watermark = ReceiveLowWatermark()

    /// The channel reads into `memory`.
    init(_ context: ChannelHandlerContext, reading memory: ReadBuffer) {
        self.context = context
        self.memory = memory
    }

    var loop: any EventLoop { context.eventLoop }
    var isWritable: Bool { context.channel.isWritable }
    var remoteAddress: SocketAddress? { context.channel.remoteAddress }

    // MARK: Writing

    func buffer(capacity: Int) -> ByteBuffer { context.channel.allocator.buffer(capacity: capacity) }

    /// Appends bytes, which are sent with the next ``flush()``.
    func write(_ bytes: ByteBuffer) {
        context.write(NIOAny(bytes), promise: nil)
        needsFlush = true
    }

    /// Appends bytes, which are sent with the next ``flush()``. `onWrite` receives whether the transport accepted them.
    func write(_ bytes: ByteBuffer, onWrite: @escaping @Sendable (Bool) -> Void) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { result in
            if case .success = result { onWrite(true) } else { onWrite(false) }
        }
        context.write(NIOAny(bytes), promise: promise)
        needsFlush = true
    }

    func flush() {
        guard needsFlush else { return }
        needsFlush = false
        context.flush()
    }

    func close() { context.close(promise: nil) }

    // MARK: Reading

    /// Suspends or resumes reading. The peer's data stays in the kernel meanwhile, and then with the peer.
    func setReading(_ isReading: Bool) throws {
        try context.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    /// Bytes of messages have arrived.
    func hasRead() { watermark.hasRead = true }

    /// Announces that at least `bytes` will arrive at about `rate` bytes per second, so that the socket can collect
    /// some of them before it wakes us.
    func expect(bytes: Int, rate: Double) throws {
        if bytes >= PeerSockets.fastPeerBytes, !readsMuch {
            // A peer that owes this much is fast: large reads need fewer calls.
            readsMuch = true
            let reads = PeerSockets.fastReads(into: memory)
            try context.channel.syncOptions?.setOption(.recvAllocator, value: reads)
        }
        guard watermark.expect(bytes: bytes, rate: rate) else { return }
        setWatermark()
        if watermark.isRaised { watch() }
    }

    private func setWatermark() {
        let option = ChannelOptions.socketOption(.init(rawValue: SO_RCVLOWAT))
        do { try context.channel.syncOptions?.setOption(option, value: SocketOptionValue(watermark.value)) } catch {
            watermark.refuse()
        }
    }

    /// Lowers the watermark if the peer stops in the middle of the data that it owes; what has arrived is then read.
    private func watch() {
        guard !watermark.isWatched else { return }
        watermark.isWatched = true
        watermark.hasRead = false
        context.eventLoop.assumeIsolated().scheduleTask(in: ReceiveLowWatermark.patience) { [weak self] in
            guard let self else { return }
            self.watermark.isWatched = false
            guard self.watermark.isRaised else { return }
            if self.watermark.hasRead { return self.watch() }
            self.watermark.lower()
            self.setWatermark()
        }
    }
}
