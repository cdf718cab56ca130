import Disk
import Glibc
import Synchronization
import SystemPackage
import Testing
import Torrent

/// A verification that takes long.
@Suite struct LongScanTests {
    /// A file that is taken away meanwhile isn't found right because it is still open.
    @Test func fileRemovedDuringAScanIsMissing() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 64 * 32768)], cores: 1)
        #expect(try await fixture.writeAll().isEmpty)
        let (hashes, path) = (fixture.hashes, fixture.folder.path.appending("f"))
        let verdicts = Box<[PieceVerdict]>([])
        let laneFull = LaneHasher.lanes * 32768
        let outcome = await answer { done in
            fixture.disk.verify(
                fixture.payload, pieces: fixture.allPieces, hashes: hashes,
                bytesPerLook: laneFull,
                progress: { some in
                    unlink(path.string)
                    verdicts.value.withLock { $0 += some.map(\.verdict) }
                }, completion: done)
        }
        #expect(outcome == .finished)
        let found = verdicts.value.withLock(\.self)
        #expect(found.count { $0 == .good } == LaneHasher.lanes)
        #expect(found.count { $0 == .missing } == 64 - LaneHasher.lanes)
    }
}
