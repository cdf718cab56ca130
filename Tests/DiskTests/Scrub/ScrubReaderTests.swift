import Disk
import Glibc
import System
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Pieces are read past the page cache, whatever way the file system offers, and verdicts don't depend on the way.
@Suite struct ScrubReaderTests {
    /// How the disk can be read.
    enum Way: CaseIterable {
        /// As the system offers: directly, in most places.
        case system
        /// Through the page cache alone.
        case cached
        /// A little at a time.
        case drops

        func calls() -> any DiskCalls {
            switch self {
            case .system: SystemCalls()
            case .cached: FaultyDisk()
            case .drops: FaultyDisk { $0.maximumTransfer = 5000 }
            }
        }
    }

    private static func payload(_ torrent: SampleTorrent, in folder: FilePath) -> Payload {
        Payload(
            infoHash: torrent.infoHash, root: folder, layout: torrent.metainfo.layout, geometry: torrent.geometry)
    }

    private static func verdicts(_ torrent: SampleTorrent, in folder: FilePath, _ calls: any DiskCalls) async throws
        -> [PieceIndex: PieceVerdict]
    {
        let disk = try Disk(calls: calls)
        let reader = try ScrubReader(disk)
        var verdicts: [PieceIndex: PieceVerdict] = [:]
        var rest = Array(torrent.geometry.pieces)[...]
        while !rest.isEmpty {
            let count = ScrubReader.batch(rest, bytes: 1 << 20, of: torrent.geometry)
            let readings = await reader.read(
                payload(torrent, in: folder), Array(rest.prefix(count)), hashes: torrent.metainfo.pieceHashes)
            #expect(readings.map(\.piece) == Array(rest.prefix(count)))
            for reading in readings { verdicts[reading.piece] = reading.verdict }
            rest = rest.dropFirst(count)
        }
        return verdicts
    }

