import CCrashVFS
import Disk
import Glibc
import Synchronization
import SystemPackage

/// A registered SQLite VFS whose writes, syncs and deletions are noted in a recording; the database lies directly in
/// the recording's folder.
package final class RecordedVFS: Sendable {
    private static let count = Atomic(0)

    /// What a connection is opened with.
    package let name: String
    // Only handed back to the C module, which wrote it.
    private nonisolated(unsafe) let registered: UnsafeMutableRawPointer
    private let listener: Listener

    /// What the C module hands back with every call.
    private final class Listener: Sendable {
        let recording: Recording
        let losesNextSync = Atomic(false)

        init(_ recording: Recording) { self.recording = recording }

        func syncFails(_ node: Node) -> Bool {
            guard losesNextSync.exchange(false, ordering: .relaxed) else { return false }
            recording.note(.lose(node))
            return true
        }
    }

    package init(_ recording: Recording) {
        name = "crash-\(Self.count.add(1, ordering: .relaxed).newValue)"
        listener = Listener(recording)
        var listener = crash_vfs_listener(
            context: Unmanaged.passUnretained(self.listener).toOpaque(),
            opened: { context, path, isNew in
                Int64(RecordedVFS.recording(context).opened(String(cString: path!), isNew: isNew != 0).number)
            },
            wrote: { context, file, offset, bytes, count in
                let bytes = [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(count)))
                RecordedVFS.recording(context).note(
                    .write(Node(Int(file)), offset: Int(offset), bytes: bytes, at: Recording.now))
            },
            resized: { context, file, length in
                RecordedVFS.recording(context).note(.resize(Node(Int(file)), length: Int(length), at: Recording.now))
            },
            sync_fails: { context, file in RecordedVFS.listener(context).syncFails(Node(Int(file))) ? 1 : 0 },
            sync_began: { context in Int64(RecordedVFS.recording(context).position) },
            synced: { context, file, began in
                RecordedVFS.recording(context).note(.syncFile(Node(Int(file)), began: Int(began), .database))
            },
            directory_synced: { context, _, began in
                RecordedVFS.recording(context).note(.syncDirectory(.root, began: Int(began), .database))
            },
            deleted: { context, path in
                let recording = RecordedVFS.recording(context)
                recording.note(.remove(named: recording.name(of: String(cString: path!)), in: .root))
            })
        guard let registered = crash_vfs_register(name, &listener) else { preconditionFailure("no memory for a VFS") }
        self.registered = registered
    }

    deinit {
        // The listener goes after it.
        crash_vfs_unregister(registered)
    }

    /// Lets the next sync of one of the database's files fail, and takes what it was to keep.
    package func loseNextSync() { listener.losesNextSync.store(true, ordering: .relaxed) }

    private static func listener(_ context: UnsafeMutableRawPointer?) -> Listener {
        Unmanaged<Listener>.fromOpaque(context!).takeUnretainedValue()
    }

    private static func recording(_ context: UnsafeMutableRawPointer?) -> Recording { listener(context).recording }
}

extension Recording {
    fileprivate func name(of path: String) -> String {
        let path = FilePath(path)
        guard path.removingLastComponent() == folder, let name = path.lastComponent else {
            preconditionFailure("\(path) is a database's file, and doesn't lie in \(folder)")
        }
        return name.string
    }

    fileprivate func opened(_ path: String, isNew: Bool) -> Node {
        var status = stat()
        guard stat(path, &status) == 0 else { preconditionFailure("\(path) was opened and is not there") }
        let identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        if !isNew, let node = node(identity) { return node }
        let name = name(of: path)
        do {
            return try make { () throws(Errno) in
                ((), identity)
            } as: {
                .makeFile($0, named: name, in: .root, .database)
            }.1
        } catch {
            preconditionFailure("nothing of it can fail")
        }
    }
}
