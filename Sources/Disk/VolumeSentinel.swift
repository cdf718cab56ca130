import Glibc
import System
package import SystemPackage
import Torrent

/// A small file in the root of a volume, by which the volume is recognized wherever it is mounted and whatever its UUID
/// is. It is written only when the user asks for it.
package enum VolumeSentinel {
    package static let name = ".pieces-volume"
    private static let firstLine = "pieces volume 1"
    private static let numberLength = 32
    private static let limit = 1024

    /// The number in the sentinel of the volume that is mounted there; `nil` if there is none, or none that we can
    /// read.
    package static func read(at mountPath: FilePath) -> String? {
        let descriptor = mountPath.appending(name).withPlatformString {
            open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        }
        guard descriptor >= 0 else { return nil }
        // The result of `close` doesn't matter, because nothing was written.
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let lines = bytes.prefix(count).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count >= 2, lines[0].elementsEqual(firstLine.utf8) else { return nil }
        let number = lines[1].dropFirst(3)
        guard lines[1].starts(with: "id ".utf8), isNumber(number) else { return nil }
        return String(decoding: number, as: UTF8.self)
    }

    private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
        text.count == numberLength
            && text.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 || (UInt8(ascii: "a")...UInt8(ascii: "f")) ~= $0
            }
    }

    /// The file that becomes the sentinel of this number when it is whole.
    private static func unfinished(_ number: String) -> String { "\(name)-\(number)" }

    /// Removes what a process left that was killed while it wrote a sentinel.
    private static func removeUnfinished(at mountPath: FilePath) throws(Errno) {
        let start = Array(unfinished("").utf8)
        for name in try PathCalls.names(in: mountPath)
        where name.starts(with: start) && isNumber(name[min(start.count, name.count)...]) {
            try PathCalls.removeFile(mountPath.appending(String(decoding: name, as: UTF8.self)))
        }
    }

    /// Writes a new sentinel, in place of an earlier one, and makes it durable. Returns its number. A file of that name
    /// that is no sentinel stays as it is.
    package static func write(at mountPath: FilePath) throws(DiskError) -> String {
        var random = SystemRandomNumberGenerator()
        let number = Hex.encode((0..<numberLength / 2).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        let text = """
            \(firstLine)
            id \(number)
            pieces recognises this volume by this file; `pieces volumes --unmark` removes it.

            """
        let path = mountPath.appending(name)
        guard read(at: mountPath) != nil || !PathCalls.exists(path) else {
            throw DiskError(.fileExists, .create, path.text)
        }
        let fresh = mountPath.appending(unfinished(number))
        do throws(Errno) {
            try removeUnfinished(at: mountPath)
            let descriptor = try retrying {
                fresh.withPlatformString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644) }
            }
            do throws(Errno) {
                let bytes = Array(text.utf8)
                let written = try retrying { Glibc.write(descriptor, bytes, bytes.count) }
                guard written == bytes.count else { throw .noSpace }
                _ = try retrying { fsync(descriptor) }
            } catch {
                close(descriptor)
                try PathCalls.removeFile(fresh)
                throw error
            }
            guard close(descriptor) == 0 else { throw Errno(rawValue: errno) }
            try PathCalls.rename(fresh, to: path)
            try PathCalls.syncFolder(mountPath)
        } catch {
            throw DiskError(error, .create, path.text)
        }
        return number
    }

    /// Removes the sentinel, if there is one.
    package static func remove(at mountPath: FilePath) throws(DiskError) {
        let path = mountPath.appending(name)
        do throws(Errno) {
            try PathCalls.removeFile(path)
            try PathCalls.syncFolder(mountPath)
        } catch .noSuchFileOrDirectory {
            return
        } catch {
            throw DiskError(error, .remove, path.text)
        }
    }
}
