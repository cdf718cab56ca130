import Glibc
import System
import SystemPackage
import Torrent

/// A payload on its way to another folder, or to other names in its folder.
///
/// Until the database has the new folder or names, the old ones stay: a file gets a second name, or a copy. Only a file
/// system without links has its files renamed at once.
package struct PayloadMove: Sendable {
    package let source: Payload
    package let target: Payload
    /// Whether the blocks of a copy are reserved.
    let allocatesFull: Bool

    package init(from source: Payload, to target: Payload, allocatesFull: Bool) {
        self.source = source
        self.target = target
        self.allocatesFull = allocatesFull
    }

    /// The same move, bound to the devices on which its folders are.
    func bound(source: UInt64, target: UInt64) -> PayloadMove {
        PayloadMove(
            from: self.source.on(device: source), to: self.target.on(device: target), allocatesFull: allocatesFull)
    }

    /// The name of an unfinished copy, beside the name that it gets. No other program uses it.
    func temporaryName(_ file: PayloadFile) -> String {
        switch file {
        case .entry(let index): ".\(source.infoHash).\(index).moving"
        case .parts: ".\(source.infoHash).parts.moving"
        }
    }
}

/// One file of a move.
package struct MovedFile: Sendable {
    /// The file in the old folder, before the move.
    package let before: FoundFile
    /// Whether the old name is kept, because another torrent uses it.
    package let stays: Bool
    /// The synced copy, if an earlier attempt made one.
    package let copy: FoundFile?

    package init(before: FoundFile, stays: Bool, copy: FoundFile?) {
        self.before = before
        self.stays = stays
        self.copy = copy
    }

    package var file: PayloadFile { before.file }
}

/// How a file came to the new folder.
package enum Placing: Sendable, Hashable {
    /// The file has its new name: a second one, or its only one on a file system without links.
    case named
    /// A synced copy has a temporary name until ``Disk/settle(_:_:)``. A clone shares its blocks with the original.
    case copied(FoundFile, isClone: Bool)
}

/// What stands in the way of a move, before anything is changed.
package struct MoveSurvey: Sendable {
    /// Whether both paths lead to one folder.
    package fileprivate(set) var isSameFolder = false
    /// Names of the torrent's files that are taken in the new folder.
    package fileprivate(set) var taken: [PayloadFile] = []
    /// Whether the new folder is on another file system, so that bytes are copied.
    package fileprivate(set) var isOtherFileSystem = false
    /// The device of the new folder, or of its nearest existing parent.
    package fileprivate(set) var targetDevice: UInt64 = 0
    /// The bytes that the files occupy.
    package fileprivate(set) var occupied: Int64 = 0
    package fileprivate(set) var freeBytes: Int64 = 0
    /// Whether the process may write to the new folder, or to its nearest existing parent.
    package fileprivate(set) var isWritable = true
}

extension Disk {
    /// Bytes that are copied between two looks at the cancel token.
    private static let copyLength = 16 << 20
    private static let bufferLength = 1 << 20

    // MARK: Before

    /// The move, bound to the devices on which its folders are now: from here on, a file that is opened on another
    /// device is an error. A source that doesn't exist stays unbound.
    package func bound(_ move: PayloadMove) async throws(DiskError) -> PayloadMove {
        try await answer { (done: @escaping @Sendable (Result<PayloadMove, DiskError>) -> Void) in
            run(.read, done) { () throws(DiskError) in
                let target = try PayloadFolder(move.target, calls: self.calls).device()
                do throws(DiskError) {
                    let source = try PayloadFolder(move.source, calls: self.calls).device()
                    return move.bound(source: source, target: target)
                } catch  where error.code == .rootMissing {
                    return PayloadMove(
                        from: move.source, to: move.target.on(device: target), allocatesFull: move.allocatesFull)
                }
            }
        }.get()
    }

