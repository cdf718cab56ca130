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
    private let file: FileDescriptor
    private let log: FileDescriptor?
    /// The offset in the log of the newest committed bytes of each page.
    private let frames: [Int: Int64]

    init(_ path: FilePath) throws(StoreError) {
        do {
            file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        } catch {
            throw StoreError(
                .cantOpen, path: path.text,
                "the damaged database cannot be read (\(error)): give this user permission to read it")
        }
        pageSize = Self.pageSize(Self.read(file, at: 0, count: 100) ?? [])
        do {
            log = try FileDescriptor.open(path.extended(by: "-wal"), .readOnly, options: .closeOnExec)
        } catch {
            // Without a log that can be opened, the file is all there is.
            log = nil
        }
        frames = log.map { [pageSize] in DamagedLog.committedFrames($0, pageSize: pageSize) } ?? [:]
        let bytes: Int
        // fstat on an open file always succeeds; if it didn't, the file would have no pages.
        do { bytes = Int(try PathStatus(of: file).size) } catch { bytes = 0 }
        count = max((bytes + pageSize - 1) / pageSize, frames.keys.max() ?? 0)
    }

    deinit {
        // Nothing was written through these descriptors.
        for descriptor in [file, log] { do { try descriptor?.close() } catch {} }
    }

    /// The bytes of a page, counted from 1; `nil` when there is no such page or the disk can't read it. A page that is
    /// cut off by the end of the file is padded with zeros, as in SQLite.
    subscript(number: Int) -> [UInt8]? {
        guard number >= 1, number <= count else { return nil }
        if let log, let offset = frames[number] { return Self.read(log, at: offset, count: pageSize) }
        let bytes = Self.read(file, at: Int64(number - 1) * Int64(pageSize), atMost: pageSize)
        return bytes.isEmpty ? nil : bytes + [UInt8](repeating: 0, count: pageSize - bytes.count)
    }

    /// Exactly `count` bytes; `nil` when the file ends before them or the disk can't read them.
    static func read(_ file: FileDescriptor, at offset: Int64, count: Int) -> [UInt8]? {
        let bytes = read(file, at: offset, atMost: count)
        return bytes.count == count ? bytes : nil
    }

    private static func read(_ file: FileDescriptor, at offset: Int64, atMost count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                let got: Int
                do { got = try file.read(fromAbsoluteOffset: offset + Int64(filled), into: rest) } catch { return }
                guard got > 0 else { return }
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
