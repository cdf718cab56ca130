import Testing
import Torrent

@testable import TrackerWire

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
            text: "http://t.example/announce", scheme: .http, host: "t.example", port: 80, path: "/announce", query: nil,
            scrape: "http://t.example/scrape"),
        Good(
            text: "HTTPS://T.Example:8443/x/announce.php?passkey=a%20b#top", scheme: .https, host: "t.example", port: 8443,
            path: "/x/announce.php", query: "passkey=a%20b", scrape: "https://t.example:8443/x/scrape.php?passkey=a%20b"),
        Good(
            text: "udp://[2001:DB8::1]:6969", scheme: .udp, host: "2001:db8::1", port: 6969, path: "", query: nil,
            scrape: "udp://[2001:db8::1]:6969"),
        Good(
            text: "udp://t.example:80/announce?a=b", scheme: .udp, host: "t.example", port: 80, path: "/announce", query: "a=b",
            scrape: "udp://t.example:80/announce?a=b"),
        Good(text: "http://t.example", scheme: .http, host: "t.example", port: 80, path: "", query: nil, scrape: nil),
        Good(text: "http://t.example?x", scheme: .http, host: "t.example", port: 80, path: "", query: "x", scrape: nil),
        Good(text: "http://t.example:/a", scheme: .http, host: "t.example", port: 80, path: "/a", query: nil, scrape: nil),
        Good(text: "http://t.example/announce/x", scheme: .http, host: "t.example", port: 80, path: "/announce/x", query: nil, scrape: nil),
        Good(
            text: "http://t.example/announcer", scheme: .http, host: "t.example", port: 80, path: "/announcer", query: nil,
            scrape: "http://t.example/scraper"),
    ])
    func reads(_ good: Good) throws {
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
        "", "t.example/announce", "http:/t.example", "ftp://t.example/", "wss://t.example/", "http://", "http:///announce", "http://t.example:0/",
        "http://t.example:65536/", "http://t.example:+80/", "http://t.example:8x/", "http://a b/", "http://a/\r\nHost: b", "http://user@t.example/",
        "http://[::1/", "http://[127.0.0.1]/", "http://[::1]x/", "http://a_b!/", "udp://t.example/announce", "http://::1/",
        "http://t.example/" + String(repeating: "a", count: 2048),
    ])
    func refuses(_ text: String) {
        #expect(throws: TrackerURLError.self) { try TrackerURL(text) }
    }

    @Test func everyRefusalIsOneSentenceWithoutControls() {
        for text in ["http://a/\u{1b}[31m", "x\u{7}y", "udp://h", "http://h:99999999", "gopher://x"] {
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
    func appendsAQuery(_ text: String, _ expected: String) throws {
        #expect(try TrackerURL(text).requestURL(query: "q=1") == expected)
    }

    @Test func sentencesNameTheHostAlone() throws {
        #expect(try TrackerURL("https://t.example/secret/announce?passkey=1").authority == "t.example")
        #expect(try TrackerURL("http://[::1]:8080/secret").authority == "[::1]:8080")
    }
}
