import Glibc
import SystemPackage
import Torrent

/// A sequence of files at arbitrary paths, read as one stream of bytes.
final class FileSequence: Sendable {
    let paths: [FilePath]
    /// The offset at which each file begins, followed by the offset at which the last one ends.
    let offsets: [Int64]

    init(_ paths: [FilePath], lengths: [Int64]) {
        self.paths = paths
        self.offsets = lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    }

    /// The index of the file that contains the byte.
    func file(at offset: Int64) -> Int {
        var low = 0
        var high = paths.count
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle + 1] > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// Reads a ``FileSequence`` and keeps the descriptors of its last few files open.
struct FileSequenceReader: ByteSource {
    private static let descriptorLimit = 16

    private let files: FileSequence
    private let calls: any DiskCalls
    private let ledger = WriteLedger()
    private var open: [(file: Int, descriptor: Descriptor)] = []

    init(_ files: FileSequence, _ calls: any DiskCalls) {
        self.files = files
        self.calls = calls
    }

    mutating func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) {
        var done = 0
        var file = files.file(at: offset)
        while done < buffer.count {
            let at = offset + Int64(done)
            let length = Int(min(Int64(buffer.count - done), files.offsets[file + 1] - at))
            if length > 0 {
                let path = files.paths[file].text
                try descriptor(file).read(
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + length]),
                    at: at - files.offsets[file], path: path)
                done += length
            }
            file += 1
        }
    }

    mutating func readCached(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        let file = files.file(at: offset)
        guard Int64(buffer.count) <= files.offsets[file + 1] - offset else { return false }
        // An error is left to the regular read that follows, which reports it.
        do {
            return try calls.readCached(try descriptor(file).raw, into: [buffer], at: offset - files.offsets[file])
                == buffer.count
        } catch {
            return false
        }
    }

    mutating func map(at offset: Int64, length: Int) -> CachedBytes? {
        let file = files.file(at: offset)
        guard Int64(length) <= files.offsets[file + 1] - offset else { return nil }
        // An error is left to the regular read that follows, which reports it.
        do {
            let descriptor = try descriptor(file)
            return calls.mapCached(descriptor.raw, at: offset - files.offsets[file], length: length)
                .map { CachedBytes(range: $0, descriptor: descriptor) }
        } catch {
            return nil
        }
    }

    mutating func readAhead(at offset: Int64, length: Int) {
        let file = files.file(at: offset)
        let here = min(Int64(length), files.offsets[file + 1] - offset)
        // If a file can't be opened, the read that follows reports it.
        do { calls.readAhead(try descriptor(file).raw, at: offset - files.offsets[file], length: here) } catch {
            return
        }
    }

    private mutating func descriptor(_ file: Int) throws(DiskError) -> Descriptor {
        if let found = open.first(where: { $0.file == file }) { return found.descriptor }
        let raw: Int32
        do { raw = try calls.open(files.paths[file], flags: O_RDONLY | O_NONBLOCK) } catch {
            throw DiskError(error, .open, files.paths[file].text)
        }
        let descriptor = Descriptor(raw, isWritable: false, file: .entry(file), calls: calls, ledger: ledger)
        if open.count == Self.descriptorLimit { open.removeFirst() }
        open.append((file, descriptor))
        return descriptor
    }
}