    /// Files of odd lengths, so that no piece begins at a page of its file.
    private static func torrent(pieceLength: Int) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "sample",
            [
                .init("a", 3 * pieceLength + 777), .init("b", 5), .init("c", 1), .init("d", pieceLength / 2 + 4097),
                .init("e", 2 * pieceLength + 12345),
            ], pieceLength: pieceLength, seed: UInt64(pieceLength))
    }

    @Test(arguments: Way.allCases, [1000, 16384, 65536, 1 << 20]) func wholeFilesAreGood(way: Way, pieceLength: Int)
        async throws
    {
        let torrent = try Self.torrent(pieceLength: pieceLength)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            let verdicts = try await Self.verdicts(torrent, in: folder, way.calls())
            #expect(verdicts.count == torrent.geometry.pieceCount)
            #expect(verdicts.values.allSatisfy { $0 == .good })
        }
    }

    @Test(arguments: Way.allCases) func onlyDamagedPiecesAreBad(way: Way) async throws {
        let torrent = try Self.torrent(pieceLength: 65536)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            try Files.overwrite(torrent.path(0, in: folder), at: 70_000, with: [~torrent.bytes(of: 0)[70_000]])
            try Files.truncate(torrent.path(4, in: folder), to: 65536)
            let verdicts = try await Self.verdicts(torrent, in: folder, way.calls())
            #expect(verdicts[PieceIndex(1)] == .bad)
            let last = PieceIndex(torrent.geometry.pieceCount - 1)
            #expect(verdicts[last] == .missing)
            #expect(verdicts[PieceIndex(0)] == .good && verdicts[PieceIndex(2)] == .good)
        }
    }

    /// Reads under way at once give the files their SHA-256, in whatever order they end; a bad piece takes those of its
    /// files, and files that aren't wanted get none.
    @Test(arguments: [16384, 1 << 20, 12 << 20]) func wholeFilesGetTheirDigest(pieceLength: Int) async throws {
        let torrent = try SampleTorrent(
            folder: "sample",
            [
                .init("a", 3 * pieceLength + 777), .init("b", 5), .init("bad", pieceLength + 1), .init("c", 1),
                .init("d", pieceLength / 2 + 4097), .init("e", 2 * pieceLength + 12345), .init("not wanted", 999),
            ], pieceLength: pieceLength, seed: UInt64(pieceLength))
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            let bad = pieceLength / 2
            try Files.overwrite(torrent.path(2, in: folder), at: Int64(bad), with: [~Array(torrent.bytes(of: 2))[bad]])
            let layout = torrent.metainfo.layout
            let digests = ScrubDigests(
                layout: layout, geometry: torrent.geometry, wanted: layout.files.map { $0.index != 6 })
            let disk = try Disk(calls: SystemCalls())
            let reader = try ScrubReader(disk)
            let badPiece = PieceIndex((Int(layout.files[2].offset) + bad) / pieceLength)
            // In the order of their places; they end in any order.
            let readings = AsyncStream<ScrubReading> { stream in
                for piece in torrent.geometry.pieces {
                    reader.read(
                        Self.payload(torrent, in: folder), [piece], hashes: torrent.metainfo.pieceHashes,
                        digests: digests.nextPlace()
                    ) { stream.yield($0[0]) }
                }
            }
            for await reading in readings.prefix(torrent.geometry.pieceCount) {
                #expect(reading.verdict == (reading.piece == badPiece ? .bad : .good), "\(reading.piece)")
            }
            let found = Dictionary(uniqueKeysWithValues: digests.takeFound().map { ($0.file, $0.sha256) })
            for file in layout.files {
                let isWhole = !layout.pieces(of: file.index, geometry: torrent.geometry).contains(badPiece)
                let expected = isWhole && file.index != 6 ? SHA256.hash(Array(torrent.bytes(of: file.index))) : nil
                #expect(found[file.index] == expected, "\(file.displayPath)")
            }
            #expect(digests.takeFound().isEmpty)
        }
    }

    /// A peer's read waits for one call at most: where there is time, calls are short.
    @Test(arguments: [(Linux.Priority.idle, 128 << 10), (.low, 1 << 20)]) func callsAreShortWhereThereIsTime(
        priority: Linux.Priority, longest: Int
    ) async throws {
        let torrent = try SampleTorrent(length: 8 << 20, pieceLength: 2 << 20, seed: 6)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            let calls = FaultyDisk { $0.hasDirect = true }
            let reader = try ScrubReader(Disk(calls: calls))
            let readings = await withCheckedContinuation { answer in
                reader.read(
                    Self.payload(torrent, in: folder), Array(torrent.geometry.pieces),
                    hashes: torrent.metainfo.pieceHashes, priority: priority,
                    completion: { answer.resume(returning: $0) })
            }
            #expect(readings.count == 4 && readings.allSatisfy { $0.verdict == .good })
            #expect(calls.longestRead == longest)
        }
    }

    /// A piece that is longer than a batch is hashed as it is read.
    @Test(arguments: Way.allCases) func longPiecesAreHashedInParts(way: Way) async throws {
        let torrent = try SampleTorrent(length: (40 << 20) + 333, pieceLength: 16 << 20, seed: 5)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            var verdicts = try await Self.verdicts(torrent, in: folder, way.calls())
            #expect(verdicts.values.allSatisfy { $0 == .good })
            try Files.overwrite(
                torrent.path(0, in: folder), at: (40 << 20) + 332, with: [~torrent.bytes(of: 0)[(40 << 20) + 332]])
            verdicts = try await Self.verdicts(torrent, in: folder, way.calls())
            #expect(verdicts[PieceIndex(2)] == .bad && verdicts[PieceIndex(1)] == .good)
        }
    }

    @Test func unreadableBlocksAreNarrowedToFourKilobytes() async throws {
        let torrent = try Self.torrent(pieceLength: 65536)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            // Two blocks of the first file's second piece, one beside the other, and one further on.
            let faulty = FaultyDisk {
                $0.badSectors["sample/a"] = [(65536 + 8192)..<(65536 + 16384), (65536 + 40960)..<(65536 + 40961)]
            }
            let verdicts = try await Self.verdicts(torrent, in: folder, faulty)
            guard case .unreadable(let error)? = verdicts[PieceIndex(1)] else {
                Issue.record("the piece is \(String(describing: verdicts[PieceIndex(1)]))")
                return
            }
            #expect(error.code == .io)
            #expect(verdicts.filter { $0.value != .good }.count == 1)
            let disk = try Disk(calls: faulty)
            let ranges = try await ScrubReader(disk).unreadable(
                Self.payload(torrent, in: folder), PieceIndex(1), cancel: CancelToken())
            #expect(ranges == [8192..<16384, 40960..<45056])
        }
    }

    /// A disk that reads nothing would take hours if each of its blocks were asked for.
    @Test func narrowingEndsAfterManyFailuresOrWhenItIsCancelled() async throws {
        let torrent = try SampleTorrent(length: 32 << 20, pieceLength: 16 << 20, seed: 7)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            let faulty = FaultyDisk { $0.badSectors["sample.bin"] = [0..<(8 << 20)] }
            let reader = try ScrubReader(Disk(calls: faulty))
            let payload = Self.payload(torrent, in: folder)
            let whole = await reader.unreadable(payload, PieceIndex(0), cancel: CancelToken())
            #expect(whole == [0..<(16 << 20)], "what isn't read any more counts as unreadable")
            let token = CancelToken()
            token.cancel()
            let cancelled = await reader.unreadable(payload, PieceIndex(1), cancel: token)
            #expect(cancelled == [0..<(16 << 20)])
        }
    }

    @Test func differenceCountsBytesAndBits() async throws {
        let torrent = try Self.torrent(pieceLength: 65536)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            let path = torrent.path(0, in: folder)
            try Files.overwrite(path, at: 65536 + 100, with: [torrent.bytes(of: 0)[65536 + 100] ^ 0x81])
            try Files.overwrite(path, at: 65536 + 60_000, with: [torrent.bytes(of: 0)[65536 + 60_000] ^ 0x01])
            let disk = try Disk()
            let payload = Self.payload(torrent, in: folder)
            let buffer = try disk.buffer(for: PieceIndex(1), of: payload)
            torrent.bytes(of: PieceIndex(1)).withUnsafeBytes { buffer.put($0, at: 0) }
            let difference = await answer { done in
                disk.difference(payload, PieceIndex(1), from: buffer, completion: done)
            }
            #expect(difference.first == 100 && difference.bytes == 2 && difference.bits == 3)
            #expect(difference.unreadable == 0)
        }
    }

    /// What peers are served from stays in the page cache; what a scrub brought in leaves it.
    /// The kernel may take pages back in between, but hardly each time.
    @Test func cacheStaysAsItWas() async throws {
        for _ in 0..<10 where try await cacheStays() { return }
        Issue.record("a scrub drops what was in the page cache")
    }

    private func cacheStays() async throws -> Bool {
        let torrent = try SampleTorrent(length: 4 << 20, pieceLength: 65536, seed: 6)
        return try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            let path = torrent.path(0, in: folder)
            let file = try FileDescriptor.open(path, .readOnly)
            defer { try? file.close() }
            _ = fsync(file.rawValue)
            let system = SystemCalls()
            system.dropCache(file.rawValue)
            // The first megabyte is what peers ask for.
            _ = try Files.read(path, at: 0, count: 1 << 20)
            let before = try #require(system.resident(file.rawValue, at: 0, length: 4 << 20))
            // A file system that keeps its files in memory drops nothing.
            guard !before.suffix(before.count / 2).contains(true) else { return true }
            let verdicts = try await Self.verdicts(torrent, in: folder, SystemCalls())
            #expect(verdicts.values.allSatisfy { $0 == .good })
            let after = try #require(system.resident(file.rawValue, at: 0, length: 4 << 20))
            #expect(!after.suffix(after.count / 4).contains(true))
            return after.prefix(256).allSatisfy { $0 }
        }
    }

    @Test func readsForPeersAreMeasuredBesideAScrubAndWithoutOne() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, pieceLength: 65536, seed: 8)
        try await withTemporaryFolder { folder in
            try torrent.write(to: folder)
            let disk = try Disk()
            guard case .present(let device) = await disk.presence(of: Self.payload(torrent, in: folder)) else {
                Issue.record("the folder is absent")
                return
            }
            let payload = Self.payload(torrent, in: folder).on(device: device)
            _ = try await disk.read(payload, piece: PieceIndex(0), begin: 0, length: 16384)
            let times = disk.peerReads.take(device)
            #expect(times.quiet.count == 1 && times.disturbed.count == 0)
            #expect(disk.peerReads.take(device) == ReadTimes.Device())
        }
    }
}
