import SystemPackage
import Torrent

extension Disk {
    /// Reads bytes of a piece for a peer. A short file is an error: zeros are never made up for it.
    ///
    /// With ``maximumQueuedReads`` waiting already, the answer is ``DiskError/Code/busy``, at once and on the calling
    /// thread.
    package func read(
        _ payload: Payload, piece: PieceIndex, begin: Int, length: Int,
        completion: @escaping @Sendable (Result<[UInt8], DiskError>) -> Void
    ) {
        precondition(payload.geometry.contains(piece: piece.value, begin: begin, length: length))
        let isTaken = workers.submit(.read, limit: Self.maximumQueuedReads) {
            completion(self.readBytes(payload, payload.geometry.offset(of: piece) + Int64(begin), length))
        }
        if !isTaken { completion(.failure(DiskError(.busy, .read, payload.root.text))) }
    }

    package func read(_ payload: Payload, piece: PieceIndex, begin: Int, length: Int) async throws(DiskError) -> [UInt8]
    {
        try await answer { done in read(payload, piece: piece, begin: begin, length: length, completion: done) }.get()
    }

    /// Fills `buffer` from the torrent's byte `offset` on. It blocks: call it inside ``perform(_:)``.
    package func readBlocking(_ payload: Payload, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer)
        throws(DiskError)
    {
        var reader = PayloadReader(self, payload, pool: pool)
        try reader.read(at: offset, into: buffer)
    }

    /// Fills the buffers one after the other from the torrent's byte `offset` on, if the file is open and the page
    /// cache has it all: no thread waits for that. `false` says nothing but that it has to be read.
    package func readNow(_ payload: Payload, at offset: Int64, into buffers: [UnsafeMutableRawBufferPointer]) -> Bool {
        let length = buffers.reduce(0) { $0 + $1.count }
        var segments = payload.layout.segments(offset: offset, length: length).makeIterator()
        guard let segment = segments.next(), segment.length == length, let file = payload.place(of: segment.file),
            case .entry = file,
            let descriptor = pool.descriptor(.init(torrent: payload.infoHash, file: file), writing: false)
        else { return false }
        // What went wrong is found out by the read that follows.
        do { return try calls.readCached(descriptor.raw, into: buffers, at: segment.fileOffset) == length } catch {
            return false
        }
    }

    private func readBytes(_ payload: Payload, _ offset: Int64, _ length: Int) -> Result<[UInt8], DiskError> {
        var failure: DiskError?
        let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            do throws(DiskError) {
                try readBlocking(payload, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
                count = length
            } catch {
                failure = error
            }
        }
        return failure.map { .failure($0) } ?? .success(bytes)
    }
}
