import Glibc
import Store
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
