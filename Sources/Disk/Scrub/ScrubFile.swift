import SystemPackage
import Torrent

/// A payload file that is read past the page cache, because a read from the cache only shows what is in memory.
///
/// Direct I/O comes first. Where the file system has none, `RWF_DONTCACHE` follows, and then a usual read after which
/// the pages that weren't cached before are dropped.
final class ScrubFile {
    /// Offsets, lengths and addresses of direct reads are multiples of this.
    static let alignment = Descriptor.directAlignment
    /// The most bytes of one call: a peer's read waits for one of them at most.
    static let longestRead = 1 << 20
    /// The most bytes of one call when there is time: a peer hardly notices it.
    static let politeRead = 128 << 10

    private let descriptor: Descriptor
    private let calls: any DiskCalls
    private let path: String
    private let manners: Manners
    private var longestRead: Int { manners.longestRead }
    private var direct: Int32?
    private var hasUncached = true

    /// What calls do for the sake of others who read from the device.
    struct Manners {
        /// The most bytes of one call.
        var longestRead = ScrubFile.longestRead
        /// Waits before a call until others have read.
        var letOthersRead: () -> Void = {}
    }

    init(_ descriptor: Descriptor, path: String, manners: Manners) {
        self.descriptor = descriptor
        self.path = path
        self.manners = manners
        calls = descriptor.calls
        do { direct = try calls.openDirectToRead(descriptor.raw) } catch { direct = nil }
    }

    deinit { if let direct { calls.closeUnwritten(direct) } }

    /// Fills the buffer from `offset` on. `scratch` is aligned and has ``longestRead`` bytes. If `isFresh`, what is
    /// cached is dropped first where there is no direct I/O.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, scratch: UnsafeMutableRawBufferPointer,
        isFresh: Bool
    ) throws(DiskError) {
        var done = 0
        while done < buffer.count {
            manners.letOthersRead()
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count: Int
            do {
                count = try readSome(into: rest, at: offset + Int64(done), scratch: scratch, isFresh: isFresh)
            } catch {
                throw DiskError(error, .read, path)
            }
            guard count > 0 else { throw DiskError(.shortFile, .read, path) }
            done += count
        }
    }

    /// Reads at least one byte; 0 at the end of the file.
    private func readSome(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, scratch: UnsafeMutableRawBufferPointer,
        isFresh: Bool
    ) throws(Errno) -> Int {
        if let direct {
            do throws(Errno) {
                return try readDirect(direct, into: buffer, at: offset, scratch: scratch)
            } catch .invalidArgument {
                // The device's blocks are larger than our alignment, or it can't do direct I/O after all.
                calls.closeUnwritten(direct)
                self.direct = nil
            }
        }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(longestRead))
        if isFresh { calls.dropCache(descriptor.raw, at: offset, length: Int64(part.count)) }
        if hasUncached {
            do throws(Errno) {
                return try calls.readUncached(descriptor.raw, into: part, at: offset)
            } catch .notSupported, .invalidArgument {
                hasUncached = false
            }
        }
        return try readAndForget(part, at: offset)
    }

    private func readDirect(
        _ direct: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64,
        scratch: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int {
        let alignment = Self.alignment
        let skipped = Int(offset % Int64(alignment))
        let isAligned = skipped == 0 && UInt(bitPattern: buffer.baseAddress) % UInt(alignment) == 0
        if isAligned, buffer.count >= alignment {
            let length = min(buffer.count, longestRead) / alignment * alignment
            return try calls.read(
                direct, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<length]), at: offset)
        }
        let wanted = min(buffer.count, longestRead - alignment)
        let length = (skipped + wanted + alignment - 1) / alignment * alignment
        let count = try calls.read(
            direct, into: UnsafeMutableRawBufferPointer(rebasing: scratch[..<length]), at: offset - Int64(skipped))
        guard count > skipped else { return 0 }
        let part = UnsafeRawBufferPointer(rebasing: scratch[skipped..<min(count, skipped + wanted)])
        buffer.copyMemory(from: part)
        return part.count
    }

    /// Reads through the page cache, and drops the pages that weren't in it before: others may be reading the rest.
    private func readAndForget(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        let alignment = Int64(Self.alignment)
        let start = offset / alignment * alignment
        let length = Int((offset + Int64(buffer.count) + alignment - 1) / alignment * alignment - start)
        let before = calls.resident(descriptor.raw, at: start, length: length)
        let count = try calls.read(descriptor.raw, into: buffer, at: offset)
        guard let before, !before.isEmpty else { return count }
        let page = Int64(length / before.count)
        var n = 0
        while n < before.count {
            var end = n
            while end < before.count, !before[end] { end += 1 }
            if end > n { calls.dropCache(descriptor.raw, at: start + Int64(n) * page, length: Int64(end - n) * page) }
            n = end + 1
        }
        return count
    }
}

/// Reads a torrent's bytes past the page cache, from wherever they are placed.
struct ScrubSource {
    private static let openFiles = 8

    private let disk: Disk
    private let payload: Payload
    private let scratch: UnsafeMutableRawBufferPointer
    private let isFresh: Bool
    private let manners: ScrubFile.Manners
    private var folder: OpenFolder?
    private var files: [(file: PayloadFile, open: ScrubFile)] = []

    /// `scratch` is aligned and has ``ScrubFile/longestRead`` bytes.
    init(
        _ disk: Disk, _ payload: Payload, scratch: UnsafeMutableRawBufferPointer, isFresh: Bool,
        manners: ScrubFile.Manners = ScrubFile.Manners()
    ) {
        self.disk = disk
        self.payload = payload
        self.scratch = scratch
        self.isFresh = isFresh
        self.manners = manners
    }

    mutating func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) {
        var done = 0
        for segment in payload.layout.segments(offset: offset, length: buffer.count) {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + segment.length])
            if let file = payload.place(of: segment.file) {
                try open(file).read(
                    into: part, at: file == .parts ? offset + Int64(done) : segment.fileOffset, scratch: scratch,
                    isFresh: isFresh)
            } else {
                part.initializeMemory(as: UInt8.self, repeating: 0)
            }
            done += segment.length
        }
    }

    /// The file, opened by its name: a file that is no longer at its path must not be found good.
    private mutating func open(_ file: PayloadFile) throws(DiskError) -> ScrubFile {
        if let known = files.first(where: { $0.file == file }) { return known.open }
        let pool = DescriptorPool(limit: 1)
        let descriptor = try disk.descriptor(payload, file, writing: false, in: &folder, from: pool)
        let open = ScrubFile(descriptor, path: payload.path(of: file), manners: manners)
        if files.count == Self.openFiles { files.removeFirst() }
        files.append((file, open))
        return open
    }
}
