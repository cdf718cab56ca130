import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Net
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Torrent
import TrackerWire

@Suite struct TrackerHTTPTests {
    private static let good = Array("d8:intervali900e5:peers6:\u{a}\u{1}\u{1}\u{1}\u{1}\u{1}e".utf8)

    @Test(arguments: [
        ("", ""), ("/announce", "/announce"), ("/a%20b/announce?passkey=x|y%zz", "/a%20b/announce?passkey=x%7Cy%25zz"),
    ])
    func requestIsSentExactlyAsBuilt(_ path: String, _ target: String) async throws {
        let server = try await RawHTTPServer.start { _ in .page("200 OK", Self.good) }
        var request = TrackerSamples.request()
        request.infoHash = InfoHash([
            0, 0x20, 0x25, 0x26, 0x2b, 0x2f, 0x3b, 0x3d, 0x3f, 0x23, 0x7c, 0x7e, 0x80, 0xc3, 0xa4, 0xff, 0x41, 0x2e,
            0x5f, 0x0a,
        ])!
        let response = try await withTrackerClient {
            try await $0.announce(TrackerURL("http://127.0.0.1:\(server.port)\(path)"), request)
        }
        #expect(response.peers == [PeerAddress("10.1.1.1:257")!])
        let head = try #require(server.heads.first).split(separator: "\r\n").map(String.init)
        let separator = target.contains("?") ? "&" : "?"
        #expect(head.first == "GET \(target.isEmpty ? "/" : target)\(separator)\(request.httpQuery) HTTP/1.1")
        #expect(head.first?.contains("info_hash=%00%20%25%26%2B%2F%3B%3D%3F%23%7C~%80%C3%A4%FFA._%0A&") == true)
        #expect(head.contains("User-Agent: pieces/test"))
        #expect(head.contains("Host: 127.0.0.1:\(server.port)"))
        try await server.stop()
    }

    @Test(
        arguments: [
            (.page("200 OK", []), .empty),
            (.page("200 OK", Array("<html>".utf8)), .notBencode(excerpt: "<html>")),
            (.page("404 Not Found", Array("<html>".utf8)), .status(code: 404, phrase: "Not Found")),
            (.page("400 Bad Request", Array("d14:failure reason3:bade".utf8)), .failure(reason: "bad", retry: nil)),
            (.page("200 OK", Array("d14:failure reason3:bade".utf8)), .failure(reason: "bad", retry: nil)),
            (
                .page("200 OK", Array(repeating: 0x64, count: HTTPAnswer.maximumLength + 1)),
                .tooLarge(limit: HTTPAnswer.maximumLength)
            ),
            (
                .endless(head: "HTTP/1.0 200 OK\r\n\r\n", Array(repeating: 0x64, count: 65536)),
                .tooLarge(limit: HTTPAnswer.maximumLength)
            ),
            (
                .page("200 OK", Gzip.bomb(megabytes: 4), "Content-Encoding: gzip\r\n"),
                .tooLarge(limit: HTTPAnswer.maximumLength)
            ),
            (.page("200 OK", Array("no gzip".utf8), "Content-Encoding: gzip\r\n"), .notBencode(excerpt: "no gzip")),
            (
                .page("200 OK", [0x1f, 0x8b] + Array("no gzip".utf8), "Content-Encoding: gzip\r\n"),
                .malformed("its compressed body is damaged")
            ),
            (.page("200 OK", Array("d1:".utf8)), .truncated("only 3 bytes arrived")),
            (.page("404 Not Found", [0x1f, 0x8b]), .status(code: 404, phrase: "Not Found")),
            (
                .page("429 Too Many Requests", Array("slow down".utf8), "Retry-After: 600\r\n"),
                .status(code: 429, phrase: "Too Many Requests", retry: .after(.seconds(600)))
            ),
            (
                .bytes(Array("HTTP/1.1 200 OK\r\nX: y\r\n".utf8)),
                .truncated("the connection was closed within the header of the response")
            ),
            (.bytes([]), .unreachable("the server closed the connection before it answered")),
            (.page("302 Found", [], "Location: /announce\r\n"), .redirects(limit: 5)),
            (.page("302 Found", [], "Location: ftp://127.0.0.1/x\r\n"), .status(code: 302, phrase: "Found")),
            (
                .stall(Array("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nd".utf8)),
                .timedOut(after: .milliseconds(300))
            ),
            (.stall([]), .timedOut(after: .milliseconds(300))),
        ] as [(RawHTTPServer.Reply, TrackerError)])
    func badResponsesAreTypedErrors(_ reply: RawHTTPServer.Reply, _ expected: TrackerError) async throws {
        let server = try await RawHTTPServer.start { _ in reply }
        var options = HTTPOptions(version: "test")
        if case .stall = reply { options.trackerTimeout = .milliseconds(300) }
        let error = try await trackerError {
            try await withTrackerClient(options) {
                try await $0.announce(TrackerURL("http://127.0.0.1:\(server.port)/announce"), TrackerSamples.request())
            }
        }
        #expect(error == expected)
        try await server.stop()
    }

