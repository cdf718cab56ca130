import Synchronization
package import Torrent

/// Verifies pieces in ascending order and computes the SHA-256 of the files that they make up, in one pass.
///
/// One core works at a time, because the hash of a file takes its bytes in order. Between two windows, waiting jobs get
/// their turn.
final class OrderedScan: Sendable {
    /// The bytes that are read and hashed together, unless one piece is longer.
    private static let windowBytes = 16 << 20

    /// What the scan found in a window.
    typealias Delivery =
        @Sendable (_ verdicts: [(piece: PieceIndex, verdict: PieceVerdict)], _ digests: [FileDigest])
        -> Void

    /// The state between windows. One job at a time has it.
    private struct Work {
        var cursor: Bitfield.Pieces
        /// A piece that the cursor has given already.
        var next: PieceIndex?
        var digester: FileDigester
        var pool: DescriptorPool
        /// Bytes until the files are looked up by name again.
        var rest: Int
        let memory: Memory
    }

    /// The bytes of a window.
    private final class Memory {
        let bytes: UnsafeMutableRawBufferPointer

        init(count: Int) { bytes = .allocate(byteCount: max(count, 1), alignment: 4096) }

        deinit { bytes.deallocate() }
    }

    private let disk: Disk
    private let payload: Payload
    private let hashes: PieceHashes
    private let cancel: CancelToken
    private let bytesPerLook: Int
    private let descriptors: Int
    private let piecesPerWindow: Int
    private let deliver: Delivery
    private let completion: @Sendable (VerificationOutcome) -> Void
    private let work: Mutex<Work>

    init(
        _ disk: Disk, _ payload: Payload, _ pieces: Bitfield, hashes: PieceHashes, cancel: CancelToken,
        bytesPerLook: Int,
        descriptors: Int, deliver: @escaping Delivery, completion: @escaping @Sendable (VerificationOutcome) -> Void
    ) {
        self.disk = disk
        self.payload = payload
        self.hashes = hashes
        self.cancel = cancel
        self.bytesPerLook = bytesPerLook
        self.descriptors = descriptors
        self.deliver = deliver
        self.completion = completion
        let window = min(LaneHasher.lanes, max(1, Self.windowBytes / payload.geometry.pieceLength))
        piecesPerWindow = window
        work = Mutex(
            Work(
                cursor: pieces.pieces, digester: FileDigester(layout: payload.layout, geometry: payload.geometry),
                pool: DescriptorPool(limit: descriptors), rest: bytesPerLook,
                memory: Memory(count: window * payload.geometry.pieceLength)))
    }

    func start() { disk.workers.submit(.verify) { self.step() } }

    private func step() {
        repeat {
            guard !cancel.isCancelled else { return completion(.cancelled) }
            if let outcome = work.withLock({ verifyNext(&$0) }) { return completion(outcome) }
        } while !disk.workers.hasWaiting
        start()
    }

    /// Verifies the next window. Returns how the scan ended, or `nil` if there may be more.
    private func verifyNext(_ work: inout Work) -> VerificationOutcome? {
        let window = nextWindow(&work)
        guard !window.isEmpty else { return .finished }
        if work.rest <= 0 {
            // The files are looked up by name again, because a scan may take hours.
            work.pool = DescriptorPool(limit: descriptors)
            work.rest = bytesPerLook
        }
        return verify(window, &work).map { .offline($0) }
    }

    /// Pieces without a gap between them.
    private func nextWindow(_ work: inout Work) -> [PieceIndex] {
        var window: [PieceIndex] = []
        while window.count < piecesPerWindow, let piece = work.next ?? work.cursor.next() {
            work.next = piece
            if let last = window.last, piece.value != last.value + 1 { break }
            window.append(piece)
            work.next = nil
        }
        return window
    }

