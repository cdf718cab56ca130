import Glibc
import System
import SystemPackage
import Testing

/// Mapped bytes of the page cache: what they say, and that lost ones end nothing.
struct CachedRangeTests {
    /// A file of this many bytes, whose name is gone.
    private static func withFile(_ count: Int, _ body: (_ descriptor: Int32, _ bytes: [UInt8]) throws -> Void) throws {
        var template = Array("/tmp/pieces-range-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        defer { close(file) }
        unlink(template)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        try #require(file >= 0 && write(file, bytes, count) == count)
        try body(file, bytes)
    }

    @Test(arguments: [(0, 1), (0, 4096), (1, 4096), (4095, 2), (5000, 60_000), (0, 65_536), (65_535, 1)])
    func bytesAreTheFiles(offset: Int, count: Int) throws {
        try Self.withFile(65_536) { file, bytes in
            let range = try #require(CachedRange(file, at: Int64(offset), length: count))
            #expect(
                UnsafeRawBufferPointer(start: range.start, count: count).elementsEqual(bytes[offset..<offset + count]))
            #expect(range.close())
        }
    }

    @Test func whatTheCacheHasNotIsNotMapped() throws {
        try Self.withFile(65_536) { file, _ in
            #expect(CachedRange(file, at: 65_536, length: 1) == nil, "behind the end")
            #expect(CachedRange(file, at: 61_440, length: 8192) == nil, "over the end")
            #expect(CachedRange(file, at: -4096, length: 4096) == nil)
            #expect(CachedRange(file, at: 0, length: 0) == nil)
            #expect(CachedRange(file, at: 0, length: .max) == nil)
            #expect(CachedRange(-1, at: 0, length: 4096) == nil)
            #expect(ftruncate(file, 131_072) == 0)
            #expect(CachedRange(file, at: 65_536, length: 4096) == nil, "a hole")
        }
    }

    /// Truncation takes the pages away from a mapping.
    @Test(arguments: [0, 1, 4096, 20_000, 65_535]) func lostBytesDoNotCount(length: Int) throws {
        try Self.withFile(65_536) { file, bytes in
            let range = try #require(CachedRange(file, at: 0, length: 65_536))
            #expect(ftruncate(file, off_t(length)) == 0)
            let seen = Array(UnsafeRawBufferPointer(start: range.start, count: 65_536))
            #expect(seen[..<length] == bytes[..<length] && seen[length...].allSatisfy { $0 == 0 })
            #expect(!range.close())
            // The next one isn't blamed for it.
            if length >= 4096 {
                let next = try #require(CachedRange(file, at: 0, length: 4096))
                #expect(Array(UnsafeRawBufferPointer(start: next.start, count: 4096)) == Array(bytes[..<4096]))
                #expect(next.close())
            }
        }
    }

    /// Only the range that lost bytes is blamed.
    @Test func rangesAreApart() throws {
        try Self.withFile(65_536) { whole, _ in
            try Self.withFile(65_536) { cut, _ in
                let ranges = try [whole, cut, whole].map { try #require(CachedRange($0, at: 0, length: 65_536)) }
                #expect(ftruncate(cut, 0) == 0)
                for range in ranges { _ = Array(UnsafeRawBufferPointer(start: range.start, count: 65_536)) }
                #expect(ranges.map { $0.close() } == [true, false, true])
            }
        }
    }

    @Test func aThreadHasALimitedNumber() throws {
        try Self.withFile(4096) { file, _ in
            var ranges: [CachedRange] = []
            while let range = CachedRange(file, at: 0, length: 4096) { ranges.append(range) }
            #expect(ranges.count == 32)
            #expect(ranges.allSatisfy { $0.close() })
            let next = try #require(CachedRange(file, at: 0, length: 4096))
            #expect(next.close())
        }
    }

    /// A range is guarded for its own thread alone.
    @Test func faultOfAnotherThreadEndsTheProcess() async throws {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            var template = Array("/tmp/pieces-range-XXXXXX".utf8CString)
            let file = mkstemp(&template)
            unlink(template)
            let bytes = [UInt8](repeating: 1, count: 4096)
            guard write(file, bytes, 4096) == 4096, let range = CachedRange(file, at: 0, length: 4096),
                ftruncate(file, 0) == 0
            else { return }
            let address = UInt(bitPattern: range.start)
            try SystemThread.startJoinable { print(UnsafeRawPointer(bitPattern: address)?.load(as: UInt8.self) ?? 0) }
                .join()
        }
    }

    /// A fault elsewhere ends the process by its signal, as before.
    @Test(arguments: [true, false]) func faultsElsewhereEndTheProcess(hasRange: Bool) async throws {
        await #expect(processExitsWith: .signal(SIGBUS)) { [hasRange] in
            var template = Array("/tmp/pieces-range-XXXXXX".utf8CString)
            let file = mkstemp(&template)
            unlink(template)
            let bytes = [UInt8](repeating: 1, count: 4096)
            guard write(file, bytes, 4096) == 4096, let range = CachedRange(file, at: 0, length: 4096) else { return }
            if !hasRange { _ = range.close() }
            guard let memory = mmap(nil, 4096, PROT_READ, MAP_SHARED, file, 0), ftruncate(file, 0) == 0 else { return }
            print(memory.load(as: UInt8.self))
        }
    }

    @Test func sentSignalEndsTheProcess() async throws {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            var template = Array("/tmp/pieces-range-XXXXXX".utf8CString)
            let file = mkstemp(&template)
            unlink(template)
            let bytes = [UInt8](repeating: 1, count: 4096)
            guard write(file, bytes, 4096) == 4096, let range = CachedRange(file, at: 0, length: 4096) else { return }
            kill(getpid(), SIGBUS)
            sleep(5)
            _ = range.close()
        }
    }
}
