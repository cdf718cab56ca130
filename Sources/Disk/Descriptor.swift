import Synchronization
import SystemPackage

/// An open payload file; closed when the last user lets go of it, also when the pool dropped it in the meantime.
final class Descriptor: Sendable {
    let raw: Int32
    let isWritable: Bool
    private let file: PayloadFile
    let calls: any DiskCalls
    let ledger: WriteLedger
    /// Its way past the page cache.
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

    /// A network file system may tell only now that it lost what was written: the next sync has to say so.
    private func closeWritten(_ descriptor: Int32) {
        do { try calls.close(descriptor) } catch { ledger.closeFailed(file, error) }
    }

    /// Fills the buffer from `offset` on. `path` is for the message alone.
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
            // pwrite(2) answers 0 for no regular file; without this a device that did would be asked for ever.
            guard count > 0 else { throw .ioError }
            done += count
        }
    }
}
