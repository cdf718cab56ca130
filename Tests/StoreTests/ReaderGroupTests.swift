import DatabaseLab
import Store
import System
import Testing
import Torrent

/// Readers on other threads see what the leader's transaction sees, or do nothing.
@Suite struct ReaderGroupTests {
    /// The notes that the readers and the leader see in one round. `between` runs after the readers are open and before
    /// the leader's transaction begins; `after` when it has begun.
    private func round(
        _ folder: TemporaryFolder, between: () throws -> Void = {}, after: () throws(StoreError) -> Void = {}
    ) throws -> (leader: Int, readers: [Int]) {
        let leader = try folder.connection(.readOnly)
        let group = try #require(ReaderGroup(leader, count: 3))
        defer { group.end() }
        try between()
        let seen = Monitor<[Int]>([])
        let own = try leader.transaction(.deferred) { () throws(StoreError) in
            let own = try leader.torrents.count()
            try after()
            group.begin { connection in
                let count = try? connection.torrents.count()
                seen.change { seen in
                    seen.append(count ?? -1)
                    return .nothing
                }
            }
            group.wait()
            return own
        }
        return (own, seen.read { $0 })
    }

    @Test func readersSeeTheLeadersMoment() throws {
        let folder = try TemporaryFolder()
        let writer = try folder.connection()
        _ = try writer.add()
        let seen = try round(folder)
        #expect(seen.leader == 1 && seen.readers == [1, 1, 1])
    }

    @Test func readersOfAnotherMomentDoNothing() throws {
        let folder = try TemporaryFolder()
        let writer = try folder.connection()
        let before = try round(folder, between: { _ = try writer.add(seed: 1) })
        #expect(before.leader == 1 && before.readers.isEmpty)
        let after = try round(folder) { () throws(StoreError) in
            try writer.execute("UPDATE torrent SET paused = 1")
        }
        #expect(after.leader == 1 && after.readers.isEmpty)
        // What is committed and taken back is another moment, too.
        let both = try round(folder) {
            _ = try writer.add(seed: 2)
        } after: { () throws(StoreError) in
            try writer.execute("DELETE FROM torrent WHERE id = 2")
        }
        #expect(both.leader == 2 && both.readers.isEmpty)
    }

    @Test func unusedReadersEnd() throws {
        let folder = try TemporaryFolder()
        _ = try folder.connection().add()
        let leader = try folder.connection(.readOnly)
        let group = try #require(ReaderGroup(leader, count: 2))
        group.end()
        #expect(try leader.torrents.count() == 1)
    }

    /// A leader that is in a transaction has its moment already.
    @Test func lateReadersAreRefused() throws {
        let folder = try TemporaryFolder()
        let leader = try folder.connection()
        try leader.transaction(.deferred) { () throws(StoreError) in
            #expect(ReaderGroup(leader, count: 2) == nil)
        }
    }
}