    /// Looks at the new folder without changing anything.
    package func survey(_ move: PayloadMove, _ files: [MovedFile]) async throws(DiskError) -> MoveSurvey {
        try await answer { (done: @escaping @Sendable (Result<MoveSurvey, DiskError>) -> Void) in
            run(.read, done) { () throws(DiskError) in try self.surveyBlocking(move, files) }
        }.get()
    }

    private func surveyBlocking(_ move: PayloadMove, _ files: [MovedFile]) throws(DiskError) -> MoveSurvey {
        var survey = MoveSurvey()
        let from = try PayloadFolder(move.source, calls: calls)
        let device = try from.device()
        var names = NameCursor(move.source, calls)
        for file in files {
            let components = move.source.components(of: file.file)
            survey.occupied += max(0, try names.status(of: components, in: from).allocated)
        }
        let nearest = try nearestFolder(move.target.root)
        survey.isOtherFileSystem = nearest.status.identity.device != device
        survey.freeBytes = nearest.freeBytes
        survey.targetDevice = nearest.status.identity.device
        do { survey.isWritable = try calls.mayWrite(nearest.path) } catch {
            throw DiskError(error, .inspect, nearest.path.text)
        }
        guard nearest.path == move.target.root else { return survey }
        let to = try PayloadFolder(move.target, calls: calls)
        survey.isSameFolder = try identity(of: from.directory([])) == identity(of: to.directory([]))
        guard !survey.isSameFolder else { return survey }
        let known = Dictionary(files.map { ($0.file, $0) }) { first, _ in first }
        var there = NameCursor(move.target, calls)
        let places = move.target.layout.files.indices.filter { move.target.isInPlace($0) }.map { PayloadFile.entry($0) }
        for file in places + [.parts] {
            do {
                let status = try there.status(of: move.target.components(of: file), in: to)
                if !(known[file]?.isPlaced(status, device: device) ?? false) { survey.taken.append(file) }
            } catch  where error.code == .notFound { continue }
        }
        return survey
    }

    func nearestFolder(_ path: FilePath) throws(DiskError) -> (
        path: FilePath, status: FileStatus, freeBytes: Int64
    ) {
        var at = path
        while true {
            do {
                let raw = try calls.open(at, flags: Linux.openPath | O_DIRECTORY)
                defer { calls.closeUnwritten(raw) }
                return (at, try calls.status(raw), try calls.freeBytes(raw))
            } catch .noSuchFileOrDirectory where at != at.parent {
                at = at.parent
            } catch {
                throw DiskError(error, .makeFolder, path.text)
            }
        }
    }

    func identity(of directory: borrowing Directory) throws(DiskError) -> FileIdentity {
        do { return try calls.status(directory.descriptor).identity } catch {
            throw DiskError(error, .inspect, "the folder")
        }
    }

    /// Makes the files' times durable (fsync(2)). A move continues after a power cut only with the files that its
    /// journal describes, and the times of what was downloaded a moment ago may otherwise be taken back.
    package func syncTimes(of files: [PayloadFile], in payload: Payload) async throws(DiskError) {
        try await answer { (done: @escaping @Sendable (Result<Void, DiskError>) -> Void) in
            run(.sync, done) { () throws(DiskError) in
                let folder = try PayloadFolder(payload, calls: self.calls)
                for file in files {
                    let (path, components) = (payload.path(of: file), payload.components(of: file))
                    let name = try folder.checked(components)
                    let directory = try folder.directory(components.dropLast())
                    let open: OpenFile
                    do throws(Errno) {
                        let flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW
                        open = OpenFile(
                            try self.calls.open(name, in: directory.descriptor, flags: flags), self.calls)
                    } catch { throw DiskError(error, .open, path) }
                    try self.calls.syncDirectory(open.raw, path: path)
                }
            }
        }.get()
    }

    // MARK: Placing

