import Torrent

/// Where a scan of pieces reads its bytes.
protocol ByteSource {
    /// Fills the buffer with the bytes from `offset` on. Throws instead of giving fewer.
    mutating func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError)
    /// Fills the buffer with the bytes from `offset` on if no disk has to be waited for; `false` says nothing but that
    /// it has to be read.
    mutating func readCached(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Bool
    /// Says that these bytes are read soon.
    mutating func readAhead(at offset: Int64, length: Int)
}

/// Reads a torrent's bytes wherever they are placed.
struct PayloadReader: ByteSource {
    private let disk: Disk
    private let payload: Payload
    private let pool: DescriptorPool
    /// The file that was read last, and where it is in the torrent's bytes: pieces mostly lie in one file.
    private var last: (file: Int, range: Range<Int64>, descriptor: Descriptor)?
    /// The output folder, once a file was opened below it.
    private var folder: OpenFolder?
    /// The file that could not be opened last: its other pieces in this scan needn't try.
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
            // What went wrong is found out by the read that follows.
            do {
                guard try disk.calls.readCached(try open(file).raw, into: [part], at: segment.fileOffset) == part.count
                else { return false }
            } catch { return false }
        }
        return true
    }

    mutating func readAhead(at offset: Int64, length: Int) {
        for segment in payload.layout.segments(offset: offset, length: length) {
            guard let file = payload.place(of: segment.file), case .entry = file else { continue }
            // A file that can't be opened is the affair of the read that follows.
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
    /// What becomes of bytes for a file that another torrent writes.
    enum SharedBytes {
        /// They were verified: the file has to have them already.
        case compare
        /// They weren't verified: they are neither written nor compared, and read from the file when the piece is
        /// whole.
        case skip
    }

    /// Writes bytes of the torrent to where they are placed; those of pad files go nowhere.
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
            // Also when the write fails half-way: what it did write is in the file.
            defer { ledger.wrote(file) }
            try descriptor.writeRun(part, at: position, path: payload.path(of: file))
        }
    }

    /// Whether the file, which another torrent writes, has these bytes. It is synced with the torrent's own files,
    /// because the claim that follows rests on it.
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
