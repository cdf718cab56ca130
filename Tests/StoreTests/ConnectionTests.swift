import DatabaseLab
import Store
import SystemPackage
import Testing
import Torrent

@Suite struct ConnectionTests {
    private enum Word: String, SQLValue { case yes, no }

    @Test func valuesRoundTrip() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        func back<Value: SQLValue>(_ value: Value) throws -> Value? {
            try connection.value("SELECT ?", value)
        }
        for value in [Int64.min, -1, 0, 1, Int64.max] { #expect(try back(value) == value) }
        for value in [0.0, -0.5, .greatestFiniteMagnitude, .infinity] { #expect(try back(value) == value) }
        for value in ["", "a", "Grüße 🧩", "a\0b", String(repeating: "x", count: 100_000)] {
            #expect(try back(value) == value)
        }
        for value in [[], [0], [UInt8](0...255), [UInt8](repeating: 7, count: 100_000)] as [[UInt8]] {
            #expect(try back(value) == value)
        }
        #expect(try back(Word.no) == .no)
        #expect(try back(true) == true)
        #expect(try back(Int64?.none) == .some(nil))
        #expect(try back(Optional("x")) == "x")
        #expect(try back(PieceIndex(7)) == PieceIndex(7))
        for text in ["1.2.3.4:5", "[2001:db8::1]:6881"] {
            let address = try #require(PeerAddress(text))
            #expect(try back(address) == address)
        }
    }

    @Test func invalidColumnValueIsReportedAsCorrupt() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        func code<Value: SQLValue>(_ type: Value.Type, _ sql: String) throws -> StoreError.Code {
            try failure { _ = try connection.value("SELECT \(sql)", as: type) }
                .code
        }
        #expect(try code(Int.self, "'text'") == .corrupt)
        #expect(try code(Int.self, "NULL") == .corrupt)
        #expect(try code(Int32.self, "1 << 40") == .corrupt)
        #expect(try code(Bool.self, "2") == .corrupt)
        #expect(try code(String.self, "x'00'") == .corrupt)
        #expect(try code([UInt8].self, "'text'") == .corrupt)
        #expect(try code(InfoHash.self, "x'0011'") == .corrupt)
        #expect(try code(PeerAddress.self, "'nowhere'") == .corrupt)
        #expect(try code(TorrentState.self, "'unheard of'") == .corrupt)
        #expect(try code(Int?.self, "'text'") == .corrupt)
    }

    @Test func errorsCarryTheExtendedCodeAndASentence() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let error = try failure {
            try connection.execute("INSERT INTO bitfield (torrent_id, page, have) VALUES (1, 0, x'')")
        }
        #expect(error.code == .constraint)
        #expect(error.sqliteCode == 275)  // SQLITE_CONSTRAINT_CHECK
        #expect(error.description.contains(folder.database.string))
        #expect(error.description.contains("INSERT INTO bitfield"))
        #expect(try failure { try connection.execute("nonsense") }.code == .other)
    }

    @Test func fullDiskRollsTheTransactionBack() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let limit = try connection.number("PRAGMA page_count") + 4
        #expect(try connection.number("PRAGMA max_page_count = \(limit)") == limit)
        let error = try failure {
            try connection.transaction { () throws(StoreError) in
                try connection.settings.set("before", "1")
                try connection.settings.set("large", String(repeating: "x", count: 1 << 20))
            }
        }
        #expect(error.code == .full)
        #expect(try connection.settings.value("before") == nil)
        try connection.settings.set("after", "1")
        #expect(try connection.settings.value("after") == "1")
    }

    @Test func failedCommitIsThrownAndRolledBack() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let error = try failure {
            try connection.transaction { () throws(StoreError) in
                try connection.execute("PRAGMA defer_foreign_keys = ON")
                try connection.execute("INSERT INTO partial_piece (torrent_id, piece, blocks) VALUES (99, 0, x'80')")
            }
        }
        #expect(error.code == .constraint)
        #expect(try connection.number("SELECT count(*) FROM partial_piece") == 0)
        #expect(try connection.transaction { () throws(StoreError) in 1 } == 1)
    }

    @Test func innerTransactionRollsBackAlone() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        try connection.transaction { () throws(StoreError) in
            try connection.settings.set("outer", "1")
            do throws(StoreError) {
                try connection.transaction { () throws(StoreError) in
                    try connection.settings.set("inner", "1")
                    try connection.execute("INSERT INTO setting (key, value) VALUES ('inner', '2')")
                }
            } catch {
                #expect(error.code == .constraint)
            }
        }
        #expect(try connection.settings.rows().map(\.key) == ["outer"])
    }

    @Test func onlyLazyTransactionsReduceDurability() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        func level() throws(StoreError) -> Int? {
            try connection.value("PRAGMA synchronous")
        }
        #expect(try level() == 2)
        #expect(try connection.transaction(durability: .lazy) { () throws(StoreError) in try level() } == 1)
        #expect(try level() == 2)
        _ = try? connection.transaction(durability: .lazy) { () throws(StoreError) in try connection.execute("nonsense")
        }
        #expect(try level() == 2)
        #expect(try connection.transaction { () throws(StoreError) in try level() } == 2)
    }

    @Test func nestedUseOfAStatementIsIndependent() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        for n in 0..<4 { try connection.settings.set("\(n)", "x") }
        let sql = "SELECT key FROM setting ORDER BY key"
        let outer = try connection.prepare(sql)
        defer { outer.reset() }
        var nested: [[String]] = []
        while try outer.step() {
            let key: String = try outer.next()
            nested.append(try connection.values(sql, as: String.self).map { key + $0 })
        }
        #expect(nested.count == 4 && nested[3] == ["30", "31", "32", "33"])
    }

    @Test func secondWriterFailsAsBusy() throws {
        let folder = try TemporaryFolder()
        let (first, second) = (try folder.connection(), try folder.connection())
        try second.execute("PRAGMA user_version")
        _ = try second.number("PRAGMA busy_timeout = 20")
        try first.transaction { () throws(StoreError) in
            try first.settings.set("a", "1")
            do throws(StoreError) {
                try second.settings.set("a", "2")
                Issue.record("two writers at once")
            } catch {
                #expect(error.code == .busy)
            }
            #expect(try second.settings.value("a") == nil)
        }
        #expect(try second.settings.value("a") == "1")
    }

    @Test func dataVersionChangesOnlyWithOtherWriters() throws {
        let folder = try TemporaryFolder()
        let (first, second) = (try folder.connection(), try folder.connection())
        let before = try first.dataVersion()
        try first.settings.set("a", "1")
        #expect(try first.dataVersion() == before)
        try second.settings.set("a", "2")
        #expect(try first.dataVersion() != before)
    }
}