    /// Makes the new folder with its missing parents, and makes their names durable.
    package func prepare(_ move: PayloadMove) async throws(DiskError) {
        try await answer { (done: @escaping @Sendable (Result<Void, DiskError>) -> Void) in
            run(.write, done) { () throws(DiskError) in
                try self.makeRoot(move.target.root)
                for ancestor in try self.ancestors(of: move.target.root) { try self.sync(ancestor: ancestor) }
            }
        }.get()
    }

    /// Brings one file to the new folder. A file that an earlier attempt brought there is left as it is. `progress`
    /// receives the bytes that were copied.
    package func place(
        _ file: MovedFile, _ move: PayloadMove, cancel: CancelToken, progress: @escaping @Sendable (Int64) -> Void
    ) async throws(DiskError) -> Placing {
        try await answer { (done: @escaping @Sendable (Result<Placing, DiskError>) -> Void) in
            run(.sync, done) { () throws(DiskError) in try self.placeBlocking(file, move, cancel, progress) }
        }.get()
    }

    private func placeBlocking(
        _ file: MovedFile, _ move: PayloadMove, _ cancel: CancelToken, _ progress: (Int64) -> Void
    ) throws(DiskError) -> Placing {
        if cancel.isCancelled { throw DiskError(.cancelled, .move, move.source.path(of: file.file)) }
        let components = move.target.components(of: file.file)
        let oldComponents = move.source.components(of: file.file)
        let path = move.target.path(of: file.file)
        let from = try PayloadFolder(move.source, calls: calls)
        let to = try PayloadFolder(move.target, calls: calls)
        let name = try to.checked(components)
        let oldName = try from.checked(oldComponents)
        let new = try to.directory(components.dropLast(), creating: true)
        let old: Directory
        do { old = try from.directory(oldComponents.dropLast()) } catch  where error.code == .notFound {
            if try isRenamed(file, name, in: new, path) { return .named }
            throw error
        }
        let oldPlace = try identity(of: old)
        // Through a bind mount, both names would be one: its removal would remove the file.
        guard try oldPlace != identity(of: new) || !PathText.isSame(oldName, name) else {
            throw DiskError(.sameFolder, .move, move.source.path(of: file.file))
        }
        if let there = try status(of: name, in: new, path) {
            if file.isPlaced(there, device: oldPlace.device) {
                // A kill may have left the copy with both of its names.
                if file.copy != nil { try remove(move.temporaryName(file.file), in: new, path) }
                return .named
            }
            if try isRenamed(file, name, in: new, path), try status(of: oldName, in: old, path) == nil {
                return .named
            }
            throw DiskError(.exists, .move, path)
        }
        if let copy = file.copy, let there = try status(of: move.temporaryName(file.file), in: new, path),
            copy.isOf(there)
        {
            return .copied(copy, isClone: false)
        }
        guard let now = try status(of: oldName, in: old, path) else {
            throw DiskError(.notFound, .move, move.source.path(of: file.file))
        }
        guard now.kind == .regular, file.before.isOf(now) else {
            throw DiskError(.changed, .move, move.source.path(of: file.file))
        }
        if try gaveName(file, oldName, name, from: old, to: new, path) { return .named }
        return try copy(file, oldName, from: old, to: new, move, cancel, progress)
    }

    /// Whether an earlier attempt renamed the file. A file system without links may number its files anew at each
    /// mount.
    func isRenamed(
        _ file: MovedFile, _ name: String, in new: borrowing Directory, _ path: String
    ) throws(DiskError) -> Bool {
        guard !file.stays, let there = try status(of: name, in: new, path) else { return false }
        return there.kind == .regular && there.size == file.before.print.size
            && there.modified == file.before.print.mtimeNs
    }

    func status(of name: String, in directory: borrowing Directory, _ path: String) throws(DiskError)
        -> FileStatus?
    {
        do { return try calls.status(of: name, in: directory.descriptor) } catch .noSuchFileOrDirectory {
            return nil
        } catch { throw DiskError(error, .inspect, path) }
    }

