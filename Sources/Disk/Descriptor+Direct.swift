import Synchronization
import SystemPackage

/// A second descriptor of a file, for writes that bypass the page cache.
enum DirectWay {
    case untried
    case open(Int32)
    /// The file system has no direct I/O: every write goes through the page cache.
    case refused
    /// A direct write was refused: every later write goes through the page cache.
    case retired(Int32)

    /// The descriptor to close, if there is one.
    var descriptor: Int32? {
        switch self {
        case .untried, .refused: nil
        case .open(let descriptor), .retired(let descriptor): descriptor
        }
    }
}

/// Whole aligned runs are written straight from the piece's memory to the device. That takes a fifth of the processor
/// time of a copy into the page cache and back out, evicts nothing from the cache, and leaves little for the next sync
/// to do.
extension Descriptor {
    /// Offsets, lengths and addresses of direct writes are multiples of this. It is the block size of most file
    /// systems, and no disk has a larger sector.
    static let directAlignment = 4096
    /// Shorter runs go through the page cache, which combines them.
    static let directThreshold = 128 << 10
    /// Shorter writes wait for the sync, which writes them together with their neighbours.
    private static let writebackThreshold = 64 << 10

    /// Writes all of `bytes` from `offset` on: the aligned part with direct I/O where possible, the rest through the
    /// page cache.
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
            // The device's blocks are larger than our alignment, or it can't do direct I/O after all.
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

    /// The part of the run that begins and ends at a multiple of the alignment, in memory as in the file. `nil` if that
    /// part is too short to be worth a direct write.
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

    /// Stops the use of the direct descriptor. Other threads may be in the middle of a write through it, so it stays
    /// open until the file is closed.
    private func refuseDirect() {
        direct.withLock { way in
            if case .open(let descriptor) = way { way = .retired(descriptor) }
        }
        ledger.cachedWrites.becomeOnlyWay()
    }
}
