import Glibc
import Synchronization

/// Text that was made and waits to be printed.
struct KeptText: Sendable {
    /// What holds the bytes. `@unchecked Sendable`: each byte is written once, before its ``KeptText`` exists.
    fileprivate final class Memory: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
        private let release: @Sendable (UnsafeMutableRawBufferPointer) -> Void

        init(_ bytes: UnsafeMutableRawBufferPointer, release: @escaping @Sendable (UnsafeMutableRawBufferPointer) -> Void) {
            self.bytes = bytes
            self.release = release
        }

        deinit { release(bytes) }
    }

    private let memory: Memory
    private let range: Range<Int>

    fileprivate init(_ memory: Memory, _ range: Range<Int>) {
        self.memory = memory
        self.range = range
    }

    init(_ text: some Collection<UInt8>) {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.count), alignment: 1)
        bytes.copyBytes(from: text)
        self.init(Memory(bytes) { $0.deallocate() }, 0..<text.count)
    }

    init(_ text: borrowing TextBuffer) { self.init(text.bytes) }

    var isEmpty: Bool { range.isEmpty }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory.bytes)[range]))
    }
}

extension [KeptText] {
    /// All of it as one text.
    var joined: [UInt8] { reduce(into: []) { all, text in text.withBytes { all += $0 } } }
}

/// Keeps the text of long lists.
///
/// A page of fresh memory costs more time than what is written there, and `status --json` of a hundred thousand
/// torrents has 16,000 of them. So a part of a list is made in memory that is used again, and is copied to huge pages,
/// where the system has them.
final class TextStore: Sendable {
    /// The length and the alignment of a huge page.
    private static let hugePage = 2 << 20
    private static let chunkLength = 4 * hugePage
    /// Below this, a huge page costs more than it saves.
    private static let shortest = 64 << 10

    private struct Chunk {
        let memory: KeptText.Memory
        var used = 0
    }

    private let chunk = Mutex<Chunk?>(nil)

    func keep(_ text: borrowing TextBuffer) -> KeptText {
        let bytes = text.bytes
        guard bytes.count >= Self.shortest, let kept = place(bytes.count) else { return KeptText(text) }
        kept.memory.bytes.baseAddress?.advanced(by: kept.start).copyMemory(
            from: UnsafeRawPointer(bytes.baseAddress!), byteCount: bytes.count)
        return KeptText(kept.memory, kept.start..<kept.start + bytes.count)
    }

    /// A place for `length` bytes; `nil` where there is no memory of this kind.
    private func place(_ length: Int) -> (memory: KeptText.Memory, start: Int)? {
        guard length <= Self.chunkLength else { return nil }
        return chunk.withLock { chunk in
            if chunk.map({ $0.used + length > Self.chunkLength }) ?? true { chunk = Self.chunk() }
            guard let found = chunk else { return nil }
            chunk?.used += length
            return (found.memory, found.used)
        }
    }

    private static func chunk() -> Chunk? {
        let length = chunkLength + hugePage
        let mapped = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else { return nil }
        let aligned = mapped.alignedUp(toMultipleOf: hugePage)
        // Without huge pages, which the system may refuse, the memory is as good as any.
        _ = madvise(aligned, chunkLength, MADV_HUGEPAGE)
        // munmap fails only for memory that was never mapped (munmap(3p)).
        return Chunk(
            memory: KeptText.Memory(UnsafeMutableRawBufferPointer(start: aligned, count: chunkLength)) { _ in
                munmap(mapped, length)
            })
    }
}
