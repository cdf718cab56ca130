import Disk
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Blocks that are in the page cache are read without a thread; what isn't there is said not to be.
struct ReadNowTests {
    private static let files = [FileEntry(path: ["a"], length: 70_000), FileEntry(path: ["b"], length: 30_000)]

    private func read(_ fixture: Fixture, at offset: Int, _ lengths: [Int]) -> [[UInt8]]? {
        let buffers = lengths.map { UnsafeMutableRawBufferPointer.allocate(byteCount: $0, alignment: 1) }
        defer { for buffer in buffers { buffer.deallocate() } }
        guard fixture.disk.readNow(fixture.payload, at: Int64(offset), into: buffers) else { return nil }
        return buffers.map { Array($0) }
    }

    @Test func cachedBytesFillConsecutiveBuffers() async throws {
        let fixture = try Fixture(Self.files)
        #expect(read(fixture, at: 0, [100]) == nil, "no file is open, and none is opened")
        #expect(try await fixture.writeAll().isEmpty)
        for (offset, lengths) in [
            (0, [16384]), (5, [1, 2, 3]), (32768, [16384, 16384]), (70_000, [30_000]), (69_990, [10]),
        ] {
            let blocks = try #require(read(fixture, at: offset, lengths))
            #expect(blocks.flatMap(\.self) == Array(fixture.bytes[offset..<offset + lengths.reduce(0, +)]))
            #expect(blocks.map(\.count) == lengths)
        }
    }

    @Test func splitOrUncachedReadsAreLeftToTheThreads() async throws {
        let fixture = try Fixture(Self.files)
        #expect(try await fixture.writeAll().isEmpty)
        #expect(read(fixture, at: 69_999, [2]) == nil)
        fixture.calls.set { $0.maximumTransfer = 1000 }
        #expect(read(fixture, at: 0, [16384]) == nil, "only a part of it was in memory")
        fixture.calls.set { $0.maximumTransfer = .max }
        fixture.calls.fail(.read, .ioError)
        #expect(read(fixture, at: 0, [16384]) == nil)
        fixture.calls.mend()
        #expect(read(fixture, at: 0, [16384]) != nil)
        fixture.disk.release(fixture.payload.infoHash)
        #expect(read(fixture, at: 0, [16384]) == nil)
    }

    /// The machine's own call, on whatever it has: right bytes, or none.
    @Test func realSystemReturnsCachedBytesOrNone() async throws {
        let fixture = try Fixture(Self.files)
        #expect(try await fixture.writeAll().isEmpty)
        let disk = try Disk(cores: 1, descriptorLimit: 8)
        _ = try await disk.read(fixture.payload, piece: PieceIndex(0), begin: 0, length: 16384)
        let (one, two) = (
            UnsafeMutableRawBufferPointer.allocate(byteCount: 10, alignment: 1),
            UnsafeMutableRawBufferPointer.allocate(byteCount: 90, alignment: 1)
        )
        defer {
            one.deallocate()
            two.deallocate()
        }
        if disk.readNow(fixture.payload, at: 50, into: [one, two]) {
            #expect(Array(one) + Array(two) == Array(fixture.bytes[50..<150]))
        } else {
            // A file system without RWF_NOWAIT: the threads have it.
            let bytes = try await disk.read(fixture.payload, piece: PieceIndex(0), begin: 50, length: 100)
            #expect(bytes == Array(fixture.bytes[50..<150]))
        }
    }
}
