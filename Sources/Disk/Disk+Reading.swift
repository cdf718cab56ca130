import SystemPackage
import Torrent

extension Disk {
    /// Reads bytes of a piece for a peer. A short file is an error: zeros are never made up for it.
    ///
    /// With ``maximumQueuedReads`` waiting already, the answer is ``DiskError/Code/busy``, at once and on the calling thread.
    package func read(
        _ payload: Payload, piece: PieceIndex, begin: Int, length: Int, completion: @escaping @Sendable (Result<[UInt8], DiskError>) -> Void
    ) {
        precondition(payload.geometry.contains(piece: piece.value, begin: begin, length: length))
        let isTaken = workers.submit(.read, limit: Self.maximumQueuedReads) {
            completion(self.readBytes(payload, payload.geometry.offset(of: piece) + Int64(begin), length))
        }
        if !isTaken { completion(.failure(DiskError(.busy, .read, payload.root.string))) }
    }

    package func read(_ payload: Payload, piece: PieceIndex, begin: Int, length: Int) async throws(DiskError) -> [UInt8] {
        try await answer { done in read(payload, piece: piece, begin: begin, length: length, completion: done) }.get()
    }

    /// Fills `buffer` from the torrent's byte `offset` on. It blocks: call it inside ``perform(_:)``.
    package func readBlocking(_ payload: Payload, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) {
        var reader = PayloadReader(self, payload, pool: pool)
        try reader.read(at: offset, into: buffer)
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
