import Glibc
import Synchronization
import SystemPackage
import Torrent

extension Payload {
    /// Throws if the payload is only read. Every call that creates, extends or writes a file passes here.
    func requireWritable(_ operation: DiskError.Operation, _ file: PayloadFile) throws(DiskError) {
        switch protection {
        case .byUser: throw DiskError(.protected, operation, path(of: file))
        case .byStorage: throw DiskError(.readOnly, operation, path(of: file))
        case nil: return
        }
    }
}

extension Disk {
    /// The file's descriptor, from the pool or newly opened. A file that is to be written and never existed is created.
    func descriptor(_ payload: Payload, _ file: PayloadFile, writing: Bool, from pool: DescriptorPool) throws(DiskError)
        -> Descriptor
    {
        var folder: OpenFolder?
        return try descriptor(payload, file, writing: writing, in: &folder, from: pool)
    }

    /// The same for one of several files: the output folder is opened when the first of them has to be opened.
    func descriptor(
        _ payload: Payload, _ file: PayloadFile, writing: Bool, in folder: inout OpenFolder?, from pool: DescriptorPool
    ) throws(DiskError) -> Descriptor {
        try descriptor(payload, file, writing: writing, from: pool) { () throws(DiskError) in
            let open: OpenFolder
            if let known = folder {
                open = known
            } else {
                open = OpenFolder(try PayloadFolder(payload, calls: self.calls))
            }
            folder = open
            return writing
                ? try self.openWriting(payload, file, in: open) : try self.openReading(payload, file, in: open.folder)
        }
    }

    private func descriptor(
        _ payload: Payload, _ file: PayloadFile, writing: Bool, from pool: DescriptorPool,
        _ open: () throws(DiskError) -> Descriptor
    ) throws(DiskError) -> Descriptor {
        if writing { try payload.requireWritable(.write, file) }
        let key = DescriptorPool.Key(torrent: payload.infoHash, file: file)
        if let descriptor = pool.descriptor(key, writing: writing) { return descriptor }
        let descriptor: Descriptor
        do {
            descriptor = try open()
        } catch  where error.code == .tooManyFiles && self.pool.shrink() {
            descriptor = try open()
        }
        pool.insert(descriptor, for: key)
        return descriptor
    }

    private func openReading(_ payload: Payload, _ file: PayloadFile, in folder: borrowing PayloadFolder)
        throws(DiskError) -> Descriptor
    {
        // Without O_NONBLOCK, opening a pipe that stands in the file's place would block forever.
        let raw = try folder.open(payload.components(of: file), flags: O_RDONLY | O_NONBLOCK)
        let ledger = ledger(of: payload.infoHash)
        return try checked(Descriptor(raw, isWritable: false, file: file, calls: calls, ledger: ledger), payload, file)
            .descriptor
    }

    private func openWriting(_ payload: Payload, _ file: PayloadFile, in folder: OpenFolder) throws(DiskError)
        -> Descriptor
    {
        let ledger = ledger(of: payload.infoHash)
        watchVolume(of: folder.folder, payload, ledger)
        guard ledger.identity(of: file) == nil else { return try open(payload, file, in: folder, ledger) }
        // One thread at a time: a thread that finds the file has to know whether another thread has just created it.
        return try ledger.creation.withLock { (_) throws(DiskError) in try self.open(payload, file, in: folder, ledger)
        }
    }

    private func open(_ payload: Payload, _ file: PayloadFile, in folder: OpenFolder, _ ledger: WriteLedger)
        throws(DiskError) -> Descriptor
    {
        let (raw, isNew) = try openForWriting(payload, file, in: folder, ledger)
        let (descriptor, status) = try checked(
            Descriptor(raw, isWritable: true, file: file, calls: calls, ledger: ledger), payload, file)
        try claim(descriptor, status, isNew: isNew, payload, file, ledger)
        return descriptor
    }

    private func openForWriting(
        _ payload: Payload, _ file: PayloadFile, in folder: OpenFolder, _ ledger: WriteLedger
    ) throws(DiskError) -> (raw: Int32, isNew: Bool) {
        let components = payload.components(of: file)
        // Checked before the file is looked for, because another thread may create it in between.
        let wasWritten = ledger.identity(of: file) != nil
        // The directories on the path are synced even if another thread, another torrent or an earlier process made
        // them: only the writer knows that they are needed, and they may not be synced yet.
        defer {
            if !wasWritten {
                ledger.changed(parent: components.dropLast().map(FileName.init)) { payload.folders(of: file) }
            }
        }
        guard wasWritten else {
            // A file without a recorded identity usually doesn't exist yet.
            do {
                let raw = try folder.create(components)
                ledger.created(file)
                return (raw, true)
            } catch  where error.errno == .fileExists {
                return (try folder.folder.open(components, flags: O_RDWR | O_NONBLOCK), false)
            }
        }
        do {
            return (try folder.folder.open(components, flags: O_RDWR | O_NONBLOCK), false)
        } catch  where error.code == .notFound {
            throw DiskError(.replaced, .open, payload.path(of: file), errno: .noSuchFileOrDirectory)
        }
    }

    /// Gives a file that is to be written its whole length, as a hole. A file that the torrent neither created nor may
    /// write to stays as it is, and so does a file that is already longer.
    private func claim(
        _ descriptor: Descriptor, _ status: FileStatus, isNew: Bool, _ payload: Payload, _ file: PayloadFile,
        _ ledger: WriteLedger
    ) throws(DiskError) {
        let path = payload.path(of: file)
        let isAnother = ledger.identity(of: file).map { $0 != status.identity } ?? false
        if isAnother { throw DiskError(.replaced, .open, path) }
        let own = FileOwners.Owner(torrent: payload.infoHash, file: file)
        // The identity is recorded before anything else can fail: if one of our own files can't be given its length,
        // the next attempt must not take it for a file of another program.
        if isNew || ledger.hasMadeUnseen(file) { ledger.admit(file, status.identity) }
        guard ledger.admits(file, status.identity) else {
            let owner = owners.owner(of: status.identity)
            throw DiskError(owner == nil || owner == own ? .notOurs : .ownedByOther, .write, path)
        }
        guard owners.take(status.identity, for: own) == own else { throw DiskError(.ownedByOther, .write, path) }
        if let length = payload.length(of: file) {
            if status.size > length { throw DiskError(.sizeMismatch, .write, path) }
            if status.size < length {
                do { try calls.truncate(descriptor.raw, to: length) } catch {
                    throw DiskError(error, .allocate, path, reaching: length)
                }
                ledger.wrote(file)
            }
        }
        guard ledger.opened(file, status.identity) else { throw DiskError(.replaced, .open, path) }
    }

    private func checked(_ descriptor: Descriptor, _ payload: Payload, _ file: PayloadFile) throws(DiskError) -> (
        descriptor: Descriptor, status: FileStatus
    ) {
        let status: FileStatus
        do { status = try calls.status(descriptor.raw) } catch {
            throw DiskError(error, .inspect, payload.path(of: file))
        }
        switch status.kind {
        case .regular: return (descriptor, status)
        case .directory: throw DiskError(.isADirectory, .open, payload.path(of: file), errno: .isDirectory)
        case .symbolicLink, .other: throw DiskError(.notRegular, .open, payload.path(of: file))
        }
    }
}
