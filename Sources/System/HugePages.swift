import Glibc

/// Memory that comes in huge pages where the system has them: a page of fresh memory costs more time than what is
/// written there.
package final class HugePages: Sendable {
    /// The length and the alignment of a huge page.
    package static let pageLength = 2 << 20

    private let mapping: UInt
    private let mappedLength: Int
    private let address: UInt
    /// Bytes; a multiple of ``pageLength``.
    package let length: Int

    /// `nil` where the system has no memory.
    package init?(pages: Int) {
        length = pages * Self.pageLength
        mappedLength = length + Self.pageLength
        let mapped = mmap(nil, mappedLength, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else { return nil }
        let aligned = mapped.alignedUp(toMultipleOf: Self.pageLength)
        // Without huge pages, which the system may refuse, the memory is as good as any.
        _ = madvise(aligned, length, MADV_HUGEPAGE)
        mapping = UInt(bitPattern: mapped)
        address = UInt(bitPattern: aligned)
    }

    // munmap fails only for memory that was never mapped (munmap(3p)).
    deinit { munmap(UnsafeMutableRawPointer(bitPattern: mapping), mappedLength) }

    /// The memory, zeros at first. Who shares it agrees who writes where.
    package var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: address), count: length)
    }
}