    /// Gives the file a name in the new folder without a copy. Returns whether that was possible.
    private func gaveName(
        _ file: MovedFile, _ oldName: String, _ name: String, from old: borrowing Directory,
        to new: borrowing Directory, _ path: String
    ) throws(DiskError) -> Bool {
        do {
            try calls.link(oldName, in: old.descriptor, to: name, in: new.descriptor)
            return true
        } catch .improperLink {
            return false
        } catch  where Self.hasNoLinks(error) {
            // Below: the file system has no links, the user may not make this one, or the file has too many.
        } catch {
            throw Self.refused(error, path)
        }
        guard !file.stays else { return false }
        do {
            try calls.rename(oldName, in: old.descriptor, to: name, in: new.descriptor)
            return true
        } catch  where error == .improperLink || Self.hasNoLinks(error) {
            return false
        } catch {
            throw Self.refused(error, path)
        }
    }

    static func hasNoLinks(_ error: Errno) -> Bool {
        [.notPermitted, .notSupported, .noFunction, .tooManyLinks, .permissionDenied, Errno(rawValue: EOPNOTSUPP)]
            .contains(error)
    }

    // MARK: Copies

    private func copy(
        _ file: MovedFile, _ name: String, from old: borrowing Directory, to new: borrowing Directory,
        _ move: PayloadMove, _ cancel: CancelToken, _ progress: (Int64) -> Void
    ) throws(DiskError) -> Placing {
        let temporary = move.temporaryName(file.file)
        do {
            try calls.removeFile(temporary, in: new.descriptor)
        } catch .noSuchFileOrDirectory {
            // The usual case: no earlier attempt left a copy.
        } catch {
            throw DiskError(error, .remove, move.target.path(of: file.file))
        }
        do {
            return try copy(file, name, as: temporary, from: old, to: new, move, cancel, progress)
        } catch {
            // What is left is ours to overwrite, so a failure to remove it changes nothing.
            do { try calls.removeFile(temporary, in: new.descriptor) } catch {}
            throw error
        }
    }

    private func copy(
        _ file: MovedFile, _ name: String, as temporary: String, from old: borrowing Directory,
        to new: borrowing Directory, _ move: PayloadMove, _ cancel: CancelToken, _ progress: (Int64) -> Void
    ) throws(DiskError) -> Placing {
        let (sourcePath, path) = (move.source.path(of: file.file), move.target.path(of: file.file))
        let source: OpenFile
        do {
            source = OpenFile(
                try calls.open(name, in: old.descriptor, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW), calls)
        } catch { throw DiskError(error, .open, sourcePath) }
        let copy: OpenFile
        do {
            copy = OpenFile(
                try calls.open(temporary, in: new.descriptor, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW), calls)
        } catch { throw DiskError(error, .create, path) }
        try requireUnchanged(file, source, sourcePath)
        let isClone = cloned(source, to: copy)
        if !isClone { try copyData(file, source, to: copy, sourcePath, path, cancel, progress) }
        do throws(Errno) {
            if move.allocatesFull, case .entry = file.file, file.before.print.size > 0 {
                try calls.allocate(copy.raw, length: file.before.print.size)
            } else if try calls.status(copy.raw).size < file.before.print.size {
                try calls.truncate(copy.raw, to: file.before.print.size)
            }
            try calls.copyAttributes(source.raw, to: copy.raw)
        } catch { throw DiskError(error, .write, path, reaching: file.before.print.size) }
        try requireUnchanged(file, source, sourcePath)
        // This is fsync(2): unlike fdatasync(2), it also makes the times durable.
        try calls.syncDirectory(copy.raw, path: path)
        // A check of the copy has to read what is on the disk.
        if !isClone { calls.dropCache(copy.raw) }
        do {
            return .copied(
                FoundFile(file.file, try calls.status(copy.raw), bornNs: calls.birth(copy.raw)), isClone: isClone)
        } catch { throw DiskError(error, .inspect, path) }
    }

