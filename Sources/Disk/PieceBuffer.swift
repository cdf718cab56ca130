import CPieceHash
import Glibc
import Synchronization
import SystemPackage

/// The memory in which one piece is gathered. It returns to its pool with the last reference.
///
/// `@unchecked Sendable`: the bytes have one writer at a time. The engine fills them, hands the buffer to the disk with
/// the piece, and uses them again only after the disk has completed.
package final class PieceBuffer: @unchecked Sendable {
    /// The piece's bytes. Bytes that were never written are zeros or bytes of an earlier piece.
    package let bytes: UnsafeMutableRawBufferPointer
    private let memory: UnsafeMutableRawBufferPointer
    private let pool: PieceBufferPool

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer, phase: Int, length: Int, pool: PieceBufferPool) {
        self.bytes = UnsafeMutableRawBufferPointer(rebasing: memory[phase..<phase + length])
        self.memory = memory
        self.pool = pool
    }

    deinit { pool.giveBack(memory) }

    package var length: Int { bytes.count }

    /// Copies `source` to the piece's byte `begin`.
    package func put(_ source: UnsafeRawBufferPointer, at begin: Int) {
        precondition(begin >= 0 && source.count <= bytes.count - begin)
        guard let from = source.baseAddress, let to = bytes.baseAddress else { return }
        piece_hash_stage(
            (to + begin).assumingMemoryBound(to: UInt8.self), from.assumingMemoryBound(to: UInt8.self), source.count)
    }
}

/// Page-aligned memory for pieces. Fresh memory uses no RAM until it is written to, whatever the piece's length.
package final class PieceBufferPool: Sendable {
    /// The most free memory, over all sizes, that is kept for later pieces.
    package static let maximumFreeBytes = 32 << 20
    private static let smallestCapacity = 16384
    /// Bytes of a page, to which direct writes are aligned.
    package static let pageLength = Descriptor.directAlignment

    private struct Free {
        var byCapacity: [Int: [UInt]] = [:]
        var bytes = 0
    }

    private let free = Mutex(Free())

    package init() {}

    /// A buffer of `length` bytes (at least 1) that begins `phase` bytes after the start of a page. Throws when the
    /// system has no memory.
    package func take(_ length: Int, phase: Int = 0) throws(DiskError) -> PieceBuffer {
        precondition(length > 0 && 0..<Self.pageLength ~= phase)
        let capacity = Self.capacity(for: length)
        let reused: UInt? = free.withLock { free in
            guard let address = free.byCapacity[capacity]?.popLast() else { return nil }
            free.bytes -= capacity
            return address
        }
        let memory: UnsafeMutableRawPointer
        if let reused, let pointer = UnsafeMutableRawPointer(bitPattern: reused) {
            memory = pointer
        } else {
            let mapped = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let mapped, mapped != MAP_FAILED else {
                throw DiskError(Errno(rawValue: errno), .allocate, "a piece of \(length) bytes")
            }
            memory = mapped
        }
        return PieceBuffer(
            UnsafeMutableRawBufferPointer(start: memory, count: capacity), phase: phase, length: length, pool: self)
    }

    /// Bytes that are kept for later pieces.
    package var freeBytes: Int { free.withLock(\.bytes) }

    deinit {
        free.withLock { free in
            for (capacity, addresses) in free.byCapacity {
                for address in addresses { munmap(UnsafeMutableRawPointer(bitPattern: address), capacity) }
            }
        }
    }

    fileprivate func giveBack(_ memory: UnsafeMutableRawBufferPointer) {
        let isKept = free.withLock { free in
            guard free.bytes + memory.count <= Self.maximumFreeBytes else { return false }
            free.bytes += memory.count
            free.byCapacity[memory.count, default: []].append(UInt(bitPattern: memory.baseAddress))
            return true
        }
        // munmap fails only for memory that was never mapped (munmap(3p)).
        if !isKept { munmap(memory.baseAddress, memory.count) }
    }

    /// The next power of two, so that torrents with similar piece lengths share buffers, plus a page for the phase.
    /// Pages that are never touched use no RAM.
    private static func capacity(for length: Int) -> Int {
        let rounded = max(length, smallestCapacity)
        return 1 << (Int.bitWidth - (rounded - 1).leadingZeroBitCount) + pageLength
    }
}
