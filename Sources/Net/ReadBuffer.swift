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

/// Lets a channel read into the ``ReadBuffer`` of its loop. Reads grow while they are full: a flood of small messages
/// is then seen before much of it was read.
package struct SharedReads: RecvByteBufferAllocator {
    /// A channel keeps its first buffer for ever, and would read into that again if the next one couldn't be larger
    /// (`NIOPooledRecvBufferAllocator`).
    private static let firstBytes = 1024
    private static let fewest = 4096

    private let memory: ReadBuffer
    private let largest: Int
    private var sizes: AdaptiveRecvByteBufferAllocator
    private var isFirst: Bool

    /// - Parameters:
    ///   - initial: the most bytes of the next read.
    ///   - largest: the most bytes of any read, at most ``ReadBuffer/capacity``.
    ///   - isFirst: whether the channel has read nothing yet. Its first read has at most 1 KiB.
    package init(_ memory: ReadBuffer, initial: Int, largest: Int, isFirst: Bool) {
        self.memory = memory
        self.largest = largest
        self.isFirst = isFirst
        sizes = AdaptiveRecvByteBufferAllocator(minimum: Self.fewest, initial: initial, maximum: largest)
    }

    package func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        guard !isFirst else { return allocator.buffer(capacity: Self.firstBytes) }
        return memory.take(sizes.nextBufferSize() ?? largest, allocator)
    }

    package mutating func record(actualReadBytes: Int) -> Bool {
        // A full first read says nothing about the size of the next.
        if !isFirst { _ = sizes.record(actualReadBytes: actualReadBytes) }
        isFirst = false
        return true
    }
}