    /// Returns an error if the payload can't be reached.
    private func verify(_ window: [PieceIndex], _ work: inout Work) -> DiskError? {
        let geometry = payload.geometry
        var source = PayloadReader(disk, payload, pool: work.pool)
        var messages: [UnsafeRawBufferPointer] = []
        var failures: [DiskError?] = []
        for (n, piece) in window.enumerated() {
            let length = geometry.length(of: piece)
            let start = n * geometry.pieceLength
            let buffer = UnsafeMutableRawBufferPointer(rebasing: work.memory.bytes[start..<start + length])
            work.rest -= length
            do {
                try source.read(at: geometry.offset(of: piece), into: buffer)
                failures.append(nil)
            } catch {
                if error.code.isOffline { return error }
                failures.append(error)
            }
            messages.append(UnsafeRawBufferPointer(buffer))
        }
        readAhead(after: window, &source)
        let digests = MessageDigests(messages)
        var verdicts: [(piece: PieceIndex, verdict: PieceVerdict)] = []
        var files: [FileDigest] = []
        for (n, piece) in window.enumerated() {
            let verdict = verdict(failures[n], digests[n], piece)
            verdicts.append((piece, verdict))
            files += work.digester.add(piece, verdict == .good ? messages[n] : nil)
        }
        deliver(verdicts, files)
        return nil
    }

    private func verdict(_ failure: DiskError?, _ digest: ArraySlice<UInt8>, _ piece: PieceIndex) -> PieceVerdict {
        guard let failure else { return digest.elementsEqual(hashes[piece]) ? .good : .bad }
        return failure.code == .notFound || failure.code == .shortFile ? .missing : .unreadable(failure)
    }

    /// While this window is hashed, the disk reads the next one.
    private func readAhead(after window: [PieceIndex], _ source: inout PayloadReader) {
        guard let last = window.last else { return }
        let geometry = payload.geometry
        let start = geometry.offset(of: last) + Int64(geometry.length(of: last))
        let length = min(Int64(max(Self.windowBytes, geometry.pieceLength)), geometry.totalBytes - start)
        if length > 0 { source.readAhead(at: start, length: Int(length)) }
    }
}

extension Disk {
    /// Verifies like ``verify(_:pieces:hashes:cancel:bytesPerLook:progress:completion:)``, and computes in the same
    /// pass the SHA-256 of the files all of whose pieces are among `pieces` and good.
    ///
    /// `progress` is called by one thread at a time.
    package func verifyWithDigests(
        _ payload: Payload, pieces: Bitfield, hashes: PieceHashes,
        cancel: CancelToken = CancelToken(), bytesPerLook: Int = 512 << 20,
        progress: @escaping @Sendable ([(piece: PieceIndex, verdict: PieceVerdict)], [FileDigest]) -> Void,
        completion: @escaping @Sendable (VerificationOutcome) -> Void
    ) {
        precondition(pieces.count == payload.geometry.pieceCount && hashes.algorithm == .sha1)
        OrderedScan(
            self, payload, pieces, hashes: hashes, cancel: cancel, bytesPerLook: bytesPerLook,
            descriptors: min(Self.descriptorsPerScan, DescriptorPool.defaultLimit), deliver: progress,
            completion: completion
        ).start()
    }

    /// Hashes one file of the layout from its first byte to its last, wherever its bytes are.
    package func hashFile(_ payload: Payload, _ file: Int, _ hashes: [ContentHash], cancel: CancelToken = CancelToken())
        async throws(DiskError) -> [ContentHash: [UInt8]]
    {
        try await answer { (done: @escaping @Sendable (Result<[ContentHash: [UInt8]], DiskError>) -> Void) in
            run(.verify, done) { () throws(DiskError) in try self.hashFileBlocking(payload, file, hashes, cancel) }
        }.get()
    }

    private func hashFileBlocking(_ payload: Payload, _ file: Int, _ hashes: [ContentHash], _ cancel: CancelToken)
        throws(DiskError) -> [ContentHash: [UInt8]]
    {
        let entry = payload.layout.files[file]
        var hashers = hashes.map { ($0, ContentHasher($0)) }
        var source = PayloadReader(self, payload, pool: DescriptorPool(limit: 2))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { memory.deallocate() }
        var offset = entry.offset
        while offset < entry.end {
            if cancel.isCancelled { throw DiskError(.cancelled, .hash, payload.path(of: .entry(file))) }
            let part = UnsafeMutableRawBufferPointer(
                rebasing: memory.prefix(Int(min(Int64(memory.count), entry.end - offset))))
            try source.read(at: offset, into: part)
            for n in hashers.indices { hashers[n].1.update(UnsafeRawBufferPointer(part)) }
            offset += Int64(part.count)
        }
        return Dictionary(hashers.map { ($0.0, $0.1.digest) }) { first, _ in first }
    }
}
