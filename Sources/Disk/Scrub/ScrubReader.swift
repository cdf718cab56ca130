import CPieceHash
import Synchronization
package import System
package import Torrent

/// One piece as a scrub read it.
package struct ScrubReading: Sendable, Hashable {
    package let piece: PieceIndex
    package let verdict: PieceVerdict

    package init(piece: PieceIndex, verdict: PieceVerdict) {
        self.piece = piece
        self.verdict = verdict
    }
}

/// Reads and hashes pieces past the page cache, on three threads of its own: while one or two of them hash, another one
/// reads. There is one for each physical device.
package final class ScrubReader: Sendable {
    /// Bytes of the pieces that are read and hashed together; a longer piece is hashed as it is read.
    package static let batchLength = 8 << 20
    /// The most reads under way at once. Two that began together end together, and the disk would wait while both are
    /// hashed.
    package static let mostAtOnce = 3
    /// Bytes of a long piece that are in memory at once.
    private static let chunkLength = 4 << 20

    private let disk: Disk
    private let workers: Workers

    package init(_ disk: Disk) throws(DiskError) {
        self.disk = disk
        workers = try Workers(threads: Self.mostAtOnce, limits: [.verify: Self.mostAtOnce])
    }

    /// The pieces of the next batch: as many as fit into `bytes`, but at least one.
    package static func batch(_ pieces: ArraySlice<PieceIndex>, bytes: Int, of geometry: Geometry) -> Int {
        var sum = 0
        var count = 0
        for piece in pieces {
            sum += geometry.length(of: piece)
            guard count == 0 || sum <= min(bytes, batchLength) else { break }
            count += 1
        }
        return count
    }

    /// Reads the pieces in order and compares their digests with `hashes`. `completion` receives a reading of each
    /// piece, and how long the reads took without the hashing.
    ///
    /// If `isFresh`, nothing that is cached counts, whatever the file system. With a place in line for digests, the
    /// pieces are also hashed for the files that they belong to. At an idle priority, calls are short and let reads for
    /// peers go first.
    package func read(
        _ payload: Payload, _ pieces: [PieceIndex], hashes: PieceHashes, isFresh: Bool = false,
        digests: ScrubDigests.Place? = nil, priority: Linux.Priority = .standard,
        completion: @escaping @Sendable ([ScrubReading]) -> Void
    ) {
        precondition(hashes.algorithm == .sha1)
        workers.submit(.verify) { [disk] in
            Linux.setPriority(priority)
            let times = disk.peerReads
            times.scrubBegan(on: payload.device)
            var manners = ScrubFile.Manners()
            if priority == .idle {
                manners.longestRead = ScrubFile.politeRead
                manners.letOthersRead = { times.letPeersRead(on: payload.device) }
            }
            let pass = Pass(
                disk: disk, payload: payload, hashes: hashes, isFresh: isFresh, manners: manners, digests: digests)
            let readings = pass.read(pieces) { times.scrubEnded(on: payload.device) }
            completion(readings)
        }
    }

    package func read(_ payload: Payload, _ pieces: [PieceIndex], hashes: PieceHashes, isFresh: Bool = false) async
        -> [ScrubReading]
    {
        await answer { done in read(payload, pieces, hashes: hashes, isFresh: isFresh, completion: done) }
    }

    /// One job: reads and hashes some pieces.
    fileprivate struct Pass {
        let disk: Disk
        let payload: Payload
        let hashes: PieceHashes
        let isFresh: Bool
        var manners = ScrubFile.Manners()
        var digests: ScrubDigests.Place?

        func read(_ pieces: [PieceIndex], readEnded: () -> Void) -> [ScrubReading] {
            let geometry = payload.geometry
            let length = pieces.reduce(0) { $0 + geometry.length(of: $1) }
            let isLong = pieces.contains { geometry.length(of: $0) > ScrubReader.batchLength }
            let memory: PieceBuffer
            let scratch: PieceBuffer
            do {
                memory = try disk.buffers.take(max(1, isLong ? ScrubReader.chunkLength : length))
                scratch = try disk.buffers.take(ScrubFile.longestRead)
            } catch {
                readEnded()
                digests?.use { digester in pieces.flatMap { digester.add($0, nil) } }
                return pieces.map { ScrubReading(piece: $0, verdict: .unreadable(error)) }
            }
            var source = ScrubSource(disk, payload, scratch: scratch.bytes, isFresh: isFresh, manners: manners)
            if isLong {
                let readings = readLong(pieces, &source, memory.bytes)
                readEnded()
                return readings
            }
            var failures: [PieceIndex: DiskError] = [:]
            readRuns(pieces, &source, memory.bytes, &failures)
            readEnded()
            var at = 0
            let slices = pieces.map { piece in
                defer { at += geometry.length(of: piece) }
                return UnsafeRawBufferPointer(rebasing: memory.bytes[at..<at + geometry.length(of: piece)])
            }
            let found = MessageDigests(slices)
            let readings = pieces.enumerated().map { n, piece in
                let verdict = failures[piece].map { Self.verdict(of: $0) }
                return ScrubReading(
                    piece: piece,
                    verdict: verdict ?? (found[n].elementsEqual(hashes[piece]) ? .good : .bad))
            }
            digests?.use { digester in
                zip(readings, slices).flatMap { digester.add($0.piece, $0.verdict == .good ? $1 : nil) }
            }
            return readings
        }

        /// Reads and hashes pieces one by one, in chunks.
        private func readLong(
            _ pieces: [PieceIndex], _ source: inout ScrubSource, _ memory: UnsafeMutableRawBufferPointer
        ) -> [ScrubReading] {
            var readings: [ScrubReading] = []
            func read(_ digester: inout FileDigester?) -> [FileDigest] {
                var found: [FileDigest] = []
                for piece in pieces {
                    // Whether the piece is good is known at its end.
                    var (ahead, foundAhead) = (digester, [FileDigest]())
                    let verdict = verdict(of: piece, &source, memory) { offset, chunk in
                        foundAhead += ahead?.add(at: offset, chunk) ?? []
                    }
                    readings.append(ScrubReading(piece: piece, verdict: verdict))
                    if verdict == .good {
                        digester = ahead
                        found += foundAhead
                    } else {
                        found += digester?.add(piece, nil) ?? []
                    }
                }
                return found
            }
            guard let digests else {
                var none: FileDigester?
                _ = read(&none)
                return readings
            }
            digests.use { digester in
                var used: FileDigester? = digester
                let found = read(&used)
                if let used { digester = used }
                return found
            }
            return readings
        }

        /// Reads consecutive pieces with as few calls as possible. Only where that fails, each piece is read by itself.
        private func readRuns(
            _ pieces: [PieceIndex], _ source: inout ScrubSource, _ memory: UnsafeMutableRawBufferPointer,
            _ failures: inout [PieceIndex: DiskError]
        ) {
            let geometry = payload.geometry
            var (n, at) = (0, 0)
            while n < pieces.count {
                var end = n + 1
                while end < pieces.count, pieces[end].value == pieces[end - 1].value + 1 { end += 1 }
                let run = pieces[n..<end]
                let length = run.reduce(0) { $0 + geometry.length(of: $1) }
                do throws(DiskError) {
                    try source.read(
                        at: geometry.offset(of: pieces[n]),
                        into: UnsafeMutableRawBufferPointer(rebasing: memory[at..<at + length]))
                } catch {
                    readEach(run, &source, memory, from: at, &failures)
                }
                at += length
                n = end
            }
        }

        private func readEach(
            _ run: ArraySlice<PieceIndex>, _ source: inout ScrubSource, _ memory: UnsafeMutableRawBufferPointer,
            from start: Int, _ failures: inout [PieceIndex: DiskError]
        ) {
            var at = start
            for piece in run {
                let length = payload.geometry.length(of: piece)
                do throws(DiskError) {
                    try source.read(
                        at: payload.geometry.offset(of: piece),
                        into: UnsafeMutableRawBufferPointer(rebasing: memory[at..<at + length]))
                } catch {
                    failures[piece] = error
                }
                at += length
            }
        }

        /// Hashes a long piece chunk by chunk.
        private func verdict(
            of piece: PieceIndex, _ source: inout ScrubSource, _ memory: UnsafeMutableRawBufferPointer,
            _ wasRead: (_ offset: Int64, UnsafeRawBufferPointer) -> Void
        ) -> PieceVerdict {
            var stream = piece_hash_stream()
            piece_hash_sha1_begin(&stream)
            var digest = [UInt8](repeating: 0, count: SHA1Digest.byteCount)
            let length = payload.geometry.length(of: piece)
            for start in stride(from: 0, to: length, by: ScrubReader.chunkLength) {
                let chunk = UnsafeMutableRawBufferPointer(
                    rebasing: memory[..<min(ScrubReader.chunkLength, length - start)])
                let offset = payload.geometry.offset(of: piece) + Int64(start)
                do throws(DiskError) { try source.read(at: offset, into: chunk) } catch {
                    return Self.verdict(of: error)
                }
                wasRead(offset, UnsafeRawBufferPointer(chunk))
                let bytes = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self)
                let blocks = chunk.count / PIECE_HASH_BLOCK_LENGTH
                withUnsafeMutablePointer(to: &stream) { stream in
                    piece_hash_sha1_update([stream], [bytes.map { UnsafePointer($0) }], blocks, 1)
                }
                if start + chunk.count == length {
                    let tail = blocks * PIECE_HASH_BLOCK_LENGTH
                    piece_hash_sha1_finish(&stream, bytes.map { $0 + tail }, chunk.count - tail, &digest)
                }
            }
            return digest.elementsEqual(hashes[piece]) ? .good : .bad
        }

        private static func verdict(of error: DiskError) -> PieceVerdict {
            error.code == .notFound || error.code == .shortFile ? .missing : .unreadable(error)
        }
    }
}