    @Test func nonHTTPResponseIsAnError() async throws {
        let server = try await RawHTTPServer.start { _ in .bytes(Array("SSH-2.0-OpenSSH\r\n\r\n".utf8)) }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let error = try await trackerError {
            try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        }
        guard case .malformed = error else {
            Issue.record("\(error)")
            return
        }
        try await server.stop()
    }

    private static func head(_ fields: String) -> [UInt8] { Array("HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n".utf8) }

    static let whole: [RawHTTPServer.Reply] = [
        .page("200 OK", Gzip.stored(good), "Content-Encoding: gzip\r\n"),
        // The field is missing, or left from before a proxy unpacked the body; the end of the file is missing.
        .page("200 OK", Gzip.stored(good)), .page("200 OK", good, "Content-Encoding: gzip\r\n"),
        .page("200 OK", Gzip.stored(good).dropLast(8), "Content-Encoding: gzip\r\n"),
        .page("404 Not Found", good), .page("200 OK", Array("\u{feff}\r\n".utf8) + good + Array("\r\n".utf8)),
        .bytes(
            head("Content-Length: 999\r\nTransfer-Encoding: chunked")
                + Array("\(String(good.count, radix: 16))\r\n".utf8) + good),
        .bytes(Array("HTTP/1.0 200 OK\nContent-Length: 9\n\n".utf8) + good),
        // Servers that don't close the connection, whatever they are told.
        .stall(head("Content-Length: \(good.count)") + good), .stall(head("Content-Length: 999") + good),
        .stall(head("X: y") + good),
    ]

    /// An answer that came whole is taken, whatever stands around it.
    @Test(arguments: whole) func completeResponseIsAccepted(_ reply: RawHTTPServer.Reply) async throws {
        let server = try await RawHTTPServer.start { _ in reply }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let response = try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        #expect(response.interval == .seconds(900))
        try await server.stop()
    }

    /// A server that names a length which is too short, and doesn't close the connection, is waited for, and not for
    /// ever.
    @Test func responseWithATooShortLengthEnds() async throws {
        let server = try await RawHTTPServer.start { _ in .stall(Self.head("Content-Length: 5") + Array("d8:in".utf8)) }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let error = try await trackerError {
            try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        }
        #expect(error == .truncated("only 5 bytes arrived"))
        try await server.stop()
    }

