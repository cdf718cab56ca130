import CPieceHash
import Torrent

/// Hashes one piece per lane at the same time: where the page cache has it, or else reading it chunk by chunk into
/// memory that stays in the processor's cache.
package final class LaneHasher {
    package static let lanes = PIECE_HASH_MAXIMUM_LANES
    /// Bytes of each piece that are read at a time. All lanes together fit in the cache that the cores share, and a
    /// system call costs little compared with its bytes. A multiple of the hash's block.
    package static let chunkLength = 256 << 10
    /// Bytes of each piece that are mapped at a time: what is mapped counts as the process's memory. A multiple of the
    /// chunk length.
    package static let windowLength = 1 << 20
    /// The distance of two lanes' chunks in memory. With a power of two, the lines that are hashed at the same time
    /// would share one set of the processor's first cache and push each other out of it; this is 17 lines further.
    private static let laneStride = chunkLength + 17 * 64
    /// Bytes of each piece that the system is asked to read ahead.
    private static let readAheadLength = 4 << 20

    private let memory: UnsafeMutableRawPointer
    private let streams: UnsafeMutablePointer<piece_hash_stream>
    private let digests: UnsafeMutablePointer<RawSHA1>
    private var streamPointers: [UnsafeMutablePointer<piece_hash_stream>?]
    private var dataPointers: [UnsafePointer<UInt8>?]
    private var lengths: [Int]
    /// Where the bytes of each lane's chunk are.
    private var chunks: [UnsafePointer<UInt8>]
    private var windows = CachedWindows()

    /// The pieces that were hashed last.
    private(set) var pieces: [PieceIndex] = []
    /// For each of these pieces, why it could not be read.
    private(set) var failures: [DiskError?] = []

    init() {
        memory = .allocate(byteCount: Self.lanes * Self.laneStride, alignment: 4096)
        streams = .allocate(capacity: Self.lanes)
        digests = .allocate(capacity: Self.lanes)
        UnsafeMutableRawPointer(streams).initializeMemory(
            as: UInt8.self, repeating: 0, count: Self.lanes * MemoryLayout<piece_hash_stream>.stride)
        UnsafeMutableRawPointer(digests).initializeMemory(
            as: UInt8.self, repeating: 0, count: Self.lanes * MemoryLayout<RawSHA1>.stride)
        streamPointers = Array(repeating: nil, count: Self.lanes)
        dataPointers = Array(repeating: nil, count: Self.lanes)
        lengths = Array(repeating: 0, count: Self.lanes)
        let memory = memory
        chunks = (0..<Self.lanes).map { lane in
            UnsafePointer((memory + lane * Self.laneStride).assumingMemoryBound(to: UInt8.self))
        }
    }

    deinit {
        memory.deallocate()
        streams.deallocate()
        digests.deallocate()
    }

    /// The digest of `pieces[lane]`, unless that piece has a failure.
    func digest(_ lane: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: digests + lane, count: MemoryLayout<RawSHA1>.size)
    }

    /// Hashes pieces of equal length, at most one per lane. Returns `false` when cancelled midway.
    func hash(_ pieces: [PieceIndex], of geometry: Geometry, from source: inout some ByteSource, cancel: CancelToken)
        -> Bool
    {
        precondition(pieces.count <= Self.lanes)
        self.pieces = pieces
        let isFinished = hash(geometry, &source, cancel, inCache: true)
        if windows.end() || !isFinished { return isFinished }
        // A file ended, or a page was lost, under the hash. Reads tell which piece it is, and why.
        return hash(geometry, &source, cancel, inCache: false)
    }

    private func hash(
        _ geometry: Geometry, _ source: inout some ByteSource, _ cancel: CancelToken, inCache: Bool
    ) -> Bool {
        failures.removeAll(keepingCapacity: true)
        for _ in pieces { failures.append(nil) }
        guard let first = pieces.first else { return true }
        let length = geometry.length(of: first)
        return length <= Self.chunkLength
            ? hashWhole(length, geometry, &source, cancel, inCache)
            : hashStreaming(length, geometry, &source, cancel, inCache)
    }

    /// Hashes short pieces, each of which is one chunk.
    private func hashWhole(
        _ length: Int, _ geometry: Geometry, _ source: inout some ByteSource, _ cancel: CancelToken, _ inCache: Bool
    ) -> Bool {
        var isCached = true
        let chunk = Chunk(start: 0, count: length, pieceLength: length)
        if inCache { moveWindows(to: chunk, geometry, &source) }
        for lane in pieces.indices {
            guard !cancel.isCancelled else { return false }
            find(lane, chunk, geometry, &source, &isCached)
            dataPointers[lane] = chunks[lane]
            lengths[lane] = failures[lane] == nil ? length : 0
        }
        piece_hash_sha1(dataPointers, lengths, pieces.count, digests)
        return true
    }

    private func hashStreaming(
        _ length: Int, _ geometry: Geometry, _ source: inout some ByteSource, _ cancel: CancelToken, _ inCache: Bool
    ) -> Bool {
        for lane in pieces.indices { piece_hash_sha1_begin(streams + lane) }
        var isCached = true
        for start in stride(from: 0, to: length, by: Self.chunkLength) {
            let chunk = Chunk(start: start, count: min(Self.chunkLength, length - start), pieceLength: length)
            if start % Self.windowLength == 0 {
                if inCache && isCached { moveWindows(to: chunk, geometry, &source) } else { windows.close() }
            }
            if !isCached, start % Self.readAheadLength == 0 { readAhead(chunk, from: 0, geometry, &source) }
            var active = 0
            for lane in pieces.indices where failures[lane] == nil {
                guard !cancel.isCancelled else { return false }
                guard find(lane, chunk, geometry, &source, &isCached) else { continue }
                streamPointers[active] = streams + lane
                dataPointers[active] = chunks[lane]
                active += 1
            }
            piece_hash_sha1_update(streamPointers, dataPointers, chunk.count / PIECE_HASH_BLOCK_LENGTH, active)
        }
        // The last chunk's bytes after its last whole block are still where they were.
        let tail = length % PIECE_HASH_BLOCK_LENGTH
        let tailStart = (length - 1) % Self.chunkLength + 1 - tail
        for lane in pieces.indices where failures[lane] == nil {
            (digests + lane).withMemoryRebound(to: UInt8.self, capacity: MemoryLayout<RawSHA1>.size) {
                piece_hash_sha1_finish(streams + lane, chunks[lane] + tailStart, tail, $0)
            }
        }
        return true
    }

    /// The same range of every lane's piece.
    private struct Chunk {
        let start: Int
        let count: Int
        let pieceLength: Int
    }

    /// Moves the windows to where this chunk begins.
    private func moveWindows(to chunk: Chunk, _ geometry: Geometry, _ source: inout some ByteSource) {
        let offsets = pieces.indices.map { lane in
            failures[lane] == nil ? geometry.offset(of: pieces[lane]) + Int64(chunk.start) : nil
        }
        windows.move(to: offsets, count: min(Self.windowLength, chunk.pieceLength - chunk.start), &source)
    }

    /// Finds a lane's chunk in its window, or reads it; `false` when it can't be read.
    @discardableResult
    private func find(
        _ lane: Int, _ chunk: Chunk, _ geometry: Geometry, _ source: inout some ByteSource, _ isCached: inout Bool
    ) -> Bool {
        if let bytes = windows.bytes(lane, after: chunk.start % Self.windowLength) {
            chunks[lane] = bytes
            return true
        }
        chunks[lane] = UnsafePointer((memory + lane * Self.laneStride).assumingMemoryBound(to: UInt8.self))
        return read(lane, chunk, geometry, &source, &isCached)
    }

    /// Reads a lane's chunk; `false` when it can't be read. No read-ahead is requested while everything was in the page
    /// cache, because that costs a look-up of each page.
    private func read(
        _ lane: Int, _ chunk: Chunk, _ geometry: Geometry, _ source: inout some ByteSource, _ isCached: inout Bool
    ) -> Bool {
        let buffer = UnsafeMutableRawBufferPointer(start: memory + lane * Self.laneStride, count: chunk.count)
        let offset = geometry.offset(of: pieces[lane]) + Int64(chunk.start)
        if isCached {
            if source.readCached(at: offset, into: buffer) { return true }
            isCached = false
            readAhead(chunk, from: lane, geometry, &source)
        }
        do {
            try source.read(at: offset, into: buffer)
            return true
        } catch {
            failures[lane] = error
            return false
        }
    }

    /// Requests read-ahead (`POSIX_FADV_WILLNEED`) of the window that begins with this chunk, in all lanes from `first`
    /// on.
    private func readAhead(_ chunk: Chunk, from first: Int, _ geometry: Geometry, _ source: inout some ByteSource) {
        let length = min(Self.readAheadLength - chunk.start % Self.readAheadLength, chunk.pieceLength - chunk.start)
        for lane in pieces.indices[first...] where failures[lane] == nil {
            source.readAhead(at: geometry.offset(of: pieces[lane]) + Int64(chunk.start), length: length)
        }
    }
}
