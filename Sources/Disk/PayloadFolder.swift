import Glibc
import System
import SystemPackage
import Torrent

/// An open directory that closes itself. Nothing is written through it.
struct Directory: ~Copyable, Sendable {
    let descriptor: Int32
    private let calls: any DiskCalls

    init(_ descriptor: Int32, calls: any DiskCalls) {
        self.descriptor = descriptor
        self.calls = calls
    }

    deinit { calls.closeUnwritten(descriptor) }
}

/// An open directory with several owners.
final class SharedDirectory: Sendable {
    private let directory: Directory
    var descriptor: Int32 { directory.descriptor }

    init(_ directory: consuming Directory) { self.directory = directory }
}

/// The open output folder of a payload. Everything below it is looked up from its descriptor, without following links.
package struct PayloadFolder: ~Copyable {
    private static let directoryFlags = Linux.openPath | O_DIRECTORY

    private let root: Directory
    private let payload: Payload
    private let calls: any DiskCalls

    /// Opens the folder and never creates it. Throws an error whose ``DiskError/Code/isOffline`` is true when the
    /// folder doesn't exist or is on another device.
    package init(_ payload: Payload, calls: any DiskCalls) throws(DiskError) {
        let root = Directory(try Self.openRoot(payload, calls), calls: calls)
        if let device = payload.device, try device != Self.device(root, payload, calls) {
            throw DiskError(.wrongVolume, .open, payload.root.text)
        }
        self.root = root
        self.payload = payload
        self.calls = calls
    }

    /// The device that the folder is on.
    func device() throws(DiskError) -> UInt64 {
        try Self.device(root, payload, calls)
    }

    /// Whether the folder's file system is mounted read-only.
    func isReadOnly() throws(DiskError) -> Bool {
        do { return try calls.isReadOnly(root.descriptor) } catch {
            throw DiskError(error, .inspect, payload.root.text)
        }
    }

    func freeBytes() throws(DiskError) -> Int64 {
        do { return try calls.freeBytes(root.descriptor) } catch { throw DiskError(error, .inspect, payload.root.text) }
    }

    /// Opens an existing file or directory.
    package func open(_ components: [String], flags: Int32, for operation: DiskError.Operation = .open)
        throws(DiskError)
        -> Int32
    {
        let name = try checked(components)
        do {
            return try calls.open(components.joined(separator: "/"), beneath: root.descriptor, flags: flags)
        } catch  where Self.needsWalk(error) {
            let parent = try directory(components.dropLast())
            return try open(name, in: parent, flags: flags, path: components[...])
        } catch {
            throw DiskError(error, operation, payload.path(components))
        }
    }

    /// Creates a new file in its directory. Throws `EEXIST` when the file already exists.
    func create(_ components: [String], in parent: borrowing Directory) throws(DiskError) -> Int32 {
        let name = try checked(components)
        do {
            return try calls.open(name, in: parent.descriptor, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)
        } catch {
            throw DiskError(error, .create, payload.path(components))
        }
    }

    /// Opens a directory. With `creating`, it is made with its missing parents, except the output folder.
    func directory(_ components: ArraySlice<String>, creating: Bool = false) throws(DiskError) -> Directory {
        if !components.isEmpty { _ = try checked(Array(components)) }
        do {
            let path = components.isEmpty ? "." : components.joined(separator: "/")
            return Directory(try calls.open(path, beneath: root.descriptor, flags: Self.directoryFlags), calls: calls)
        } catch  where Self.needsWalk(error) || (creating && error == .noSuchFileOrDirectory) {
            return try walk(components, creating: creating)
        } catch {
            throw DiskError(error, .open, payload.path(components))
        }
    }

    /// Opens the output folder again, with a descriptor that can be synced.
    func reopened() throws(DiskError) -> Directory {
        // Opened from the descriptor and not by the path, where another folder may be by now.
        do {
            return Directory(try calls.open(".", in: root.descriptor, flags: O_RDONLY | O_DIRECTORY), calls: calls)
        } catch {
            throw DiskError(error, .open, payload.root.text)
        }
    }

    /// Makes the names in a directory durable.
    func sync(directory components: [String]) throws(DiskError) {
        let directory =
            components.isEmpty
            ? try reopened() : Directory(try open(components, flags: O_RDONLY | O_DIRECTORY), calls: calls)
        try calls.syncDirectory(directory.descriptor, path: payload.path(components))
    }

    /// Opens one component at a time from the output folder down, without following links.
    private func walk(_ components: ArraySlice<String>, creating: Bool) throws(DiskError) -> Directory {
        var current: Directory
        do {
            current = Directory(try calls.open(".", in: root.descriptor, flags: Self.directoryFlags), calls: calls)
        } catch {
            throw DiskError(error, .open, payload.root.text)
        }
        for n in components.indices {
            if creating {
                do {
                    try calls.makeDirectory(components[n], in: current.descriptor)
                } catch .fileExists {
                    // The directory exists, or something else does: opening it shows which.
                } catch {
                    throw DiskError(error, .makeFolder, payload.path(components[...n]))
                }
            }
            let next = try open(components[n], in: current, flags: Self.directoryFlags, path: components[...n])
            current = Directory(next, calls: calls)
        }
        return current
    }

    private static func openRoot(_ payload: Payload, _ calls: any DiskCalls) throws(DiskError) -> Int32 {
        do {
            return try calls.open(payload.root, flags: directoryFlags)
        } catch .noSuchFileOrDirectory, .notDirectory, Errno(rawValue: ENODEV), Errno(rawValue: ENOTCONN), Errno(
            rawValue: ESTALE)
        {
            throw DiskError(.rootMissing, .open, payload.root.text, errno: .noSuchFileOrDirectory)
        } catch  where [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory].contains(error) {
            throw DiskError(error, .open, payload.root.text)
        } catch {
            throw DiskError(.rootUnreadable, .open, payload.root.text, errno: error)
        }
    }

    private static func device(_ root: borrowing Directory, _ payload: Payload, _ calls: any DiskCalls)
        throws(DiskError) -> UInt64
    {
        do { return try calls.status(root.descriptor).identity.device } catch {
            throw DiskError(error, .inspect, payload.root.text)
        }
    }

    private func open(_ name: String, in directory: borrowing Directory, flags: Int32, path: ArraySlice<String>)
        throws(DiskError) -> Int32
    {
        do {
            return try calls.open(name, in: directory.descriptor, flags: flags | O_NOFOLLOW)
        } catch {
            // With O_DIRECTORY, opening a link fails with "not a directory", so look whether it is a link.
            let isLink: Bool
            do { isLink = try calls.status(of: name, in: directory.descriptor).kind == .symbolicLink } catch {
                isLink = false
            }
            throw DiskError(isLink ? .tooManySymbolicLinkLevels : error, .open, payload.path(path))
        }
    }

    /// The last component, after a check that all components are plain names.
    func checked(_ components: [String]) throws(DiskError) -> String {
        let isPlain = { (name: String) in
            !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
        }
        guard let last = components.last, components.allSatisfy(isPlain) else {
            throw DiskError(.unsafeName, .open, payload.path(components))
        }
        return last
    }

    /// Whether `openat2` is unusable: the kernel or a seccomp filter doesn't support it, or the joined path is longer
    /// than `PATH_MAX`.
    private static func needsWalk(_ error: Errno) -> Bool {
        error == .noFunction || error == .notPermitted || error == .fileNameTooLong
    }
}
