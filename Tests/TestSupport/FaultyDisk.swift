package import Disk
import Glibc
import Synchronization
package import System
package import SystemPackage

/// The system's calls with a record of them, and faults where a test wants them.
///
/// A new one answers as a plain disk does: without a page cache that can be asked, and without a sync of a whole file
/// system.
package final class FaultyDisk: DiskCalls {
    package enum Call: String, Sendable {
        case open, openFolder, create, makeDirectory, remove, removeDirectory, read, write, truncate, allocate,
            syncData, syncVolume, syncDirectory,
            dropCache, close, seekData, link, rename, clone, copyRange
    }

    package struct State {
        package var log: [String] = []
        fileprivate var names: [Int32: String] = [:]
        fileprivate var faults: [Call: (errno: Errno, name: String?, countdown: Int)] = [:]
        package var maximumTransfer = Int.max
        /// The bytes of the longest read that was asked for.
        fileprivate(set) var longestRead = 0
        package var freeBytes: Int64?
        package var hasOpenBeneath = true
        /// What is said of a folder that is asked for; `nil` is what the system says.
        package var mayWrite: Bool?
        /// Whether there is a way past the page cache; `nil` is what the system says.
        package var hasDirect: Bool?
        /// Whether a file system can be synced as a whole.
        package var hasVolumeSync = false
        /// Whether the page cache can be asked what it holds.
        package var hasPageCache = false
        /// Bytes of each file, by its name, that are in the page cache; `nil` is all of them.
        package var cached: Int?
        /// Whether bytes in the page cache can be mapped, and what happens to the file after they were.
        package var hasMappings = false
        package var afterMapping: (@Sendable (_ descriptor: Int32) -> Void)?
        /// How often bytes were mapped.
        package fileprivate(set) var mapped = 0
        /// Files that are said to be on another device than they are.
        package var devices: [String: UInt64] = [:]
        /// Files of which somebody said that bytes of them are read soon, each time.
        package var readAheads: [String] = []
        /// Bytes of files that the device can't read until they are written again, by the file's path.
        package var badSectors: [String: [Range<Int64>]] = [:]
        /// Offsets of files at which reads find another bit, and how often: a fault of memory or a cable.
        package var flips: [String: (offset: Int64, times: Int)] = [:]
        fileprivate var opened = 0
        /// Whether nothing is heard of a path, as of a server that is gone.
        package var hangs = false
        /// The same of this folder alone.
        package var hangsAt: FilePath?
        /// How long each write takes at least, in microseconds.
        package var writeTime: UInt32 = 0
        /// The writes that are under way, and how many at most were at once, by the file's name.
        fileprivate var writers: [String: Int] = [:]
        fileprivate var mostWriters: [String: Int] = [:]
    }

    private let system = SystemCalls()
    private let state: Mutex<State>

    package init(_ change: (inout State) -> Void = { _ in }) {
        var first = State()
        change(&first)
        state = Mutex(first)
    }

    /// The calls so far, as `call name`, without those that change nothing.
    package var log: [String] { state.withLock(\.log) }
    /// The bytes of the longest read that was asked for.
    package var longestRead: Int { state.withLock(\.longestRead) }
    package var opened: Int { state.withLock(\.opened) }
    package var mapped: Int { state.withLock(\.mapped) }
    package var readAheads: [String] { state.withLock(\.readAheads) }
    /// How often reads will still find another bit.
    package var flipsLeft: [String: Int] { state.withLock { $0.flips.mapValues(\.times) } }
    package var mostWriters: [String: Int] { state.withLock(\.mostWriters) }

    package func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

    /// Lets a call fail from now on, or (`after`) once some have succeeded; for one name only, or for any.
    package func fail(_ call: Call, _ errno: Errno, on name: String? = nil, after countdown: Int = 0) {
        set { $0.faults[call] = (errno, name, countdown) }
    }

    /// Lets every write fail, also one that only reserves room.
    package func failWrites(_ errno: Errno) {
        fail(.write, errno)
        fail(.allocate, errno)
    }

    /// As a disk without room.
    package func fill() {
        failWrites(.noSpace)
        set { $0.freeBytes = 0 }
    }

    /// Ends the faults: nothing fails, hangs or lacks room any more.
    package func mend() {
        set { state in
            state.faults = [:]
            state.freeBytes = nil
            state.hangs = false
            state.hangsAt = nil
        }
    }

    private func enter(_ call: Call, _ name: String, isLogged: Bool = true) throws(Errno) {
        let error: Errno? = state.withLock { state in
            if isLogged { state.log.append("\(call.rawValue) \(name)") }
            guard let fault = state.faults[call], fault.name == nil || fault.name == name else { return nil }
            guard fault.countdown == 0 else {
                state.faults[call]?.countdown -= 1
                return nil
            }
            return fault.errno
        }
        if let error { throw error }
    }

    private func name(_ descriptor: Int32) -> String { state.withLock { $0.names[descriptor] ?? "?" } }

    private func opened(_ descriptor: Int32, _ name: String) -> Int32 {
        state.withLock { state in
            state.names[descriptor] = name
            state.opened += 1
        }
        return descriptor
    }

    package func open(_ path: FilePath, flags: Int32) throws(Errno) -> Int32 {
        while state.withLock({ $0.hangs || $0.hangsAt == path }) { usleep(10_000) }
        // What is only looked at has no right to be read that could be denied.
        if flags & Linux.openPath == 0 { try enter(.openFolder, path.string, isLogged: false) }
        return opened(try system.open(path, flags: flags), path.string)
    }

    package func open(_ path: String, beneath root: Int32, flags: Int32) throws(Errno) -> Int32 {
        guard state.withLock(\.hasOpenBeneath) else { throw .noFunction }
        try enter(.open, path, isLogged: false)
        return opened(try system.open(path, beneath: root, flags: flags), path)
    }

    package func open(_ name: String, in directory: Int32, flags: Int32) throws(Errno) -> Int32 {
        if flags & O_CREAT != 0 {
            try enter(.create, name)
        } else if name != "." {
            try enter(.open, name, isLogged: false)
        } else if flags & Linux.openPath == 0 {
            try enter(.openFolder, name, isLogged: false)
        }
        return opened(try system.open(name, in: directory, flags: flags), name)
    }

    package func close(_ descriptor: Int32) throws(Errno) {
        let name = name(descriptor)
        try system.close(descriptor)
        try enter(.close, name, isLogged: false)
    }

    package func makeDirectory(_ path: FilePath) throws(Errno) {
        try enter(.makeDirectory, path.string)
        try system.makeDirectory(path)
    }

    package func makeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        try enter(.makeDirectory, name)
        try system.makeDirectory(name, in: directory)
    }

    package func removeFile(_ name: String, in directory: Int32) throws(Errno) {
        try enter(.remove, name)
        try system.removeFile(name, in: directory)
    }

    package func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        try enter(.removeDirectory, name)
        try system.removeDirectory(name, in: directory)
    }

    package func link(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
        try enter(.link, newName)
        try system.link(name, in: directory, to: newName, in: newDirectory)
    }

    package func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
        try enter(.rename, newName)
        try system.rename(name, in: directory, to: newName, in: newDirectory)
    }

    package func clone(_ from: Int32, to: Int32) throws(Errno) {
        try enter(.clone, name(to))
        try system.clone(from, to: to)
    }

    package func copyRange(_ from: Int32, to: Int32, at offset: Int64, length: Int) throws(Errno) -> Int {
        try enter(.copyRange, name(to))
        let limit = state.withLock(\.maximumTransfer)
        return try system.copyRange(from, to: to, at: offset, length: min(length, limit))
    }

    package func nextHole(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64 {
        try system.nextHole(descriptor, from: offset)
    }

    package func copyAttributes(_ from: Int32, to: Int32) throws(Errno) { try system.copyAttributes(from, to: to) }

    package func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno)
        -> Int
    {
        let name = name(descriptor)
        try enter(.read, name, isLogged: false)
        let limit = state.withLock { state in
            state.longestRead = max(state.longestRead, buffer.count)
            return state.maximumTransfer
        }
        let asked = offset..<offset + Int64(buffer.count)
        let file = Self.plain(name)
        if state.withLock({ $0.badSectors[file]?.contains { $0.overlaps(asked) } ?? false }) { throw .ioError }
        let count = try system.read(
            descriptor, into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(limit)), at: offset)
        let flip: Int64? = state.withLock { state in
            guard let flip = state.flips[file], flip.times > 0, (offset..<offset + Int64(count)).contains(flip.offset)
            else { return nil }
            state.flips[file]?.times -= 1
            return flip.offset
        }
        if let flip { buffer[Int(flip - offset)] ^= 0x10 }
        return count
    }

    /// The file's name, whichever way it is opened.
    private static func plain(_ name: String) -> String {
        name.hasSuffix(" direct") ? String(name.dropLast(" direct".count)) : name
    }

    /// As if all were in the page cache, on whatever file system, or as much of each file as a test wants.
    package func readCached(_ descriptor: Int32, into buffers: [UnsafeMutableRawBufferPointer], at offset: Int64)
        throws(Errno)
        -> Int
    {
        guard let end = state.withLock({ $0.hasPageCache ? $0.cached ?? .max : nil }) else { throw .notSupported }
        guard offset < end else { throw .resourceTemporarilyUnavailable }
        var done = 0
        for buffer in buffers {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(end - Int(offset) - done))
            let count = try read(descriptor, into: part, at: offset + Int64(done))
            done += count
            if count < buffer.count { break }
        }
        return done
    }

    package func mapCached(_ descriptor: Int32, at offset: Int64, length: Int) -> CachedRange? {
        let end = state.withLock { $0.hasMappings ? Int64($0.cached ?? .max) : 0 }
        guard offset + Int64(length) <= end, let range = system.mapCached(descriptor, at: offset, length: length) else {
            return nil
        }
        let change = state.withLock { state in
            state.mapped += 1
            return state.afterMapping
        }
        change?(descriptor)
        return range
    }

    package func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        let name = name(descriptor)
        try enter(.write, name)
        if name.hasSuffix(" direct") {
            let numbers = [Int(offset), bytes.count, Int(bitPattern: bytes.baseAddress)]
            guard numbers.allSatisfy({ $0.isMultiple(of: 4096) }) else { throw .invalidArgument }
        }
        let (limit, time) = state.withLock { state in
            let writers = state.writers[name, default: 0] + 1
            state.writers[name] = writers
            state.mostWriters[name] = max(state.mostWriters[name] ?? 0, writers)
            return (state.maximumTransfer, state.writeTime)
        }
        defer { state.withLock { $0.writers[name, default: 0] -= 1 } }
        if time > 0 { usleep(time) }
        let count = try system.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes.prefix(limit)), at: offset)
        // A drive gives a sector that is written another place.
        let written = offset..<offset + Int64(count)
        state.withLock { state in
            state.badSectors[Self.plain(name)]?.removeAll {
                written.lowerBound <= $0.lowerBound && $0.upperBound <= written.upperBound
            }
        }
        return count
    }

    /// What goes past the page cache is named `… direct`, and has to be aligned. Where a test says that there is a way,
    /// it is the same file once more.
    package func openDirect(_ descriptor: Int32) throws(Errno) -> Int32 {
        let other: Int32
        switch state.withLock(\.hasDirect) {
        case nil: other = try system.openDirect(descriptor)
        case true?: other = try retrying { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }
        case false?: throw .notSupported
        }
        return opened(other, name(descriptor) + " direct")
    }

    package func truncate(_ descriptor: Int32, to length: Int64) throws(Errno) {
        try enter(.truncate, name(descriptor))
        try system.truncate(descriptor, to: length)
    }

    package func allocate(_ descriptor: Int32, length: Int64) throws(Errno) {
        try enter(.allocate, name(descriptor))
        try system.allocate(descriptor, length: length)
    }

    package func startWriteback(_ descriptor: Int32, at offset: Int64, length: Int64) {
        system.startWriteback(descriptor, at: offset, length: length)
    }
    package func readAhead(_ descriptor: Int32, at offset: Int64, length: Int64) {
        set { $0.readAheads.append($0.names[descriptor] ?? "?") }
        system.readAhead(descriptor, at: offset, length: length)
    }

    package func dropCache(_ descriptor: Int32) {
        set { $0.log.append("dropCache \($0.names[descriptor] ?? "?")") }
        system.dropCache(descriptor)
    }

    package func syncData(_ descriptor: Int32) throws(Errno) {
        try enter(.syncData, name(descriptor))
        try system.syncData(descriptor)
    }

    /// The system isn't asked: it would flush what others have on the machine.
    package func syncVolume(_ descriptor: Int32) throws(Errno) {
        guard state.withLock(\.hasVolumeSync) else { throw .notSupported }
        try enter(.syncVolume, name(descriptor))
    }

    package func syncDirectory(_ descriptor: Int32) throws(Errno) {
        try enter(.syncDirectory, name(descriptor))
        try system.syncDirectory(descriptor)
    }

    package func nextData(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64? {
        try enter(.seekData, name(descriptor))
        return try system.nextData(descriptor, from: offset)
    }

    package func status(_ descriptor: Int32) throws(Errno) -> FileStatus {
        placed(try system.status(descriptor), name(descriptor))
    }
    package func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus {
        placed(try system.status(of: name, in: directory), name)
    }

    /// Where a test says that the file is; names are compared by their last component.
    private func placed(_ status: FileStatus, _ name: String) -> FileStatus {
        let last = name.split(separator: "/").last.map(String.init) ?? name
        guard let device = state.withLock({ $0.devices[last] }) else { return status }
        return FileStatus(
            kind: status.kind, size: status.size, allocated: status.allocated, modified: status.modified,
            identity: FileIdentity(device: device, inode: status.identity.inode))
    }

    package func mayWrite(_ folder: FilePath) throws(Errno) -> Bool {
        if let answer = state.withLock(\.mayWrite) { return answer }
        return try system.mayWrite(folder)
    }

    package func freeBytes(_ descriptor: Int32) throws(Errno) -> Int64 {
        if let bytes = state.withLock(\.freeBytes) { return bytes }
        return try system.freeBytes(descriptor)
    }
}
