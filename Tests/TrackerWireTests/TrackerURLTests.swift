import Testing
import Torrent
import TrackerWire

@Suite struct TrackerURLTests {
    struct Good: Sendable {
        let text: String
        let scheme: TrackerURL.Scheme
        let host: String
        let port: UInt16
        let path: String
        let query: String?
        let scrape: String?
    }

    @Test(arguments: [
        Good(
            text: "http://t.example/announce", scheme: .http, host: "t.example", port: 80, path: "/announce",
            query: nil,
            scrape: "http://t.example/scrape"),
        Good(
            text: "HTTPS://T.Example:8443/x/announce.php?passkey=a%20b#top", scheme: .https, host: "t.example",
            port: 8443,
            path: "/x/announce.php", query: "passkey=a%20b", scrape: "https://t.example:8443/x/scrape.php?passkey=a%20b"
        ),
        Good(
            text: "udp://[2001:DB8::1]:6969", scheme: .udp, host: "2001:db8::1", port: 6969, path: "", query: nil,
            scrape: "udp://[2001:db8::1]:6969"),
        Good(
            text: "udp://t.example:80/announce?a=b", scheme: .udp, host: "t.example", port: 80, path: "/announce",
            query: "a=b",
            scrape: "udp://t.example:80/announce?a=b"),
        Good(text: "http://t.example", scheme: .http, host: "t.example", port: 80, path: "", query: nil, scrape: nil),
        // Old torrents name UDP trackers without a port, which is 80 then.
        Good(
            text: "udp://t.example/announce", scheme: .udp, host: "t.example", port: 80, path: "/announce", query: nil,
            scrape: "udp://t.example:80/announce"),
        Good(
            text: "http://t.example/a b/announce", scheme: .http, host: "t.example", port: 80, path: "/a b/announce",
            query: nil,
            scrape: "http://t.example/a b/scrape"),
        Good(text: "http://t.example?x", scheme: .http, host: "t.example", port: 80, path: "", query: "x", scrape: nil),
        Good(
            text: "http://t.example:/a", scheme: .http, host: "t.example", port: 80, path: "/a", query: nil, scrape: nil
        ),
        Good(
            text: "http://t.example/announce/x", scheme: .http, host: "t.example", port: 80, path: "/announce/x",
            query: nil, scrape: nil),
        Good(
            text: "http://t.example/announcer", scheme: .http, host: "t.example", port: 80, path: "/announcer",
            query: nil,
            scrape: "http://t.example/scraper"),
    ])
    func validURLIsParsed(_ good: Good) throws {
        let url = try TrackerURL(good.text)
        #expect(url.scheme == good.scheme)
        #expect(url.host == good.host)
        #expect(url.port == good.port)
        #expect(url.path == good.path)
        #expect(url.query == good.query)
        #expect(url.scrapeURL?.description == good.scrape)
        #expect(try TrackerURL(url.description) == url)
    }

    @Test(arguments: [
        "", "t.example/announce", "http:/t.example", "ftp://t.example/", "wss://t.example/", "http://",
        "http:///announce", "http://t.example:0/",
        "http://t.example:65536/", "http://t.example:+80/", "http://t.example:8x/", "http://a b/",
        "http://a/\r\nHost: b", "http://user@/",
        "http://[::1/", "http://[127.0.0.1]/", "http://[::1]x/", "http://a_b!/", "http://::1/",
        "http://t.example/" + String(repeating: "a", count: 2048),
    ])
    func invalidURLIsRejected(_ text: String) {
        #expect(throws: TrackerURLError.self) { try TrackerURL(text) }
    }

    @Test func errorIsOneSentenceWithoutControlCharacters() {
        for text in ["http://a/\u{1b}[31m", "x\u{7}y", "udp://h:0", "http://h:99999999", "gopher://x"] {
            let sentence = #expect(throws: TrackerURLError.self) { try TrackerURL(text) }?.description ?? ""
            #expect(!sentence.isEmpty && sentence.utf8.allSatisfy { $0 >= 0x20 })
        }
    }

    @Test(arguments: [
        ("http://t/announce", "http://t/announce?q=1"), ("http://t/announce?", "http://t/announce?q=1"),
        ("http://t/announce?k=v", "http://t/announce?k=v&q=1"), ("http://t/announce?k=v&", "http://t/announce?k=v&q=1"),
        ("http://t", "http://t/?q=1"),
        ("http://t/a|b?k=%zz&u=%41", "http://t/a%7Cb?k=%25zz&u=%41&q=1"), ("http://t/ä?%", "http://t/%C3%A4?%25&q=1"),
        ("http://[::1]:81/a", "http://[::1]:81/a?q=1"),
    ])
    func queryIsAppended(_ text: String, _ expected: String) throws {
        #expect(try TrackerURL(text).requestURL(query: "q=1") == expected)
    }

