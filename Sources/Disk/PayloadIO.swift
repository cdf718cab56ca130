import Torrent

/// The source from which a scan of pieces reads its bytes.
protocol ByteSource {
    /// Fills the whole buffer with the bytes from `offset` on, or throws.
    mutating func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError)
    /// Fills the buffer with the bytes from `offset` on without waiting for a disk. `false` means only that a regular
    /// read is needed.
    mutating func readCached(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Bool
    /// The bytes where the page cache has them; `nil` if they have to be read.
    mutating func map(at offset: Int64, length: Int) -> CachedBytes?
    /// Hints that these bytes will be read soon.
    mutating func readAhead(at offset: Int64, length: Int)
}

/// Reads a torrent's bytes from wherever they are placed.
struct PayloadReader: ByteSource {
    private let disk: Disk
    private let payload: Payload
    private let pool: DescriptorPool
    /// The file that was read last and its range in the torrent's bytes, because consecutive pieces mostly lie in one
    /// file.
    private var last: (file: Int, range: Range<Int64>, descriptor: Descriptor)?
    /// The output folder, once a file below it was opened.
    private var folder: OpenFolder?
    /// The file that last failed to open. Its other pieces in this scan fail without another attempt.
    private var broken: (file: PayloadFile, error: DiskError)?

    init(_ disk: Disk, _ payload: Payload, pool: DescriptorPool) {
        self.disk = disk
        self.payload = payload
        self.pool = pool
    }

    mutating func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) {
        if let last, last.range.contains(offset), Int64(buffer.count) <= last.range.upperBound - offset {
            let payload = payload
            return try last.descriptor.read(
                into: buffer, at: offset - last.range.lowerBound, path: payload.path(of: .entry(last.file)))
        }
        var done = 0
        for segment in payload.layout.segments(offset: offset, length: buffer.count) {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + segment.length])
            if let file = payload.place(of: segment.file) {
                let descriptor = try open(file)
                let payload = payload
                try descriptor.read(
                    into: part, at: file == .parts ? offset + Int64(done) : segment.fileOffset,
                    path: payload.path(of: file))
                if case .entry(let index) = file {
                    let entry = payload.layout.files[index]
                    last = (index, entry.offset..<entry.end, descriptor)
                }
            } else {
                part.initializeMemory(as: UInt8.self, repeating: 0)
            }
            done += segment.length
        }
    }

    mutating func readCached(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        var done = 0
        for segment in payload.layout.segments(offset: offset, length: buffer.count) {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + segment.length])
            done += segment.length
            guard let file = payload.place(of: segment.file) else {
                part.initializeMemory(as: UInt8.self, repeating: 0)
                continue
            }
            guard case .entry = file else { return false }
            // An error is left to the regular read that follows, which reports it.
            do {
                guard try disk.calls.readCached(try open(file).raw, into: [part], at: segment.fileOffset) == part.count
                else { return false }
            } catch { return false }
        }
        return true
    }

    mutating func map(at offset: Int64, length: Int) -> CachedBytes? {
        var segments = payload.layout.segments(offset: offset, length: length).makeIterator()
        guard let segment = segments.next(), segment.length == length, let file = payload.place(of: segment.file),
            case .entry = file
        else { return nil }
        // An error is left to the regular read that follows, which reports it.
        do {
            let descriptor = try open(file)
            return disk.calls.mapCached(descriptor.raw, at: segment.fileOffset, length: length)
                .map { CachedBytes(range: $0, descriptor: descriptor) }
        } catch { return nil }
    }

    mutating func readAhead(at offset: Int64, length: Int) {
        for segment in payload.layout.segments(offset: offset, length: length) {
            guard let file = payload.place(of: segment.file), case .entry = file else { continue }
            // If a file can't be opened, the read that follows reports it.
            do { disk.calls.readAhead(try open(file).raw, at: segment.fileOffset, length: Int64(segment.length)) } catch
            { return }
        }
    }

    private mutating func open(_ file: PayloadFile) throws(DiskError) -> Descriptor {
        if let broken, broken.file == file { throw broken.error }
        do {
            return try disk.descriptor(payload, file, writing: false, in: &folder, from: pool)
        } catch {
            broken = (file, error)
            throw error
        }
    }
}

extension Disk {
    /// How bytes for a file that another torrent writes are handled.
    enum SharedBytes {
        /// The bytes are verified: the file must already contain them.
        case compare
        /// The bytes are unverified: they are neither written nor compared. When the piece is complete, they are read
        /// from the file.
        case skip
    }

    /// Writes bytes of the torrent to the files in which they are placed. Bytes of pad files are dropped.
    func write(_ payload: Payload, at offset: Int64, _ bytes: UnsafeRawBufferPointer, shared: SharedBytes = .compare)
        throws(DiskError)
    {
        let ledger = ledger(of: payload.infoHash)
        var folder: OpenFolder?
        var done = 0
        for segment in payload.layout.segments(offset: offset, length: bytes.count) {
            defer { done += segment.length }
            guard let file = payload.place(of: segment.file) else { continue }
            let part = UnsafeRawBufferPointer(rebasing: bytes[done..<done + segment.length])
            if payload.placement[segment.file] == .shared {
                if shared == .compare { try compare(payload, file, at: segment.fileOffset, with: part, in: &folder) }
                continue
            }
            let descriptor = try descriptor(payload, file, writing: true, in: &folder, from: pool)
            let position = file == .parts ? offset + Int64(done) : segment.fileOffset
            // This also runs when the write fails midway, because some bytes are then in the file.
            defer { ledger.wrote(file) }
            try descriptor.writeRun(part, at: position, path: payload.path(of: file))
        }
    }

    /// Throws unless the file, which another torrent writes, contains these bytes. The file is synced with the
    /// torrent's own files, because the piece is recorded as present on its basis.
    private func compare(
        _ payload: Payload, _ file: PayloadFile, at offset: Int64, with bytes: UnsafeRawBufferPointer,
        in folder: inout OpenFolder?
    ) throws(DiskError) {
        let descriptor = try descriptor(payload, file, writing: false, in: &folder, from: pool)
        let found = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { found.deallocate() }
        let path = payload.path(of: file)
        do {
            try descriptor.read(into: found, at: offset, path: path)
        } catch  where error.code == .shortFile {
            throw DiskError(.differs, .write, path)
        }
        guard found.elementsEqual(bytes) else { throw DiskError(.differs, .write, path) }
        self.ledger(of: payload.infoHash).wrote(file)
    }
}