    /// User and password go to the server that the URL names, and to no other.
    @Test func passwordIsSentOnlyToItsServer() async throws {
        let other = try await RawHTTPServer.start { _ in .page("200 OK", Self.good) }
        let server = try await RawHTTPServer.start { head in
            head.hasPrefix("GET /announce")
                ? .page("302 Found", [], "Location: /again\r\n")
                : .page("302 Found", [], "Location: http://127.0.0.1:\(other.port)/away/announce\r\n")
        }
        let url = try TrackerURL("http://user:se%20cret@127.0.0.1:\(server.port)/announce")
        _ = try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        #expect(
            server.heads.count == 2
                && server.heads.allSatisfy { $0.contains("\r\nAuthorization: Basic dXNlcjpzZSBjcmV0\r\n") })
        #expect(server.heads.allSatisfy { !$0.contains("@") })
        #expect(other.heads.count == 1 && other.heads.allSatisfy { !$0.contains("Authorization") })
        try await server.stop()
        try await other.stop()
    }

    /// Peers that have names are looked up; a name that has no address costs nobody else.
    @Test func peerHostNamesAreResolved() async throws {
        let body = Array(
            "d5:peersld2:ip9:localhost4:porti81eed2:ip20:no-such-host.invalid4:porti1eed2:ip8:10.0.0.14:porti2eeee".utf8
        )
        let server = try await RawHTTPServer.start { _ in .page("200 OK", body) }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let response = try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        #expect(response.peers.first?.description == "10.0.0.1:2")
        #expect(response.peers.contains { ["127.0.0.1:81", "[::1]:81"].contains($0.description) }, "\(response.peers)")
        try await server.stop()
    }

    @Test func redirectIsFollowed() async throws {
        let server = try await RawHTTPServer.start { head in
            head.hasPrefix("GET /announce")
                ? .page("307 Temporary Redirect", [], "Location: /other?x=%00%FF\r\n") : .page("200 OK", Self.good)
        }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        _ = try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        #expect(server.heads.last?.hasPrefix("GET /other?x=%00%FF HTTP/1.1\r\n") == true)
        try await server.stop()
    }

    @Test func numberOfRedirectsIsLimited() async throws {
        let count = Atomic(0)
        let server = try await RawHTTPServer.start { _ in
            .page("302 Found", [], "Location: /\(count.add(1, ordering: .relaxed).newValue)\r\n")
        }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let error = try await trackerError {
            try await withTrackerClient { try await $0.announce(url, TrackerSamples.request()) }
        }
        #expect(error == .redirects(limit: 5))
        #expect(server.heads.count == 6)
        try await server.stop()
    }

    @Test func scrapesAreSentInBatches() async throws {
        let server = try await RawHTTPServer.start { _ in .page("200 OK", Array("d5:filesdee".utf8)) }
        let hashes = (0..<130).map { n in InfoHash((0..<20).map { UInt8($0 == 0 ? n : 0) })! }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce?k=v")
        let response = try await withTrackerClient { try await $0.scrape(url, hashes) }
        #expect(response.torrents.isEmpty)
        #expect(server.heads.count == 3)
        #expect(server.heads.allSatisfy { $0.hasPrefix("GET /scrape?k=v&info_hash=") && $0.utf8.count < 8192 })
        try await server.stop()
    }

    @Test func unconventionalURLCannotBeScraped() async throws {
        let error = try await trackerError {
            try await withTrackerClient {
                try await $0.scrape(TrackerURL("http://127.0.0.1:1/x"), [TrackerSamples.infoHash])
            }
        }
        #expect(error == .noScrape)
    }

    @Test(arguments: ["http://127.0.0.1:1/announce", "https://127.0.0.1:1/announce"])
    func refusedConnectionIsReportedInOneSentence(_ text: String) async throws {
        let error = try await trackerError {
            try await withTrackerClient { try await $0.announce(TrackerURL(text), TrackerSamples.request()) }
        }
        #expect(error.description == "the tracker cannot be reached: Connection refused")
    }

    @Test(arguments: ["http://no-such-host.invalid/announce", "udp://no-such-host.invalid:1/announce"])
    func unknownHostIsReportedInOneSentence(_ text: String) async throws {
        let error = try await trackerError {
            try await withTrackerClient { try await $0.announce(TrackerURL(text), TrackerSamples.request()) }
        }
        #expect(
            error.description.contains("no-such-host.invalid") && error.description.contains("no address"), "\(error)")
    }

    @Test func cancellationEndsARequest() async throws {
        let server = try await RawHTTPServer.start { _ in
            .stall(Array("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nd".utf8))
        }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let error = try await withTrackerClient { client in
            let task = Task { try await client.announce(url, TrackerSamples.request()) }
            try await eventually("the request") { !server.heads.isEmpty }
            task.cancel()
            return try await trackerError { try await task.value }
        }
        #expect(error == .cancelled)
        try await server.stop()
    }

    @Test func requestsUseTheBoundAddress() async throws {
        let server = try await RawHTTPServer.start { _ in .page("200 OK", Self.good) }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let options = HTTPOptions(version: "test", bindAddress: PeerAddress.Host("127.0.0.7"))
        _ = try await withTrackerClient(options) { try await $0.announce(url, TrackerSamples.request()) }
        #expect(server.peers == ["127.0.0.7"])
        try await server.stop()
    }

    @Test func httpsTrustsOnlyKnownCertificates() async throws {
        let openssl = try RealProgram.require("openssl")
        try await withTemporaryFolder { folder in
            let certificate = folder.appending("certificate.pem").string
            let key = folder.appending("key.pem").string
            let end = try await openssl.run(
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost",
                ]
                    + ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], in: folder)
            try #require(end.exitCode == 0, "\(end)")
            let tls = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                    privateKey: .privateKey(NIOSSLPrivateKey(file: key, format: .pem))))
            let server = try await RawHTTPServer.start(tls: tls) { _ in .page("200 OK", Self.good) }
            let named = try TrackerURL("https://localhost:\(server.port)/announce")
            let numbered = try TrackerURL("https://127.0.0.1:\(server.port)/announce")
            let trusting = HTTPOptions(version: "test", extraTrustRoots: certificate)

            let response = try await withTrackerClient(trusting) {
                try await $0.announce(named, TrackerSamples.request())
            }
            #expect(response.interval == .seconds(900))
            for (url, options) in [(named, HTTPOptions(version: "test")), (numbered, trusting)] {
                let error = try await trackerError {
                    try await withTrackerClient(options) { try await $0.announce(url, TrackerSamples.request()) }
                }
                guard case .insecure = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
            try await server.stop()
        }
    }
}
