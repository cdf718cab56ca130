import System
import Torrent

/// Bytes of one file in the page cache, and what keeps the file open meanwhile.
struct CachedBytes {
    let range: CachedRange
    let descriptor: Descriptor
}

/// Where the next bytes of each lane's piece are in the page cache, so that they are hashed there.
///
/// A copy costs half as much time as the fastest hash. As under a read, a file may change or end under the hash; then
/// the bytes don't count.
struct CachedWindows {
    /// Below this, a mapping costs more than a copy.
    private static let shortest = 128 << 10

    private var open: [CachedBytes] = []
    /// The first byte of each lane's window.
    private var starts: [UnsafeRawPointer?] = Array(repeating: nil, count: LaneHasher.lanes)
    /// Whether all bytes that were seen in the windows that are closed were the files'.
    private var isIntact = true

    /// The byte of the lane's piece that is `distance` bytes after the beginning of the window; `nil` where it has to
    /// be read.
    func bytes(_ lane: Int, after distance: Int) -> UnsafePointer<UInt8>? {
        starts[lane].map { ($0 + distance).assumingMemoryBound(to: UInt8.self) }
    }

    /// Opens the windows of `count` bytes that begin at these offsets of the torrent's bytes: one for all, if the bytes
    /// of the lanes follow one another in a file.
    mutating func move(to offsets: [Int64?], count: Int, _ source: inout some ByteSource) {
        close()
        if let first = offsets.first, let first, offsets.count * count >= Self.shortest,
            offsets.indices.allSatisfy({ offsets[$0] == first + Int64($0 * count) }),
            let start = map(first, offsets.count * count, &source)
        {
            for lane in offsets.indices { starts[lane] = start + lane * count }
            return
        }
        guard count >= Self.shortest else { return }
        for (lane, offset) in offsets.enumerated() {
            if let offset { starts[lane] = map(offset, count, &source) }
        }
    }

    /// Closes all. Whether all bytes that were seen in windows since the last end were the files'.
    mutating func end() -> Bool {
        close()
        defer { isIntact = true }
        return isIntact
    }

    private mutating func map(_ offset: Int64, _ count: Int, _ source: inout some ByteSource) -> UnsafeRawPointer? {
        guard let bytes = source.map(at: offset, length: count) else { return nil }
        open.append(bytes)
        return bytes.range.start
    }

    /// Closes all, so that everything is read.
    mutating func close() {
        for bytes in open where !bytes.range.close() { isIntact = false }
        open.removeAll(keepingCapacity: true)
        for lane in starts.indices { starts[lane] = nil }
    }
}
