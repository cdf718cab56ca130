import Glibc
import System
import SystemPackage
import Torrent

/// The pages of a database file with its log applied, read without SQLite, which stops at the first damage.
///
/// The database must not be open in this process, because closing a descriptor of the file drops the process's POSIX
/// locks on it.
final class DamagedPages {
    /// The page size in bytes of every database that this program makes (SQLite's default since 3.12).
    static let usualPageSize = 4096

    /// Bytes of a page.
    let pageSize: Int
    /// The number of pages in the file and its log.
    let count: Int
    private let file: Int32
    /// -1 when there is no log.
    private let log: Int32
    /// The offset in the log of the newest committed bytes of each page.
    private let frames: [Int: Int64]

    init(_ path: FilePath) throws(StoreError) {
        file = path.withPlatformString { open($0, O_RDONLY | O_CLOEXEC) }
        guard file >= 0 else {
            throw StoreError(
                .cantOpen, path: path.text,
                "the damaged database cannot be read (\(String(cString: strerror(errno)))): give this user permission to read it"
            )
        }
        pageSize = Self.pageSize(Self.read(file, at: 0, count: 100) ?? [])
        // Without a log that can be opened, the file is all there is.
        log = path.extended(by: "-wal").withPlatformString { open($0, O_RDONLY | O_CLOEXEC) }
        frames = log >= 0 ? DamagedLog.committedFrames(log, pageSize: pageSize) : [:]
        var status = stat()
        // fstat on an open file always succeeds; if it didn't, the file would have no pages.
        let bytes = fstat(file, &status) == 0 ? Int(status.st_size) : 0
        count = max((bytes + pageSize - 1) / pageSize, frames.keys.max() ?? 0)
    }

    deinit {
        // Nothing was written through these descriptors.
        close(file)
        if log >= 0 { close(log) }
    }

    /// The bytes of a page, counted from 1; `nil` when there is no such page or the disk can't read it. A page that is
    /// cut off by the end of the file is padded with zeros, as in SQLite.
    subscript(number: Int) -> [UInt8]? {
        guard number >= 1, number <= count else { return nil }
        if let offset = frames[number] { return Self.read(log, at: offset, count: pageSize) }
        let bytes = Self.read(file, at: Int64(number - 1) * Int64(pageSize), atMost: pageSize)
        return bytes.isEmpty ? nil : bytes + [UInt8](repeating: 0, count: pageSize - bytes.count)
    }

    /// Exactly `count` bytes; `nil` when the file ends before them or the disk can't read them.
    static func read(_ file: Int32, at offset: Int64, count: Int) -> [UInt8]? {
        let bytes = read(file, at: offset, atMost: count)
        return bytes.count == count ? bytes : nil
    }

    private static func read(_ file: Int32, at offset: Int64, atMost count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let place = (rest: buffer.baseAddress! + filled, offset: off_t(offset) + off_t(filled))
                let got = try? retrying { pread(file, place.rest, count - filled, place.offset) }
                guard let got, got > 0 else { return }
                filled += got
            }
        }
    }

    /// The page size in the header (sqlite.org/fileformat.html, section 1.3.2), if it is possible; 1 stands for 65536.
    private static func pageSize(_ header: [UInt8]) -> Int {
        guard header.count == 100 else { return usualPageSize }
        let said = Int(header[16]) << 8 | Int(header[17])
        let size = said == 1 ? 65536 : said
        return size >= 512 && size & (size - 1) == 0 ? size : usualPageSize
    }
}

/// The write-ahead log of a damaged database (sqlite.org/fileformat.html, section 4).
enum DamagedLog {
    private static let headerLength = 32
    private static let frameHeaderLength = 24
    /// The magic number without its last bit, which gives the byte order of the checksums' words.
    private static let magic: UInt32 = 0x377f_0682

    /// The offset of the newest committed frame of each page. Frames after the first damaged one are ignored, as in
    /// SQLite.
    static func committedFrames(_ log: Int32, pageSize: Int) -> [Int: Int64] {
        guard let header = DamagedPages.read(log, at: 0, count: headerLength) else { return [:] }
        let magic = word(header, 0)
        guard magic & ~1 == Self.magic, word(header, 8) == UInt32(pageSize) else { return [:] }
        var sum = Checksum(isBigEndian: magic & 1 == 1)
        sum.add(header[0..<24])
        guard sum.first == word(header, 24), sum.second == word(header, 28) else { return [:] }
        var committed: [Int: Int64] = [:]
        var pending: [Int: Int64] = [:]
        var offset = Int64(headerLength)
        while let frame = DamagedPages.read(log, at: offset, count: frameHeaderLength + pageSize) {
            guard word(frame, 8) == word(header, 16), word(frame, 12) == word(header, 20) else { break }
            sum.add(frame[0..<8])
            sum.add(frame[frameHeaderLength...])
            guard sum.first == word(frame, 16), sum.second == word(frame, 20) else { break }
            let page = Int(word(frame, 0))
            guard page > 0 else { break }
            pending[page] = offset + Int64(frameHeaderLength)
            if word(frame, 4) != 0 {
                committed.merge(pending) { _, new in new }
                pending = [:]
            }
            offset += Int64(frame.count)
        }
        return committed
    }

    private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
        bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The running checksum of a log.
    private struct Checksum {
        let isBigEndian: Bool
        private(set) var first: UInt32 = 0
        private(set) var second: UInt32 = 0

        init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

        /// Adds bytes, whose count is a multiple of eight.
        mutating func add(_ bytes: ArraySlice<UInt8>) {
            bytes.withUnsafeBytes { bytes in
                for place in stride(from: 0, to: bytes.count - 7, by: 8) {
                    first = first &+ word(bytes, place) &+ second
                    second = second &+ word(bytes, place + 4) &+ first
                }
            }
        }

        private func word(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt32 {
            let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
            return isBigEndian ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
        }
    }
}
