import Library
import System
import SystemPackage
import Torrent

/// A temporary folder with a reproducible payload, whose bytes depend only on their position.
struct DemoFolder: Sendable {
    static let payloadBytes = 96 << 20
    /// The number of bytes that are written at a time.
    private static let chunk = 1 << 20
    private static let files: [(path: [String], share: Int)] = [
        (["film.mkv"], 80), (["extras", "score.flac"], 15), (["extras", "notes.txt"], 1),
    ]

    let path: FilePath
    var payload: FilePath { path.appending("seeder").appending("demo") }

    init() throws {
        let parent = ThisProcess.variable("TMPDIR").map { PathText.text($0) } ?? "/tmp"
        do { path = try PathCalls.makeTemporaryFolder(FilePath(text: "\(parent)/pieces-demo.")) } catch {
            throw Failure("cannot create a folder in \(parent.printable): \(error)")
        }
    }

    func makePayload() throws {
        try NewFile.makeFolder(payload.appending("extras"))
        var generator = SeededGenerator(seed: 7)
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        for (names, share) in Self.files {
            let options: FileDescriptor.OpenOptions = [.create, .exclusiveCreate, .closeOnExec]
            let file = try FileDescriptor.open(
                file(names, in: payload), .writeOnly, options: options, permissions: .ownerReadWrite)
            try file.closeAfter {
                for _ in 0..<share * (Self.payloadBytes / 96 / Self.chunk) {
                    generator.fill(&buffer)
                    try file.writeAll(buffer)
                }
            }
        }
    }

    /// Where a byte rots: in the second piece of the large file.
    private static let rottenOffset: Int64 = (256 << 10) + 4321

    /// Changes one bit of a file in the folder, which keeps its size and its times.
    func rot(in folder: FilePath) throws -> (path: String, offset: Int64) {
        let path = file(Self.files[0].path, in: folder)
        try PathCalls.keepingTimes(of: path) {
            let file = try FileDescriptor.open(path, .readWrite)
            try file.closeAfter {
                var byte: [UInt8] = [0]
                _ = try byte.withUnsafeMutableBytes {
                    try file.read(fromAbsoluteOffset: Self.rottenOffset, into: $0)
                }
                byte[0] ^= 0x08
                _ = try file.writeAll(toAbsoluteOffset: Self.rottenOffset, byte)
            }
        }
        return (path.text, Self.rottenOffset)
    }

    /// Whether the files in another folder have the same contents.
    func payloadEquals(_ other: FilePath) throws -> Bool {
        for (names, _) in Self.files {
            let mine = try FileDescriptor.open(file(names, in: payload), .readOnly)
            let isEqual = try mine.closeAfter {
                let theirs = try FileDescriptor.open(file(names, in: other), .readOnly)
                return try theirs.closeAfter { try Self.equal(mine, theirs) }
            }
            guard isEqual else { return false }
        }
        return true
    }

    /// Removes the folder with its contents, and reports an error.
    func remove() {
        do { try Self.remove(path) } catch { Terminal.shared.complain("cannot remove \(path.text): \(error)") }
    }

    private static func remove(_ path: FilePath) throws {
        do throws(Errno) {
            return try PathCalls.removeFile(path)
        } catch {
            guard error == .isDirectory || error == .notPermitted else { throw error }
        }
        for name in try ContentScan.entries(path) { try remove(path.appending(name: name)) }
        try PathCalls.removeFolder(path)
    }

    private func file(_ names: [String], in folder: FilePath) -> FilePath { names.reduce(folder) { $0.appending($1) } }

    private static func equal(_ one: FileDescriptor, _ other: FileDescriptor) throws -> Bool {
        var buffers = ([UInt8](repeating: 0, count: chunk), [UInt8](repeating: 0, count: chunk))
        while true {
            let count = try buffers.0.withUnsafeMutableBytes { try one.read(into: $0) }
            var done = 0
            // At the end, one more byte is requested, so that a longer file isn't equal.
            repeat {
                let part = try buffers.1.withUnsafeMutableBytes { bytes in
                    try other.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[done..<max(count, 1)]))
                }
                if part == 0 { break }
                done += part
            } while done < count
            guard done == count, buffers.0.prefix(count) == buffers.1.prefix(count) else { return false }
            if count == 0 { return true }
        }
    }
}

extension SeededGenerator {
    /// Fills the buffer with bytes that nothing compresses.
    fileprivate mutating func fill(_ buffer: inout [UInt8]) {
        buffer.withUnsafeMutableBytes { bytes in
            let words = bytes.bindMemory(to: UInt64.self)
            for n in words.indices { words[n] = next() }
        }
    }
}
