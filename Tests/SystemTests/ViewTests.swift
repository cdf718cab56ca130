import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The public views, as Debian's `sqlite3` reads them: what the article says of them is what there is.
@Suite(.crowded) struct ViewTests {
    /// The article, as it stands beside the code.
    struct Article {
        /// The documented columns of each view.
        var views: [String: [String]] = [:]
        /// The questions, in their order.
        var queries: [String] = []

        init() throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let text = try String(
                contentsOf: root.appending(path: "Sources/Engine/Engine.docc/PublicViews.md"), encoding: .utf8)
            var view: String?
            var query: String?
            for line in text.components(separatedBy: "\n") {
                if line.hasPrefix("## ") {
                    view = line.hasPrefix("## v1_") ? String(line.dropFirst(3)) : nil
                } else if let name = view, line.hasPrefix("| `"),
                    let column = line.split(separator: "`").dropFirst().first
                {
                    views[name, default: []].append(String(column))
                } else if line == "```sql" {
                    query = ""
                } else if line == "```" {
                    queries.append(try #require(query))
                    query = nil
                } else if query != nil {
                    query! += line + "\n"
                }
            }
        }
    }

    /// Asks the real `sqlite3`; the rows, as objects.
    private func ask(_ sql: String, _ database: FilePath) async throws -> [[String: Any]] {
        let program = try RealProgram.require("sqlite3")
        let folder = database.removingLastComponent()
        let end = try await program.run(["-readonly", "-json", database.string, sql], in: folder)
        try #require(end.exitCode == 0, "\(sql): \(end)")
        guard !end.output.allSatisfy(\.isWhitespace) else { return [] }
        return try #require(try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [[String: Any]], "\(end)")
    }

    @Test func viewColumnsMatchTheArticle() async throws {
        let article = try Article()
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            _ = try Connection.open(pieces.database, mode: .readWriteCreate, now: .now())
            let views = try await ask(
                "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name", pieces.database)
            #expect(views.compactMap { $0["name"] as? String } == article.views.keys.sorted())
            for (view, columns) in article.views {
                let found = try await ask("SELECT name FROM pragma_table_info('\(view)')", pieces.database)
                #expect(found.compactMap { $0["name"] as? String } == columns, "\(view)")
            }
        }
    }

    /// Every question of the article, asked while an engine writes, and again of a copy of the file elsewhere.
    @Test func articleQueriesWorkWhileTheEngineWrites() async throws {
        let article = try Article()
        #expect(article.queries.count == 11)
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 900_000), .init("b/c", 700_000)], pieceLength: 32768, seed: 71)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.lying, .slow(4)]) { peers in
                try await pieces.beside(try pieces.download(torrent, from: peers.map(\.address))) { _ in
                    try await eventually("something to be recorded, a connection and a liar") {
                        do {
                            let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                            guard let row = try connection.torrents.rows().first else { return false }
                            return try row.piecesHave > 2 && !connection.live.peers(of: row.id).isEmpty
                                && connection.peers.rows(of: row.id).contains { $0.bannedUntil != nil }
                                && row.downloadedBytes > 0
                        } catch {
                            return false
                        }
                    }
                    for query in article.queries { _ = try await ask(query, pieces.database) }
                    let incomplete = try await ask(article.queries[0], pieces.database)
                    #expect(
                        incomplete.first?["name"] as? String == "sample"
                            && incomplete.first?["state"] as? String == "downloading")
                    #expect(
                        try await ask(article.queries[1], pieces.database).compactMap { $0["path"] as? String }
                            .contains("sample/b/c"))
                    let liars = try await ask(article.queries[4], pieces.database)
                    #expect(liars.compactMap { $0["address"] as? String } == ["\(peers[0].address)"])
                    #expect(try await ask(article.queries[7], pieces.database).count == 1)
                    // A piece is one that is had, or one that the query names, at one moment.
                    let counts = try await ask(
                        "SELECT (SELECT count(*) FROM v1_piece WHERE torrent_id = 1 AND have) = pieces_have AS equal FROM v1_torrent",
                        pieces.database
                    )
                    #expect(counts.first?["equal"] as? Int == 1)
                }
                peers[1].behave(.good)
                let end = try await pieces.run(try pieces.download(torrent, from: [peers[1].address]))
                #expect(end.exitCode == 0, "\(end)")
            }
            let copy = folder.appending("copy.db")
            let backup = try await pieces.run(["database", "backup", copy.string])
            #expect(backup.exitCode == 0, "\(backup)")
            for query in article.queries { _ = try await ask(query, copy) }
            #expect(try await ask(article.queries[0], copy).isEmpty)
            #expect(try await ask(article.queries[1], copy).isEmpty)
            #expect(try await ask(article.queries[3], copy).isEmpty)
            // The first run was killed.
            #expect(try await ask(article.queries[8], copy).count == 1)
            let traffic = try await ask("SELECT sum(downloaded_bytes) AS down FROM v1_traffic", copy)
            // What the killed run had written and not recorded was found by hashing, and counts for no day.
            #expect(try #require(traffic.first?["down"] as? Int) > torrent.content.count / 2)
        }
    }
}