    private func requireUnchanged(_ file: MovedFile, _ source: borrowing OpenFile, _ path: String) throws(DiskError) {
        let status: FileStatus
        do { status = try calls.status(source.raw) } catch { throw DiskError(error, .inspect, path) }
        guard status.kind == .regular, file.before.isOf(status) else { throw DiskError(.changed, .move, path) }
    }

    private func cloned(_ source: borrowing OpenFile, to copy: borrowing OpenFile) -> Bool {
        // Most file systems can't; whatever is wrong, a copy shows it.
        do {
            try calls.clone(source.raw, to: copy.raw)
            return true
        } catch { return false }
    }

    /// Copies the data and leaves holes as holes.
    private func copyData(
        _ file: MovedFile, _ source: borrowing OpenFile, to copy: borrowing OpenFile, _ sourcePath: String,
        _ path: String, _ cancel: CancelToken, _ progress: (Int64) -> Void
    ) throws(DiskError) {
        let size = file.before.print.size
        var (at, isByKernel): (Int64, Bool) = (0, true)
        while at < size, let data = nextData(source, from: at) {
            at = data
            let end = min(size, nextHole(source, from: at) ?? size)
            while at < end {
                if cancel.isCancelled { throw DiskError(.cancelled, .move, sourcePath) }
                let length = Int(min(Int64(Self.copyLength), end - at))
                let count = try copyRange(
                    source, to: copy, at: at, length: length, isByKernel: &isByKernel, sourcePath, path)
                guard count > 0 else { throw DiskError(.changed, .move, sourcePath) }
                calls.startWriteback(copy.raw, at: at, length: Int64(count))
                at += Int64(count)
                progress(Int64(count))
            }
        }
    }

    /// Without an answer of the file system, everything is data.
    private func nextData(_ source: borrowing OpenFile, from offset: Int64) -> Int64? {
        do { return try calls.nextData(source.raw, from: offset) } catch { return offset }
    }

    private func nextHole(_ source: borrowing OpenFile, from offset: Int64) -> Int64? {
        do { return try calls.nextHole(source.raw, from: offset) } catch { return nil }
    }

    private func copyRange(
        _ source: borrowing OpenFile, to copy: borrowing OpenFile, at offset: Int64, length: Int,
        isByKernel: inout Bool, _ sourcePath: String, _ path: String
    ) throws(DiskError) -> Int {
        if isByKernel {
            do {
                let count = try calls.copyRange(source.raw, to: copy.raw, at: offset, length: length)
                if count > 0 { return count }
            } catch  where error == .noSpace || error == .ioError || error == .fileTooLarge {
                throw DiskError(error, .write, path, reaching: offset + Int64(length))
            } catch {}  // The two file systems can't, and the bytes go through this process.
            isByKernel = false
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(length, Self.bufferLength), alignment: 4096)
        defer { buffer.deallocate() }
        let count: Int
        do { count = try calls.read(source.raw, into: buffer, at: offset) } catch {
            throw DiskError(error, .read, sourcePath)
        }
        var done = 0
        while done < count {
            do throws(Errno) {
                let written = try calls.write(
                    copy.raw, UnsafeRawBufferPointer(rebasing: buffer[done..<count]), at: offset + Int64(done))
                guard written > 0 else { throw .ioError }
                done += written
            } catch { throw DiskError(error, .write, path, reaching: offset + Int64(count)) }
        }
        return count
    }
}

extension MovedFile {
    /// Whether the file at the new name is this one or its copy. `device` is the one of the old folder.
    fileprivate func isPlaced(_ status: FileStatus, device: UInt64) -> Bool {
        guard status.kind == .regular else { return false }
        return (status.identity.device == device && before.isOf(status)) || copy?.isOf(status) ?? false
    }
}

/// An open file that closes itself. What was written through it is synced before that.
private struct OpenFile: ~Copyable {
    let raw: Int32
    private let calls: any DiskCalls

    init(_ raw: Int32, _ calls: any DiskCalls) {
        self.raw = raw
        self.calls = calls
    }

    deinit { calls.closeUnwritten(raw) }
}
