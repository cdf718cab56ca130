import DatabaseLab
import Glibc
import Store
import SystemPackage
import Testing
import Torrent

/// Space is kept for what has to be recorded on a full volume. What a real full volume does is shown by the tests of
/// the whole program.
@Suite struct ReserveTests {
    private func isWhole(_ folder: TemporaryFolder) throws -> Bool { Reserve(database: folder.database).isWhole }

    @Test func onlyTheEngineKeepsAReserve() async throws {
        let folder = try TemporaryFolder()
        _ = try folder.connection()
        #expect(!(try isWhole(folder)))
        let store = try await Store.open(folder.database, now: noon)
        #expect(try isWhole(folder))
        try await store.perform { connection throws(StoreError) in try connection.requireRoom() }
        try await store.close()
        #expect(try isWhole(folder), "the next start may need it")
    }

    /// SQLite says that it is full; there is no other space than that of the reserve.
    @Test func fullDatabaseReleasesTheReserveAndRetries() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let reserve = Reserve(database: folder.database)
        #expect(reserve.take() == nil)
        connection.reserve = reserve
        let pages = try connection.pragma("page_count")
        try connection.executeScript("PRAGMA max_page_count=\(pages)")
        var tries = 0
        let error = #expect(throws: StoreError.self) {
            try connection.transaction { () throws(StoreError) in
                tries += 1
                try connection.settings.set("a", String(repeating: "a", count: 100_000))
            }
        }
        #expect(error?.code == .full && tries == 2 && !reserve.isWhole)
        // As when the space was really given back.
        #expect(reserve.take() == nil)
        tries = 0
        try connection.transaction { () throws(StoreError) in
            tries += 1
            if tries == 2 { try connection.executeScript("PRAGMA max_page_count=\(pages + 1000)") }
            try connection.settings.set("a", String(repeating: "a", count: 100_000))
        }
        #expect(tries == 2 && !reserve.isWhole)
        #expect(try connection.settings.value("a")?.count == 100_000)
        try connection.requireRoom()
        #expect(reserve.isWhole, "and it is taken again")
    }

    @Test func engineWorksWithoutAReserve() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let reserve = Reserve(database: folder.database)
        connection.reserve = reserve
        // No link is followed (open(2), O_NOFOLLOW).
        #expect(symlink("nowhere", reserve.path.string) == 0)
        try connection.requireRoom()
        try connection.settings.set("a", "1")
        #expect(!reserve.isWhole)
    }
}
