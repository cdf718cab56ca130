package import Disk
import Glibc
import Synchronization
package import SystemPackage

/// The system's calls for payload files, which are noted in a recording.
///
/// What is asked of a file below the recording's folder answers with the identity and the times that the model knows,
/// so that a file is the same one after a cut, in another folder.
package final class RecordedDisk: DiskCalls {
    /// What a test says of a file instead of the truth.
    package typealias Lie = @Sendable (Node, FileStatus) -> FileStatus

    /// The recording's folder as sessions know it, wherever it is: a database that says so can be looked at in another
    /// folder.
    package static let root = FilePath("/\(rootName)")
    static let rootName = "modelled-disk"
    /// The device that everything is on.
    private static let device: UInt64 = 1

    private let system = SystemCalls()
    private let recording: Recording
    private let lie: Lie?
    private let descriptors = Mutex<[Int32: Node]>([:])

    /// Whether a file can have names in two folders: without that, the folders are like two file systems.
    private let hasLinks: Bool

    package init(_ recording: Recording, hasLinks: Bool = true, lie: Lie? = nil) {
        self.recording = recording
        self.hasLinks = hasLinks
        self.lie = lie
    }

    // MARK: Descriptors

    package func open(_ path: FilePath, flags: Int32) throws(Errno) -> Int32 {
        try noted(try system.open(real(path), flags: flags))
    }

    package func open(_ path: String, beneath root: Int32, flags: Int32) throws(Errno) -> Int32 {
        try noted(try system.open(path, beneath: root, flags: flags))
    }

    package func open(_ name: String, in directory: Int32, flags: Int32) throws(Errno) -> Int32 {
        guard flags & O_CREAT != 0, let parent = node(directory) else {
            return try noted(try system.open(name, in: directory, flags: flags))
        }
        precondition(flags & O_EXCL != 0, "a file that is made was not there")
        let (raw, node) = try recording.make { () throws(Errno) in
            let raw = try system.open(name, in: directory, flags: flags)
            return (raw, try system.status(raw).identity)
        } as: {
            .makeFile($0, named: name, in: parent, .payload)
        }
        descriptors.withLock { $0[raw] = node }
        return raw
    }

    package func close(_ descriptor: Int32) throws(Errno) {
        descriptors.withLock { _ = $0.removeValue(forKey: descriptor) }
        try system.close(descriptor)
    }

    private func real(_ path: FilePath) -> FilePath {
        var rest = path
        return rest.removePrefix(Self.root) ? recording.folder.appending(rest.components) : path
    }

    private func noted(_ raw: Int32) throws(Errno) -> Int32 {
        if let node = recording.node(try system.status(raw).identity) { descriptors.withLock { $0[raw] = node } }
        return raw
    }

    private func node(_ descriptor: Int32) -> Node? { descriptors.withLock { $0[descriptor] } }

    // MARK: Names

    package func makeDirectory(_ path: FilePath) throws(Errno) {
        guard let name = path.lastComponent?.string else { return try system.makeDirectory(real(path)) }
        let folder = try open(path.removingLastComponent(), flags: O_RDONLY | O_DIRECTORY)
        let result = Result { () throws(Errno) in try makeDirectory(name, in: folder) }
        try close(folder)
        try result.get()
    }

    package func makeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        guard let parent = node(directory) else { return try system.makeDirectory(name, in: directory) }
        _ = try recording.make { () throws(Errno) in
            try system.makeDirectory(name, in: directory)
            return ((), try system.status(of: name, in: directory).identity)
        } as: {
            .makeDirectory($0, named: name, in: parent, .payload)
        }
    }

    package func link(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
        let parent = node(newDirectory)
        guard hasLinks || parent == self.node(directory) else { throw .improperLink }
        let node = recording.node(try system.status(of: name, in: directory).identity)
        try recording.perform { () throws(Errno) in
            try system.link(name, in: directory, to: newName, in: newDirectory)
            return ((), parent.flatMap { parent in node.map { .link($0, named: newName, in: parent) } })
        }
    }

    package func removeFile(_ name: String, in directory: Int32) throws(Errno) {
        let parent = node(directory)
        try recording.perform { () throws(Errno) in
            ((try system.removeFile(name, in: directory)), parent.map { .remove(named: name, in: $0) })
        }
    }

    package func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        let parent = node(directory)
        try recording.perform { () throws(Errno) in
            (try system.removeDirectory(name, in: directory), parent.map { .remove(named: name, in: $0) })
        }
    }

    // MARK: Data

    package func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno)
        -> Int
    {
        try system.read(descriptor, into: buffer, at: offset)
    }

    package func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        let node = node(descriptor)
        return try recording.perform { () throws(Errno) in
            let count = try system.write(descriptor, bytes, at: offset)
            return (
                count,
                node.map { .write($0, offset: Int(offset), bytes: Array(bytes.prefix(count)), at: Recording.now) }
            )
        }
    }

    /// The same file once more, whatever its file system: what goes past a cache is as little durable before a sync as
    /// what goes through it.
    package func openDirect(_ descriptor: Int32) throws(Errno) -> Int32 {
        let second = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard second >= 0 else { throw Errno(rawValue: errno) }
        return try noted(second)
    }

    package func truncate(_ descriptor: Int32, to length: Int64) throws(Errno) {
        let node = node(descriptor)
        try recording.perform { () throws(Errno) in
            (
                try system.truncate(descriptor, to: length),
                node.map { .resize($0, length: Int(length), at: Recording.now) }
            )
        }
    }

    package func allocate(_ descriptor: Int32, length: Int64) throws(Errno) {
        let node = node(descriptor)
        try recording.perform { () throws(Errno) in
            try system.allocate(descriptor, length: length)
            let size = try system.status(descriptor).size
            return ((), node.map { .resize($0, length: Int(size), at: Recording.now) })
        }
    }

    package func startWriteback(_ descriptor: Int32, at offset: Int64, length: Int64) {
        system.startWriteback(descriptor, at: offset, length: length)
    }
    package func readAhead(_ descriptor: Int32, at offset: Int64, length: Int64) {
        system.readAhead(descriptor, at: offset, length: length)
    }
    package func dropCache(_ descriptor: Int32) { system.dropCache(descriptor) }

    package func nextData(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64? {
        try system.nextData(descriptor, from: offset)
    }

    // MARK: Syncs

    package func syncData(_ descriptor: Int32) throws(Errno) {
        let (node, began) = (node(descriptor), recording.position)
        try system.syncData(descriptor)
        if let node { recording.note(.syncFile(node, began: began, .payload)) }
    }

    /// The payload's files and directories alone: database and payload get their fates apart. The system isn't asked,
    /// because it would flush all that others have on the machine; what a cut leaves is the model's affair.
    package func syncVolume(_ descriptor: Int32) throws(Errno) {
        guard node(descriptor) != nil else { throw .notSupported }
        recording.noteVolumeSync(began: recording.position)
    }

    package func syncDirectory(_ descriptor: Int32) throws(Errno) {
        let (node, began) = (node(descriptor), recording.position)
        try system.syncDirectory(descriptor)
        let isFile = try system.status(descriptor).kind == .regular
        if let node {
            recording.note(
                isFile ? .syncWhole(node, began: began, .payload) : .syncDirectory(node, began: began, .payload))
        }
    }

    // MARK: Questions

    package func status(_ descriptor: Int32) throws(Errno) -> FileStatus { modelled(try system.status(descriptor)) }
    package func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus {
        modelled(try system.status(of: name, in: directory))
    }
    package func mayWrite(_ folder: FilePath) throws(Errno) -> Bool { try system.mayWrite(real(folder)) }
    package func freeBytes(_ descriptor: Int32) throws(Errno) -> Int64 { try system.freeBytes(descriptor) }

    private func modelled(_ status: FileStatus) -> FileStatus {
        guard let node = recording.node(status.identity) else { return status }
        let known = FileStatus(
            kind: status.kind, size: status.size, allocated: status.allocated,
            modified: recording.modified(node) ?? status.modified,
            identity: FileIdentity(device: Self.device, inode: UInt64(node.number)))
        return lie?(node, known) ?? known
    }
}
