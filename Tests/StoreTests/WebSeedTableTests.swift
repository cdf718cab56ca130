import DatabaseLab
import Store
import Testing
import Torrent

@Suite struct WebSeedTableTests {
    private let a = "http://a.example/"
    private let b = "http://b.example/"

    @Test func webSeedsAreAddedOnceAndRemovedForGood() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let id = try db.add(seed: 1)
        try db.webSeeds.note([a], of: id)
        try db.webSeeds.note([a], of: id)
        #expect(try db.webSeeds.rows(of: id).map(\.origin) == [.metainfo])
        #expect(try db.webSeeds.add(torrent: id, urls: [a, b], origin: .user) == [b])
        #expect(try db.webSeeds.rows(of: id).map(\.url) == [a, b])
        #expect(try db.webSeeds.remove(torrent: id, urls: [a, "http://c.example/"]) == [a])
        // The .torrent doesn't bring it back; the user does.
        try db.webSeeds.note([a], of: id)
        #expect(try db.webSeeds.rows(of: id).map(\.url) == [b])
        try db.webSeeds.add(torrent: id, urls: [a], origin: .user)
        #expect(try db.webSeeds.rows(of: id).map(\.url) == [a, b])
    }

    @Test func whatWasLearnedIsKeptUntilTheSeedIsAddedAgain() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let id = try db.add(seed: 1)
        try db.webSeeds.note([a], of: id)
        var row = try #require(try db.webSeeds.rows(of: id).first)
        row.failures = 3
        row.lastError = "it answered 503"
        row.restsUntil = noon
        row.rate = 7
        row.downloadedBytes = 9
        try db.webSeeds.save([row, WebSeedRow(url: b, origin: .user)], of: id)
        #expect(try db.webSeeds.rows(of: id) == [row])
        let lacking = WebSeedFileRow(url: a, index: 0, lacking: "404", location: nil, at: noon)
        let elsewhere = WebSeedFileRow(url: a, index: 1, lacking: nil, location: "http://node/x", at: noon)
        let unknown = WebSeedFileRow(url: b, index: 1, lacking: "404", location: nil, at: noon)
        try db.webSeeds.save([lacking, elsewhere, unknown], of: id)
        #expect(try db.webSeeds.files(of: id, since: noon) == [lacking, elsewhere])
        #expect(try db.webSeeds.files(of: id, since: noon + .seconds(1)) == [])
        #expect(try db.number("SELECT files_lacking FROM v1_web_seed") == 1)
        try db.webSeeds.add(torrent: id, urls: [a], origin: .user)
        #expect(try db.webSeeds.rows(of: id).first?.lastError == nil)
        #expect(try db.webSeeds.files(of: id, since: noon) == [])
        try db.torrents.remove(id, now: noon)
        #expect(try db.number("SELECT count(*) FROM web_seed") == 0)
    }

    @Test func numberOfWebSeedsIsLimited() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let id = try db.add(seed: 1)
        let urls = (0..<WebSeedTable.limit + 5).map { "http://h/\($0)" }
        #expect(try db.webSeeds.add(torrent: id, urls: urls, origin: .user).count == WebSeedTable.limit)
        #expect(try db.webSeeds.rows(of: id).count == WebSeedTable.limit)
    }
}
