import DatabaseLab
import Glibc
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

@Suite struct StoreTests {
    @Test func bodiesRunSeriallyOnOneThread() async throws {
        let folder = try TemporaryFolder()
        let store = try await Store.open(folder.database, now: noon)
        let threads = try await withThrowingTaskGroup(of: UInt.self) { group in
            for n in 0..<200 {
                group.addTask {
                    try await store.perform { connection throws(StoreError) in
                        let value = try connection.settings.value("sum").flatMap { Int($0) } ?? 0
                        try connection.transaction(durability: .lazy) { () throws(StoreError) in
                            try connection.settings.set("sum", "\(value + n)")
                        }
                        return UInt(pthread_self())
                    }
                }
            }
            return try await group.reduce(into: Set<UInt>()) { $0.insert($1) }
        }
        #expect(threads.count == 1)
        #expect(
            try await store.perform { connection throws(StoreError) in try connection.settings.value("sum") }
                == "\(199 * 200 / 2)")
    }

    @Test func closedStoreHasNoLogAndRejectsWork() async throws {
        let folder = try TemporaryFolder()
        let store = try await Store.open(folder.database, now: noon)
        try await store.perform { connection throws(StoreError) in try connection.settings.set("a", "1") }
        try await store.close()
        try await store.close()
        #expect(access(folder.database.string + "-wal", F_OK) != 0)
        let error = await #expect(throws: StoreError.self) {
            try await store.perform { connection throws(StoreError) in try connection.settings.set("a", "2") }
        }
        #expect(error?.code == .closed)
        #expect(try folder.connection().settings.value("a") == "1")
    }

    /// In a process of its own, whose threads are its own.
    @Test func threadsOfClosedStoresEnd() async throws {
        let folder = try TemporaryFolder()
        let path = folder.database.string
        await #expect(processExitsWith: .success) { [path = path as String] in
            for _ in 0..<50 { try await Store.open(FilePath(path), now: noon).close() }
            // The last jobs are behind us; the threads need a moment to leave.
            for _ in 0..<500 where names(in: "/proc/self/task").count > 40 { usleep(10_000) }
            #expect(names(in: "/proc/self/task").count <= 40)
        }
    }

    @Test func killedProcessLosesNoCommit() async throws {
        let folder = try TemporaryFolder()
        _ = try folder.connection().add(files: 3000)
        let path = folder.database.string
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let database = FilePath(path)
            let lock = try DatabaseLock.acquire(database: database, now: Timestamp(1))
            let connection = try Connection.open(database, mode: .readWrite, now: Timestamp(1))
            let id = TorrentID(1)
            try connection.pieces.addWriteIntents(id, (0..<2000).map { PieceIndex($0) }, now: Timestamp(1))
            var record = ProgressRecord(torrent: id, verifiedAt: Timestamp(2))
            record.newPieces = (0..<1500).map { PieceIndex($0) }
            try connection.pieces.record([record])
            try connection.transaction { () throws(StoreError) in
                try connection.execute("UPDATE torrent SET pieces_have = 7")
                withExtendedLifetime(lock) { _ = kill(getpid(), SIGKILL) }
            }
        }
        #expect(try DatabaseLock.holder(database: folder.database) == nil)
        let connection = try folder.connection()
        #expect(try connection.pieces.have(of: TorrentID(1), count: 3000).population == 1500)
        #expect(try Array(connection.pieces.writeIntents(of: TorrentID(1), count: 3000).pieces) == pieces(1500..<2000))
        #expect(try connection.torrents.row(TorrentID(1))?.piecesHave == 1500)
    }
}
