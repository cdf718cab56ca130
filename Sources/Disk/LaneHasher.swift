import CPieceHash
import Torrent

/// Hashes as many pieces as there are lanes at once, each read chunk by chunk into memory that stays in the processor's cache.
final class LaneHasher {
    static let lanes = PIECE_HASH_MAXIMUM_LANES
    /// Bytes of each piece that are read at a time: all lanes together stay in the cache that the cores share, and a call of the system
    /// costs a small part of what the bytes cost. A multiple of the hash's block.
    static let chunkLength = 128 << 10
    /// Bytes of each piece that the system is told to read ahead.
    private static let readAheadLength = 4 << 20

    private let memory: UnsafeMutableRawPointer
    private let streams: UnsafeMutablePointer<piece_hash_stream>
    private let digests: UnsafeMutablePointer<SHA1Digest>
    private var streamPointers: [UnsafeMutablePointer<piece_hash_stream>?]
    private var dataPointers: [UnsafePointer<UInt8>?]
    private var lengths: [Int]

    /// The pieces that were hashed last.
    private(set) var pieces: [PieceIndex] = []
    /// For each of them why it could not be read.
    private(set) var failures: [DiskError?] = []

    init() {
        memory = .allocate(byteCount: Self.lanes * Self.chunkLength, alignment: 4096)
        streams = .allocate(capacity: Self.lanes)
        digests = .allocate(capacity: Self.lanes)
        UnsafeMutableRawPointer(streams).initializeMemory(as: UInt8.self, repeating: 0, count: Self.lanes * MemoryLayout<piece_hash_stream>.stride)
        UnsafeMutableRawPointer(digests).initializeMemory(as: UInt8.self, repeating: 0, count: Self.lanes * MemoryLayout<SHA1Digest>.stride)
        streamPointers = Array(repeating: nil, count: Self.lanes)
        dataPointers = Array(repeating: nil, count: Self.lanes)
        lengths = Array(repeating: 0, count: Self.lanes)
    }

    deinit {
        memory.deallocate()
        streams.deallocate()
        digests.deallocate()
    }

    /// The digest of `pieces[lane]`, unless there is a failure.
    func digest(_ lane: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: digests + lane, count: MemoryLayout<SHA1Digest>.size) }

    /// Hashes pieces of equal length, at most one a lane; `false` when it was cancelled half-way.
    func hash(_ pieces: [PieceIndex], of geometry: Geometry, from source: inout some ByteSource, cancel: CancelToken) -> Bool {
        precondition(pieces.count <= Self.lanes)
        self.pieces = pieces
        failures.removeAll(keepingCapacity: true)
        for _ in pieces { failures.append(nil) }
        guard let first = pieces.first else { return true }
        let length = geometry.length(of: first)
        return length <= Self.chunkLength
            ? hashWhole(length, geometry, &source, cancel)
            : hashStreaming(length, geometry, &source, cancel)
    }

    /// Short pieces: each is one chunk.
    private func hashWhole(_ length: Int, _ geometry: Geometry, _ source: inout some ByteSource, _ cancel: CancelToken) -> Bool {
        for lane in pieces.indices { source.readAhead(at: geometry.offset(of: pieces[lane]), length: length) }
        for lane in pieces.indices {
            guard !cancel.isCancelled else { return false }
            read(lane, geometry, 0, length, &source)
            dataPointers[lane] = UnsafePointer((memory + lane * Self.chunkLength).assumingMemoryBound(to: UInt8.self))
            lengths[lane] = failures[lane] == nil ? length : 0
        }
        piece_hash_sha1(dataPointers, lengths, pieces.count, digests)
        return true
    }

    private func hashStreaming(_ length: Int, _ geometry: Geometry, _ source: inout some ByteSource, _ cancel: CancelToken) -> Bool {
        for lane in pieces.indices { piece_hash_sha1_begin(streams + lane) }
        for start in stride(from: 0, to: length, by: Self.chunkLength) {
            if start % Self.readAheadLength == 0 { readAhead(start, length, geometry, &source) }
            let chunk = min(Self.chunkLength, length - start)
            var active = 0
            for lane in pieces.indices where failures[lane] == nil {
                guard !cancel.isCancelled else { return false }
                guard read(lane, geometry, start, chunk, &source) else { continue }
                streamPointers[active] = streams + lane
                dataPointers[active] = UnsafePointer((memory + lane * Self.chunkLength).assumingMemoryBound(to: UInt8.self))
                active += 1
            }
            piece_hash_sha1_update(streamPointers, dataPointers, chunk / PIECE_HASH_BLOCK_LENGTH, active)
        }
        // The last chunk's bytes behind its last whole block are still where they were read.
        let tail = length % PIECE_HASH_BLOCK_LENGTH
        let tailStart = (length - 1) % Self.chunkLength + 1 - tail
        for lane in pieces.indices where failures[lane] == nil {
            let bytes = (memory + lane * Self.chunkLength + tailStart).assumingMemoryBound(to: UInt8.self)
            (digests + lane).withMemoryRebound(to: UInt8.self, capacity: MemoryLayout<SHA1Digest>.size) {
                piece_hash_sha1_finish(streams + lane, bytes, tail, $0)
            }
        }
        return true
    }

    private func readAhead(_ start: Int, _ length: Int, _ geometry: Geometry, _ source: inout some ByteSource) {
        for lane in pieces.indices where failures[lane] == nil {
            source.readAhead(at: geometry.offset(of: pieces[lane]) + Int64(start), length: min(Self.readAheadLength, length - start))
        }
    }

    @discardableResult
    private func read(_ lane: Int, _ geometry: Geometry, _ start: Int, _ count: Int, _ source: inout some ByteSource) -> Bool {
        let buffer = UnsafeMutableRawBufferPointer(start: memory + lane * Self.chunkLength, count: count)
        do {
            try source.read(at: geometry.offset(of: pieces[lane]) + Int64(start), into: buffer)
            return true
        } catch {
            failures[lane] = error
            return false
        }
    }
}
