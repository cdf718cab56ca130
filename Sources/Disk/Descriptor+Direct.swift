import Synchronization
import SystemPackage

/// A second descriptor of a file, through which writes go past the page cache.
enum DirectWay {
    case untried
    case open(Int32)
    /// The file system has none: everything goes through the page cache.
    case refused
    /// A write was refused: the same from now on.
    case retired(Int32)

    /// What there is to be closed.
    var descriptor: Int32? {
        switch self {
        case .untried, .refused: nil
        case .open(let descriptor), .retired(let descriptor): descriptor
        }
    }
}

/// Whole aligned runs straight from the piece's memory to the device: a fifth of the processor time of a copy into the
/// page cache and back out, what others cached stays there, and the sync that follows finds little to do.
extension Descriptor {
    /// Offsets, lengths and addresses are multiples of it: the block of most file systems, and of no disk a smaller one
    /// than its sector.
    static let directAlignment = 4096
    /// Shorter runs are left to the cache, which gathers them.
    static let directThreshold = 128 << 10
    /// What is shorter waits for the sync, which writes it with its neighbours.
    private static let writebackThreshold = 64 << 10

    /// Writes all of `bytes` from `offset` on: what is aligned past the page cache, where that is possible, and the
    /// rest through it.
    func writeRun(_ bytes: UnsafeRawBufferPointer, at offset: Int64, path: @autoclosure () -> String) throws(DiskError)
    {
        guard let aligned = Self.aligned(bytes, at: offset), let descriptor = directDescriptor() else {
            return try buffered(bytes, offset, path())
        }
        if aligned.lowerBound > 0 {
            try buffered(UnsafeRawBufferPointer(rebasing: bytes[..<aligned.lowerBound]), offset, path())
        }
        let middle = UnsafeRawBufferPointer(rebasing: bytes[aligned])
        let start = offset + Int64(aligned.lowerBound)
        do {
            try write(middle, at: start, through: descriptor)
        } catch .invalidArgument {
            // Its blocks are larger than ours, or it can't after all.
            refuseDirect()
            try buffered(middle, start, path())
        } catch {
            throw DiskError(error, .write, path(), reaching: start + Int64(middle.count))
        }
        if aligned.upperBound < bytes.count {
            try buffered(
                UnsafeRawBufferPointer(rebasing: bytes[aligned.upperBound...]), offset + Int64(aligned.upperBound),
                path())
        }
    }

    private func buffered(_ bytes: UnsafeRawBufferPointer, _ offset: Int64, _ path: @autoclosure () -> String)
        throws(DiskError)
    {
        try write(bytes, at: offset, path: path())
        if bytes.count >= Self.writebackThreshold { calls.startWriteback(raw, at: offset, length: Int64(bytes.count)) }
    }

    /// The part of the run that begins and ends at a multiple of the alignment, in memory as in the file; `nil` where
    /// it is too short to be worth it.
    private static func aligned(_ bytes: UnsafeRawBufferPointer, at offset: Int64) -> Range<Int>? {
        guard bytes.count >= directThreshold else { return nil }
        let before = Int((Int64(directAlignment) - offset % Int64(directAlignment)) % Int64(directAlignment))
        let length = (bytes.count - before) / directAlignment * directAlignment
        guard length >= directThreshold,
            (UInt(bitPattern: bytes.baseAddress) + UInt(before)) % UInt(directAlignment) == 0
        else { return nil }
        return before..<before + length
    }

    private func directDescriptor() -> Int32? {
        direct.withLock { way in
            if case .untried = way {
                do {
                    way = .open(try calls.openDirect(raw))
                } catch {
                    way = .refused
                    ledger.cachedWrites.becomeOnlyWay()
                }
            }
            if case .open(let descriptor) = way { return descriptor }
            return nil
        }
    }

    /// Others may be in the middle of a write through it: it stays open until the file is closed, and isn't used any
    /// more.
    private func refuseDirect() {
        direct.withLock { way in
            if case .open(let descriptor) = way { way = .retired(descriptor) }
        }
        ledger.cachedWrites.becomeOnlyWay()
    }
}