extension ScrubReader {
    /// The ranges of the piece that the device can't read, in units of 4 KiB of its files.
    package func unreadable(_ payload: Payload, _ piece: PieceIndex, cancel: CancelToken) async -> [Range<Int>] {
        await answer { (done: @escaping @Sendable ([Range<Int>]) -> Void) in
            workers.submit(.verify) { [disk] in
                done(Narrowing(disk: disk, payload: payload, cancel: cancel).ranges(of: piece))
            }
        }
    }
}

extension Disk {
    /// How the piece on the disk differs from the one in the buffer. Bytes that can't be read count as different.
    package func difference(
        _ payload: Payload, _ piece: PieceIndex, from buffer: PieceBuffer,
        completion: @escaping @Sendable (PieceDifference) -> Void
    ) {
        workers.submit(.read) {
            completion(Narrowing(disk: self, payload: payload).difference(piece, buffer.bytes))
        }
    }

    /// Reads pieces past all caches that were just written and synced.
    package func readBack(
        _ payload: Payload, _ pieces: [PieceIndex], hashes: PieceHashes,
        completion: @escaping @Sendable ([ScrubReading]) -> Void
    ) {
        workers.submit(.read) {
            var readings: [ScrubReading] = []
            for piece in pieces {
                let pass = ScrubReader.Pass(
                    disk: self, payload: payload, hashes: hashes, isFresh: true)
                readings += pass.read([piece]) {}
            }
            completion(readings)
        }
    }
}
