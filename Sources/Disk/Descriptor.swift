import Synchronization
import SystemPackage

/// An open payload file. It is closed when its last user releases it, even if the pool dropped it earlier.
final class Descriptor: Sendable {
    let raw: Int32
    let isWritable: Bool
    private let file: PayloadFile
    let calls: any DiskCalls
    let ledger: WriteLedger
    /// The descriptor for direct I/O.
    let direct = Mutex(DirectWay.untried)

    init(_ raw: Int32, isWritable: Bool, file: PayloadFile, calls: any DiskCalls, ledger: WriteLedger) {
        self.raw = raw
        self.isWritable = isWritable
        self.file = file
        self.calls = calls
        self.ledger = ledger
    }

    deinit {
        guard isWritable else { return calls.closeUnwritten(raw) }
        if let second = direct.withLock({ $0.descriptor }) { closeWritten(second) }
        closeWritten(raw)
    }

    /// A network file system may report lost writes only at close, so the next sync has to report such an error.
    private func closeWritten(_ descriptor: Int32) {
        do { try calls.close(descriptor) } catch { ledger.closeFailed(file, error) }
    }

    /// Fills the buffer from `offset` on. `path` is only used in error messages.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, path: @autoclosure () -> String)
        throws(DiskError)
    {
        var done = 0
        while done < buffer.count {
            let count: Int
            do {
                count = try calls.read(
                    raw, into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), at: offset + Int64(done))
            } catch {
                throw DiskError(error, .read, path())
            }
            guard count > 0 else { throw DiskError(.shortFile, .read, path()) }
            done += count
        }
    }

    /// Writes all of `bytes` from `offset` on, through the page cache.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64, path: @autoclosure () -> String) throws(DiskError) {
        do { try write(bytes, at: offset, through: raw) } catch {
            throw DiskError(error, .write, path(), reaching: offset + Int64(bytes.count))
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64, through descriptor: Int32) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let count = try calls.write(
                descriptor, UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + Int64(done))
            // pwrite(2) never returns 0 for a regular file. Without this check, a device that did would cause an
            // endless loop.
            guard count > 0 else { throw .ioError }
            done += count
        }
    }
}
