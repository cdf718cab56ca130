import Disk
import Glibc
import Synchronization
import SystemPackage

/// The system's calls, of which writes, syncs and reads fail, and looks at folders hang, while a test wants them to.
final class FaultyDisk: DiskCalls {
    struct Faults: Sendable {
        var write: Errno?
        var sync: Errno?
        var read: Errno?
        /// Of new files.
        var create: Errno?
        /// What a full disk says that it has.
        var freeBytes: Int64?
        /// Whether nothing is heard of a path, as of a server that is gone.
        var hangs = false
        /// The same of this folder alone.
        var hangsAt: FilePath?
    }

    private let system = SystemCalls()
    private let faults = Mutex(Faults())

    func set(_ change: (inout Faults) -> Void) { faults.withLock { change(&$0) } }

    /// As a disk without room.
    func fill() {
        set {
            $0.write = .noSpace
            $0.freeBytes = 0
        }
    }

    func mend() { set { $0 = Faults() } }

    private func fail(_ fault: (Faults) -> Errno?) throws(Errno) {
        if let error = fault(faults.withLock(\.self)) { throw error }
    }

    func open(_ path: FilePath, flags: Int32) throws(Errno) -> Int32 {
        while faults.withLock({ $0.hangs || $0.hangsAt == path }) { usleep(10_000) }
        return try system.open(path, flags: flags)
    }
    func open(_ path: String, beneath root: Int32, flags: Int32) throws(Errno) -> Int32 {
        try system.open(path, beneath: root, flags: flags)
    }
    func open(_ name: String, in directory: Int32, flags: Int32) throws(Errno) -> Int32 {
        if flags & O_CREAT != 0 { try fail { $0.create } }
        return try system.open(name, in: directory, flags: flags)
    }
    func close(_ descriptor: Int32) throws(Errno) { try system.close(descriptor) }
    func makeDirectory(_ path: FilePath) throws(Errno) { try system.makeDirectory(path) }
    func makeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        try system.makeDirectory(name, in: directory)
    }
    func removeFile(_ name: String, in directory: Int32) throws(Errno) { try system.removeFile(name, in: directory) }
    func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        try system.removeDirectory(name, in: directory)
    }

    func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        try fail { $0.read }
        return try system.read(descriptor, into: buffer, at: offset)
    }

    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        try fail { $0.write }
        return try system.write(descriptor, bytes, at: offset)
    }

    func openDirect(_ descriptor: Int32) throws(Errno) -> Int32 { try system.openDirect(descriptor) }

    func truncate(_ descriptor: Int32, to length: Int64) throws(Errno) { try system.truncate(descriptor, to: length) }

    func allocate(_ descriptor: Int32, length: Int64) throws(Errno) {
        try fail { $0.write }
        try system.allocate(descriptor, length: length)
    }

    func startWriteback(_ descriptor: Int32, at offset: Int64, length: Int64) {
        system.startWriteback(descriptor, at: offset, length: length)
    }
    func readAhead(_ descriptor: Int32, at offset: Int64, length: Int64) {
        system.readAhead(descriptor, at: offset, length: length)
    }
    func dropCache(_ descriptor: Int32) { system.dropCache(descriptor) }

    func syncData(_ descriptor: Int32) throws(Errno) {
        try fail { $0.sync }
        try system.syncData(descriptor)
    }

    func syncDirectory(_ descriptor: Int32) throws(Errno) { try system.syncDirectory(descriptor) }
    func nextData(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64? {
        try system.nextData(descriptor, from: offset)
    }
    func status(_ descriptor: Int32) throws(Errno) -> FileStatus { try system.status(descriptor) }
    func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus {
        try system.status(of: name, in: directory)
    }

    func mayWrite(_ folder: FilePath) throws(Errno) -> Bool { try system.mayWrite(folder) }

    func freeBytes(_ descriptor: Int32) throws(Errno) -> Int64 {
        if let bytes = faults.withLock(\.freeBytes) { return bytes }
        return try system.freeBytes(descriptor)
    }
}
