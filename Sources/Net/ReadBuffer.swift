package import NIOCore

/// The memory into which the connections of one event loop read, one after the other. Each read is handled before the
/// next one, so one buffer serves hundreds of connections, and stays in the processor's cache.
package final class ReadBuffer: Sendable {
    /// The most bytes of one read.
    package static let capacity = 1 << 20

    private let spare: NIOLoopBoundBox<ByteBuffer?>

    package init(loop: any EventLoop) { spare = .makeEmptyBox(eventLoop: loop) }

    /// An empty buffer with room for `limit` bytes.
    fileprivate func take(_ limit: Int, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        var memory = spare.value ?? allocator.buffer(capacity: Self.capacity)
        spare.value = nil
        // Memory that is still referred to is replaced here.
        memory.clear()
        guard limit < Self.capacity else { return memory }
        memory.moveWriterIndex(to: limit)
        guard var part = memory.readSlice(length: limit) else { return memory }
        part.moveWriterIndex(to: 0)
        return part
    }

    /// The bytes of one read were handled.
    package func giveBack(_ read: ByteBuffer) {
        if read.storageCapacity >= Self.capacity, spare.value == nil { spare.value = read }
    }
}

/// Lets a channel read into the ``ReadBuffer`` of its loop.
package struct SharedReads: RecvByteBufferAllocator {
    /// A channel keeps its first buffer for ever, and asks for a new one as long as that may be larger.
    private static let firstBytes = 1024

    private let memory: ReadBuffer
    private let limit: Int
    private var isFirst: Bool

    /// - Parameters:
    ///   - limit: the most bytes of one read, at most ``ReadBuffer/capacity``.
    ///   - isFirst: whether the channel has read nothing yet.
    package init(_ memory: ReadBuffer, limit: Int, isFirst: Bool) {
        self.memory = memory
        self.limit = limit
        self.isFirst = isFirst
    }

    package func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        isFirst ? allocator.buffer(capacity: Self.firstBytes) : memory.take(limit, allocator)
    }

    package mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }
}
