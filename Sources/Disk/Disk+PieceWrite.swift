import Torrent

extension Disk {
    /// Pieces that are hashed together: one for each lane of the widest kernel.
    static let lanes = LaneHasher.lanes

    /// Hashes complete pieces, many at once, and writes those that are right straight from their buffers.
    ///
    /// `completion` is called once for each piece. What is `good` is not durable until a ``sync(_:completion:)`` that begins after.
    package func verifyAndWrite(_ writes: [PieceWrite], completion: @escaping @Sendable (PieceIndex, PieceOutcome) -> Void) {
        pieceWrites.append(writes, completion)
        // A job takes what it finds, so there are always enough of them; the last ones may find nothing left.
        for _ in stride(from: 0, to: writes.count, by: Self.lanes) {
            workers.submit(.write) { self.verifyAndWriteWaiting() }
        }
    }

    package func verifyAndWrite(_ write: PieceWrite) async -> PieceOutcome {
        await answer { done in verifyAndWrite([write]) { _, outcome in done(outcome) } }
    }

    /// Writes blocks of a piece that is not complete, unverified, to their final place, so that they need not be fetched again.
    package func writeBlocks(
        _ payload: Payload, piece: PieceIndex, from buffer: PieceBuffer, blocks: BlockSet,
        completion: @escaping @Sendable (Result<Void, DiskError>) -> Void
    ) {
        precondition(buffer.length >= payload.geometry.length(of: piece))
        run(.write, completion) { () throws(DiskError) in
            let bytes = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<payload.geometry.length(of: piece)])
            try self.writeRuns(payload, piece, bytes, of: blocks, isMember: true)
        }
    }

    package func writeBlocks(_ payload: Payload, piece: PieceIndex, from buffer: PieceBuffer, blocks: BlockSet) async throws(DiskError) {
        try await answer { done in writeBlocks(payload, piece: piece, from: buffer, blocks: blocks, completion: done) }.get()
    }

    private func verifyAndWriteWaiting() {
        var batch: [PieceWriteQueue.Entry] = []
        for entry in pieceWrites.take(Self.lanes) {
            do {
                try readMissing(entry.write)
                batch.append(entry)
            } catch {
                entry.completion(entry.write.piece, .failed(error))
            }
        }
        guard !batch.isEmpty else { return }
        let digests = MessageDigests(batch.map { UnsafeRawBufferPointer($0.write.bytes) })
        for (n, entry) in batch.enumerated() {
            entry.completion(entry.write.piece, outcome(of: entry.write, isRight: digests[n].elementsEqual(entry.write.expected)))
        }
    }

    private func outcome(of write: PieceWrite, isRight: Bool) -> PieceOutcome {
        guard isRight else { return .bad(blockDigests: blockDigests(of: write)) }
        do {
            try writeRuns(
                write.payload, write.piece, UnsafeRawBufferPointer(write.bytes), of: write.missing.union(write.alreadyWritten), isMember: false)
        } catch {
            return .failed(error)
        }
        return .good(blockDigests: write.wantsBlockDigests ? blockDigests(of: write) : nil)
    }

    private func readMissing(_ write: PieceWrite) throws(DiskError) {
        guard !write.missing.isEmpty else { return }
        let (geometry, bytes) = (write.payload.geometry, write.bytes)
        var reader = PayloadReader(self, write.payload, pool: pool)
        try write.missing.forEachRun(of: true, count: geometry.blockCount(of: write.piece)) { (run: Range<Int>) throws(DiskError) in
            let range = Self.bytes(of: run, in: bytes.count)
            try reader.read(
                at: geometry.offset(of: write.piece) + Int64(range.lowerBound), into: UnsafeMutableRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// Writes the runs of blocks of which `isMember` says whether they are in `blocks`.
    private func writeRuns(_ payload: Payload, _ piece: PieceIndex, _ bytes: UnsafeRawBufferPointer, of blocks: BlockSet, isMember: Bool)
        throws(DiskError)
    {
        let count = payload.geometry.blockCount(of: piece)
        try blocks.forEachRun(of: isMember, count: count) { (run: Range<Int>) throws(DiskError) in
            let range = Self.bytes(of: run, in: bytes.count)
            try write(payload, at: payload.geometry.offset(of: piece) + Int64(range.lowerBound), UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    private func blockDigests(of write: PieceWrite) -> [UInt64] {
        let bytes = UnsafeRawBufferPointer(write.bytes)
        let count = write.payload.geometry.blockCount(of: write.piece)
        let blocks = (0..<count).map { UnsafeRawBufferPointer(rebasing: bytes[Self.bytes(of: $0..<$0 + 1, in: bytes.count)]) }
        let digests = MessageDigests(blocks)
        return (0..<count).map { n in digests[n].prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
    }

    private static func bytes(of blocks: Range<Int>, in length: Int) -> Range<Int> {
        blocks.lowerBound * Geometry.blockLength..<min(length, blocks.upperBound * Geometry.blockLength)
    }
}
