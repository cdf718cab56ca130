import SystemPackage
package import Torrent

extension Disk {
    /// Reads bytes of a piece for a peer. A short file is an error; it is never padded with zeros.
    ///
    /// While ``maximumQueuedReads`` reads are waiting, the call completes with ``DiskError/Code/busy``, at once and on
    /// the calling thread.
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

    /// Fills `buffer` from the torrent's byte `offset` on. It blocks, so call it inside ``perform(_:)``.
    package func readBlocking(_ payload: Payload, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer)
        throws(DiskError)
    {
        try peerReads.measure(on: payload.device) { () throws(DiskError) in
            var reader = PayloadReader(self, payload, pool: pool)
            try reader.read(at: offset, into: buffer)
        }
    }

    /// Fills the buffers in order from the torrent's byte `offset` on without blocking, if the file is open and the
    /// page cache holds all of the bytes. `false` means only that a regular read is needed.
    package func readNow(_ payload: Payload, at offset: Int64, into buffers: [UnsafeMutableRawBufferPointer]) -> Bool {
        let length = buffers.reduce(0) { $0 + $1.count }
        var segments = payload.layout.segments(offset: offset, length: length).makeIterator()
        guard let segment = segments.next(), segment.length == length, let file = payload.place(of: segment.file),
            case .entry = file,
            let descriptor = pool.descriptor(.init(torrent: payload.infoHash, file: file), writing: false)
        else { return false }
        // An error is left to the regular read that follows, which reports it.
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
