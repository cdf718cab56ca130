import NIOCore
import NIOEmbedded
import Net
import TestSupport
import Testing

/// All connections of a loop read into one buffer.
@Suite struct ReadBufferTests {
    private let allocator = ByteBufferAllocator()
    private let loop = EmbeddedEventLoop()

    /// A channel that has read before.
    private func reads(_ memory: ReadBuffer, limit: Int) -> SharedReads {
        SharedReads(memory, initial: limit, largest: limit, isFirst: false)
    }

    private func address(of buffer: ByteBuffer) -> UnsafeRawPointer? {
        buffer.withVeryUnsafeBytes { $0.baseAddress }
    }

    /// Reads `bytes`, as a channel does.
    private func read(_ bytes: [UInt8], _ reads: SharedReads) -> ByteBuffer {
        var buffer = reads.buffer(allocator: allocator)
        buffer.writeBytes(bytes)
        return buffer
    }

    /// What a channel keeps for ever is small, and it asks for more each time.
    @Test func firstReadOfAChannelIsItsOwn() {
        let memory = ReadBuffer(loop: loop)
        var reads = SharedReads(memory, initial: 4096, largest: 32 << 10, isFirst: true)
        let first = reads.buffer(allocator: allocator)
        #expect(first.storageCapacity <= 1024)
        memory.giveBack(first)
        for size in [4096, 4096, 8192, 16384, 32768, 32768] {
            // All reads are full.
            #expect(reads.record(actualReadBytes: size) && reads.nextBufferSize() == nil)
            let next = reads.buffer(allocator: allocator)
            #expect(next.writableBytes >= 4096 && next.writableBytes <= 32 << 10)
            memory.giveBack(next)
        }
        #expect(reads.buffer(allocator: allocator).writableBytes == 32 << 10)
    }

    @Test(arguments: [4096, 32 << 10, ReadBuffer.capacity]) func readsShareTheMemory(limit: Int) {
        let memory = ReadBuffer(loop: loop)
        var address: UnsafeRawPointer?
        for n in 0..<4 {
            let read = read([UInt8(n)], n % 2 == 0 ? reads(memory, limit: limit) : reads(memory, limit: 4096))
            #expect(read.readableBytesView.elementsEqual([UInt8(n)]))
            #expect(read.capacity == (n % 2 == 0 ? limit : 4096) && read.readerIndex == 0)
            #expect(address == nil || address == self.address(of: read))
            address = self.address(of: read)
            memory.giveBack(read)
        }
    }

    /// Bytes that are still referred to aren't overwritten, and a read that wasn't given back is replaced.
    @Test func keptBytesStay() {
        let memory = ReadBuffer(loop: loop)
        let reads = reads(memory, limit: 4096)
        var first = read([1, 2, 3, 4], reads)
        let kept = first.readSlice(length: 2)
        memory.giveBack(first)
        let second = read([9, 9, 9, 9], reads)
        let third = read([5, 6, 7, 8], reads)
        #expect(kept.map { Array($0.readableBytesView) } == [1, 2])
        #expect(Array(second.readableBytesView) == [9, 9, 9, 9] && Array(third.readableBytesView) == [5, 6, 7, 8])
    }
}