    @Test(arguments: [
        ("http://user:secret@t.example/announce", "Basic dXNlcjpzZWNyZXQ=", "http://user:***@t.example/announce"),
        ("http://user:se%20cret@t.example/", "Basic dXNlcjpzZSBjcmV0", "http://user:***@t.example/"),
        ("http://us%40er:p%3Aw%2f%zz@t.example:81/", "Basic dXNAZXI6cDp3LyV6eg==", "http://us%40er:***@t.example:81/"),
        ("http://ä:ö@t.example/", "Basic w6Q6w7Y=", "http://ä:***@t.example/"),
        ("http://key@t.example/", "Basic a2V5Og==", "http://***@t.example/"),
        ("http://:@t.example/", "Basic Og==", "http://:***@t.example/"),
        ("http://a@b@t.example/", "Basic YUBiOg==", "http://***@t.example/"),
    ])
    func passwordIsSentButNotShown(_ text: String, _ authorization: String, _ shown: String) throws {
        let url = try TrackerURL(text)
        #expect(url.authorization == authorization)
        #expect(url.description == shown)
        #expect(!url.requestURL(query: "q").contains("@") && !url.authority.contains("@") && !url.server.contains("@"))
        #expect(url.scrapeURL.map { $0.authorization == authorization } ?? true)
    }

    @Test(arguments: [
        "http://user:zq/cret@t.example/", "http://user:zq?cret@t.example/", "http://user:zq#cret@t.example/",
        "http://us er:zq/cret@t/",
    ])
    func passwordWithADelimiterIsReportedButNotShown(_ text: String) {
        let error = #expect(throws: TrackerURLError.self) { try TrackerURL(text) }
        #expect(error == .password && error?.description.contains("zq") == false, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        "user:secret@t.example/announce", "http://user:secret@t!/", "gopher://user:secret@t/",
        "http://user:secret@t:99999/",
        "http://user:secret@t/\u{7}",
    ])
    func errorsNeverShowAPassword(_ text: String) {
        let error = #expect(throws: TrackerURLError.self) { try TrackerURL(text) }
        #expect(error?.description.contains("secret") == false, "\(error?.description ?? "")")
    }

    @Test(
        arguments: [
            ("http://t/a/announce?k=v", "/b?x=y", "http://t/b?x=y"), ("http://t/a/announce?k=v", "b", "http://t/a/b"),
            ("http://t/a/announce?k=v", "?x=y", "http://t/a/announce?x=y"), ("http://t/a", "//u/b", "http://u/b"),
            ("http://t", "b", "http://t/b"),
            ("https://t/a", "http://t/a", "http://t/a"), ("http://t:81/a", "HTTPS://U:82/b", "https://u:82/b"),
            ("http://t/a", "/b?u=http://x/", "http://t/b?u=http://x/"),
            ("http://t/a", "ftp://t/b", nil), ("http://t/a", "udp://t:1/b", nil), ("http://t/a", "http:///b", nil),
            ("http://t/a", "/\u{1}", nil),
        ] as [(String, String, String?)])
    func redirectsAreResolved(_ from: String, _ location: String, _ to: String?) throws {
        #expect(try TrackerURL(from).redirected(to: location)?.description == to)
    }

    /// A redirect carries the query of the announce, so it may be longer than a URL of a .torrent.
    @Test func redirectMayBeLong() throws {
        let url = try TrackerURL("http://t/a")
        #expect(url.redirected(to: "/" + String(repeating: "a", count: 4000)) != nil)
        #expect(url.redirected(to: "/" + String(repeating: "a", count: 9000)) == nil)
    }

    @Test(arguments: [
        ("/b", true), ("http://t/b", true), ("http://t:80/b", true), ("http://u/b", false), ("https://t/b", false),
        ("http://t:81/b", false),
    ])
    func passwordIsDroppedForAnotherServer(_ location: String, _ isKept: Bool) throws {
        let url = try #require(try TrackerURL("http://user:secret@t/a").redirected(to: location))
        #expect((url.authorization != nil) == isKept)
    }

    @Test func authorityNamesOnlyTheHost() throws {
        #expect(try TrackerURL("https://t.example/secret/announce?passkey=1").authority == "t.example")
        #expect(try TrackerURL("http://[::1]:8080/secret").authority == "[::1]:8080")
    }
}
