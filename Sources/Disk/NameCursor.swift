import Torrent

/// Inspects files below an output folder one after the other, and keeps the last directory open, because consecutive
/// files mostly share a directory.
struct NameCursor: ~Copyable {
    private let payload: Payload
    private let calls: any DiskCalls
    private var path: [FileName] = []
    private var directory: Directory?
    /// Why there is no directory at `path`. The error is the same for every file in that directory.
    private var absence: DiskError?

    init(_ payload: Payload, _ calls: any DiskCalls) {
        self.payload = payload
        self.calls = calls
    }

    /// The status of the path itself; a link is not followed.
    mutating func status(of components: [String], in folder: borrowing PayloadFolder) throws(DiskError) -> FileStatus {
        let name = try folder.checked(components)
        let parent = try move(to: Array(components.dropLast()), in: folder)
        do { return try calls.status(of: name, in: parent) } catch {
            throw DiskError(error, .inspect, payload.path(components))
        }
    }

    /// When the file at the path was created; `nil` if the file system doesn't record it.
    mutating func birth(of components: [String], in folder: borrowing PayloadFolder) throws(DiskError) -> Int64? {
        let name = try folder.checked(components)
        return calls.birth(of: name, in: try move(to: Array(components.dropLast()), in: folder))
    }

    mutating func removeFile(_ components: [String], in folder: borrowing PayloadFolder) throws(DiskError) {
        let name = try folder.checked(components)
        let parent = try move(to: Array(components.dropLast()), in: folder)
        do { try calls.removeFile(name, in: parent) } catch {
            throw DiskError(error, .remove, payload.path(components))
        }
    }

    mutating func removeDirectory(_ components: [String], in folder: borrowing PayloadFolder) throws(DiskError) {
        let name = try folder.checked(components)
        let parent = try move(to: Array(components.dropLast()), in: folder)
        do { try calls.removeDirectory(name, in: parent) } catch {
            throw DiskError(error, .remove, payload.path(components))
        }
    }

    /// The descriptor of an existing directory. It stays open until the next call.
    private mutating func move(to components: [String], in folder: borrowing PayloadFolder) throws(DiskError) -> Int32 {
        let names = components.map(FileName.init)
        if path == names {
            if let open = directory?.descriptor { return open }
            if let absence { throw absence }
        }
        directory = nil
        absence = nil
        path = names
        let opened: Directory
        do { opened = try folder.directory(components[...]) } catch {
            if error.code == .notFound { absence = error }
            throw error
        }
        let descriptor = opened.descriptor
        directory = consume opened
        return descriptor
    }
}
