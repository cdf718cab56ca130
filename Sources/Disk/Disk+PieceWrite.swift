package import Torrent

extension Disk {
    /// Pieces that are hashed together: one per lane of the widest kernel.
    package static let lanes = LaneHasher.lanes

    /// The number of files from which a piece counts as scattered.
    private static let scatteredFrom = 4

    /// A piece to hash and write, and the completion that receives its outcome.
    package struct PieceJob: Sendable {
        let write: PieceWrite
        let completion: @Sendable (PieceIndex, PieceOutcome) -> Void

        package init(write: PieceWrite, completion: @escaping @Sendable (PieceIndex, PieceOutcome) -> Void) {
            self.write = write
            self.completion = completion
        }
    }

    /// Hashes complete pieces, up to ``lanes`` at once, and writes the good ones straight from their buffers.
    ///
    /// Each completion is called once. A `good` piece is not durable before a ``sync(_:completion:)`` that begins
    /// afterwards.
    package func verifyAndWrite(_ jobs: [PieceJob]) {
        for start in stride(from: 0, to: jobs.count, by: Self.lanes) {
            let batch = Array(jobs[start..<min(start + Self.lanes, jobs.count)])
            workers.submit(.write) { self.verifyAndWriteBlocking(batch) }
        }
    }

    package func verifyAndWrite(_ write: PieceWrite) async -> PieceOutcome {
        await answer { done in verifyAndWrite([PieceJob(write: write) { _, outcome in done(outcome) }]) }
    }

    /// Memory to gather the piece in. It has the same page alignment as the piece's longest part in its file, so that
    /// the bytes can be written with direct I/O.
    package func buffer(for piece: PieceIndex, of payload: Payload) throws(DiskError) -> PieceBuffer {
        let length = payload.geometry.length(of: piece)
        var (longest, phase, done) = (0, 0, 0)
        for segment in payload.layout.segments(offset: payload.geometry.offset(of: piece), length: length) {
            if segment.length > longest {
                longest = segment.length
                let page = Int64(PieceBufferPool.pageLength)
                phase = Int(((segment.fileOffset - Int64(done)) % page + page) % page)
            }
            done += segment.length
        }
        return try buffers.take(length, phase: phase)
    }

    /// Writes unverified blocks of an incomplete piece to their final place, so that they need not be fetched again.
    package func writeBlocks(
        _ payload: Payload, piece: PieceIndex, from buffer: PieceBuffer, blocks: BlockSet,
        completion: @escaping @Sendable (Result<Void, DiskError>) -> Void
    ) {
        precondition(buffer.length >= payload.geometry.length(of: piece))
        run(.write, completion) { () throws(DiskError) in
            let bytes = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<payload.geometry.length(of: piece)])
            try self.writeRuns(payload, piece, bytes, of: blocks, isMember: true, shared: .skip)
        }
    }

    package func writeBlocks(_ payload: Payload, piece: PieceIndex, from buffer: PieceBuffer, blocks: BlockSet)
        async throws(DiskError)
    {
        try await answer { done in writeBlocks(payload, piece: piece, from: buffer, blocks: blocks, completion: done) }
            .get()
    }

    private func verifyAndWriteBlocking(_ jobs: [PieceJob]) {
        var batch: [PieceJob] = []
        for job in jobs {
            do {
                try readMissing(job.write)
                batch.append(job)
            } catch {
                job.completion(job.write.piece, .failed(error))
            }
        }
        guard !batch.isEmpty else { return }
        let digests = MessageDigests(batch.map { UnsafeRawBufferPointer($0.write.bytes) })
        var right: [PieceJob] = []
        for (n, job) in batch.enumerated() {
            if digests[n].elementsEqual(job.write.expected) {
                right.append(job)
            } else {
                job.completion(job.write.piece, .bad(blockDigests: blockDigests(of: job.write)))
            }
        }
        write(right)
    }

    private func write(_ jobs: [PieceJob]) {
        var (own, side, turns): ([PieceJob], [PieceJob], [CachedWrites]) = ([], [], [])
        for job in jobs {
            guard !isScattered(job.write) else {
                // One thread writes it, because creating files is bound by the processor and contends for the same
                // locks.
                own.append(job)
                continue
            }
            let cached = ledger(of: job.write.payload.infoHash).cachedWrites
            if cached.isOnlyWay || job.write.bytes.count < Descriptor.directThreshold {
                if cached.add(job) { turns.append(cached) }
            } else {
                // Any free thread writes it, so that the device has more than one write in its queue.
                side.append(job)
            }
        }
        if let last = side.popLast() { own.append(last) }
        for job in side { workers.submit(.write) { job.completion(job.write.piece, self.written(job.write)) } }
        for turn in turns { workers.submit(.write) { self.write(turn) } }
        for job in own { job.completion(job.write.piece, written(job.write)) }
    }

    private func write(_ turn: CachedWrites) {
        while let job = turn.next() { job.completion(job.write.piece, written(job.write)) }
    }

    private func isScattered(_ write: PieceWrite) -> Bool {
        write.payload.layout.files(of: write.piece, geometry: write.payload.geometry).count >= Self.scatteredFrom
    }

    private func written(_ write: PieceWrite) -> PieceOutcome {
        do {
            try writeRuns(
                write.payload, write.piece, UnsafeRawBufferPointer(write.bytes),
                of: write.missing.union(write.alreadyWritten), isMember: false)
        } catch {
            return .failed(error)
        }
        return .good(blockDigests: write.wantsBlockDigests ? blockDigests(of: write) : nil)
    }

    private func readMissing(_ write: PieceWrite) throws(DiskError) {
        guard !write.missing.isEmpty else { return }
        let (geometry, bytes) = (write.payload.geometry, write.bytes)
        var reader = PayloadReader(self, write.payload, pool: pool)
        try write.missing.forEachRun(of: true, count: geometry.blockCount(of: write.piece)) {
            (run: Range<Int>) throws(DiskError) in
            let range = Self.bytes(of: run, in: bytes.count)
            try reader.read(
                at: geometry.offset(of: write.piece) + Int64(range.lowerBound),
                into: UnsafeMutableRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// Writes the runs of blocks whose membership in `blocks` equals `isMember`.
    private func writeRuns(
        _ payload: Payload, _ piece: PieceIndex, _ bytes: UnsafeRawBufferPointer, of blocks: BlockSet, isMember: Bool,
        shared: SharedBytes = .compare
    ) throws(DiskError) {
        let count = payload.geometry.blockCount(of: piece)
        try blocks.forEachRun(of: isMember, count: count) { (run: Range<Int>) throws(DiskError) in
            let range = Self.bytes(of: run, in: bytes.count)
            let offset = payload.geometry.offset(of: piece) + Int64(range.lowerBound)
            try write(payload, at: offset, UnsafeRawBufferPointer(rebasing: bytes[range]), shared: shared)
        }
    }

    private func blockDigests(of write: PieceWrite) -> [UInt64] {
        let bytes = UnsafeRawBufferPointer(write.bytes)
        let count = write.payload.geometry.blockCount(of: write.piece)
        let blocks = (0..<count).map {
            UnsafeRawBufferPointer(rebasing: bytes[Self.bytes(of: $0..<$0 + 1, in: bytes.count)])
        }
        let digests = MessageDigests(blocks)
        return (0..<count).map { n in digests[n].prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
    }

    private static func bytes(of blocks: Range<Int>, in length: Int) -> Range<Int> {
        blocks.lowerBound * Geometry.blockLength..<min(length, blocks.upperBound * Geometry.blockLength)
    }
}
