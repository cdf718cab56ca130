import Library
import Store
import System
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Long lists are read in stripes, on several cores.
@Suite struct StripeTests {
    /// 9000 torrents, of whose numbers a quarter is missing; the gap of the numbers reaches over whole stripes.
    private func withLibrary(_ body: (Library, Connection, FilePath) throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appending(name: "pieces.db")
            let connection = try Connection.open(path, mode: .readWriteCreate, now: .now())
            try connection.transaction(durability: .lazy) { () throws(StoreError) in
                try connection.execute(
                    """
                    WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 12000)
                    INSERT INTO torrent (id, info_hash, name, output, total_bytes, piece_length, piece_count, private, \
                    wanted_bytes, completed_bytes, added_at)
                    SELECT x, randomblob(20), 'torrent ' || x, '/data', 1 << 30, 1 << 20, 1024, 0, 1 << 30, 1 << 30, 0 FROM n
                    WHERE x % 2 = 0 OR x > 6000
                    """)
                try connection.execute("DELETE FROM torrent WHERE id BETWEEN 8000 AND 10000")
                try connection.execute("INSERT INTO note SELECT id, 'note ' || id, 0 FROM torrent WHERE id % 100 = 0")
                try connection.execute(
                    "INSERT INTO destination (torrent_id, folder) SELECT id, '/to/' || id FROM torrent WHERE id % 70 = 0"
                )
            }
            try body(Library(connection), connection, path)
        }
    }

    private func rows(_ library: Library) throws(StoreError) -> [StatusRow] {
        try library.readStatus(of: []) { (reading) throws(StoreError) in
            try reading.inStripes { (reading) throws(StoreError) in
                var rows: [StatusRow] = []
                try reading.forEachRow { (row) throws(StoreError) in rows.append(row) }
                return rows
            }.flatMap(\.self)
        }
    }

    @Test func stripesAreTheWholeListInItsOrder() async throws {
        try await withLibrary { library, connection, _ in
            var expected: [StatusRow] = []
            try connection.status.forEachRow { (row) throws(StoreError) in expected.append(row) }
            #expect(try rows(library) == expected && expected.count == 6999)
            #expect(expected.allSatisfy { ($0.note != nil) == ($0.id.rawValue % 100 == 0) })
            #expect(expected.allSatisfy { ($0.destination != nil) == ($0.id.rawValue % 70 == 0) })
        }
    }

    /// One number that is far away makes stripes of many numbers, but not of much memory.
    @Test func numbersMayLieFarApart() async throws {
        try await withLibrary { library, connection, _ in
            try connection.execute("UPDATE torrent SET id = 1 << 61 WHERE id = 11999")
            let found = try library.readStatus(of: []) { (reading) throws(StoreError) in
                try reading.inStripes { (reading) throws(StoreError) in
                    var count = 0
                    try reading.forEachRow { (_) throws(StoreError) in count += 1 }
                    return (count, reading.expectedTorrents)
                }
            }
            #expect(found.reduce(0) { $0 + $1.0 } == 6999)
            #expect(found.count > 1 && found.allSatisfy { (1...8192).contains($0.1) })
        }
    }

    @Test func emptiedLibraryHasAnEmptyList() async throws {
        try await withLibrary { library, connection, _ in
            try connection.execute("DELETE FROM torrent")
            #expect(try rows(library) == [] && connection.torrents.numbers() == nil)
        }
    }

    /// A writer changes the first torrent and the last in one transaction: no reading sees one without the other.
    @Test func stripesAreOfOneMoment() async throws {
        try await withLibrary { library, _, path in
            let isOver = Monitor(false)
            let writer = try SystemThread.startJoinable {
                guard let connection = try? Connection.open(path, mode: .readWrite, now: .now()) else { return }
                var count = 0
                while !isOver.read({ $0 }) {
                    count += 1
                    _ = try? connection.execute("UPDATE torrent SET uploaded_bytes = ? WHERE id IN (2, 12000)", count)
                }
            }
            defer {
                isOver.change {
                    $0 = true
                    return .all
                }
                writer.join()
            }
            var seen: Set<Int64> = []
            for _ in 0..<30 {
                let rows = try rows(library)
                #expect(rows.count == 6999 && rows.first?.uploadedBytes == rows.last?.uploadedBytes)
                seen.insert(rows.first?.uploadedBytes ?? -1)
            }
            #expect(seen.count > 1, "the writer did nothing")
        }
    }

    @Test func faultOfAStripeIsThrown() async throws {
        try await withLibrary { library, _, _ in
            let error = #expect(throws: StoreError.self) {
                try library.readStatus(of: []) { (reading) throws(StoreError) in
                    _ = try reading.inStripes { (reading) throws(StoreError) in
                        try reading.forEachLine { (line) throws(StoreError) in
                            if line.id.rawValue == 11_000 { throw StoreError(.other, path: "p", "of line 11000") }
                        }
                    }
                }
            }
            #expect(error?.message.contains("of line 11000") == true)
        }
    }
}
