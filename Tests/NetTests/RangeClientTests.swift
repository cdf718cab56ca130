import NIOCore
import NIOPosix
import Net
import Synchronization
import TestSupport
import Testing
import Torrent
import TrackerWire

/// Servers that a web seed may be: each form of answer ends in bytes, or in one clear failure.
@Suite struct RangeClientTests {
    private static let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    /// What a client reported.
    private final class Recorder: RangeDelegate {
        struct State {
            var bytes: [UInt8] = []
            var finished = 0
            var failure: RangeFailure?
            var places: [TrackerURL?] = []
            var isHeld = false
        }
        let state = Mutex(State())

        func received(_ bytes: ByteBuffer, of request: RangeRequest, from tag: UInt32) {
            state.withLock { $0.bytes += bytes.readableBytesView }
        }
        func readEnded(from tag: UInt32) -> Bool { state.withLock { !$0.isHeld } }
        func found(_ request: RangeRequest, at location: TrackerURL?, from tag: UInt32) {
            state.withLock { $0.places.append(location) }
        }
        func finished(_ request: RangeRequest, from tag: UInt32) { state.withLock { $0.finished += 1 } }
        func failed(_ request: RangeRequest, _ failure: RangeFailure, from tag: UInt32) {
            state.withLock { $0.failure = failure }
        }
    }

    /// Fetches ranges of the content and returns what was reported when all are done, or one failed.
    private func fetch(
        _ ranges: [Range<Int>], at url: String, location: String? = nil, length: Int = content.count,
        reach: ReachTest = ReachTest(), silence: Duration = .seconds(60)
    ) async throws -> Recorder.State {
        let recorder = Recorder()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let clients = RangeClients(
            loop: loop, options: HTTPOptions(version: "test"), reach: reach, silence: silence)
        let client = clients.client(tag: 1, delegate: recorder)
        let place = try location.map { try TrackerURL(file: $0) }
        let target = try TrackerURL(file: url)
        let requests = ranges.enumerated().map {
            RangeRequest(
                number: $0, url: target, location: place, offset: Int64($1.lowerBound), length: $1.count,
                fileLength: Int64(length))
        }
        loop.execute { client.onLoop { $0.fetch(requests) } }
        try await eventually("the end of the ranges") {
            recorder.state.withLock { $0.finished == requests.count || $0.failure != nil }
        }
        try await loop.submit { client.onLoop { $0.end() } }.get()
        clients.shutdown()
        return recorder.state.withLock { $0 }
    }

    /// The range that a head asks for; the whole file if none.
    private static func range(_ head: String) -> Range<Int> {
        guard let match = head.firstMatch(of: /Range: bytes=(\d+)-(\d+)/), let first = Int(match.1),
            let last = Int(match.2)
        else { return 0..<content.count }
        return first..<last + 1
    }

    private static func partial(_ head: String, _ fields: String = "") -> [UInt8] {
        let range = range(head)
        let text =
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(content.count)\r\n"
            + "Content-Length: \(range.count)\r\n\(fields)\r\n"
        return Array(text.utf8) + content[range]
    }

    private func answered(
        _ ranges: [Range<Int>] = [60_000..<120_000], silence: Duration = .seconds(60),
        _ reply: @escaping @Sendable (String) -> RawHTTPServer.Reply
    ) async throws -> (Recorder.State, heads: [String]) {
        let server = try await RawHTTPServer.start(reply)
        let state = try await fetch(ranges, at: "http://127.0.0.1:\(server.port)/file", silence: silence)
        try await server.stop()
        return (state, server.heads)
    }

    @Test func rangesArriveFromServersThatClose() async throws {
        let (state, heads) = try await answered([0..<50_000, 50_000..<120_000]) { .bytes(Self.partial($0)) }
        #expect(state.failure == nil && state.bytes == Array(Self.content[0..<120_000]))
        #expect(heads.allSatisfy { $0.contains("Accept-Encoding: identity") && !$0.contains("gzip") })
    }

    @Test func wholeFilesAndChunksArrive() async throws {
        let whole = try await answered([1000..<60_000]) { _ in
            .bytes(Array("HTTP/1.0 200 OK\r\n\r\n".utf8) + Self.content)
        }
        #expect(whole.0.bytes == Array(Self.content[1000..<60_000]))
        let chunked = try await answered([0..<200_000]) { _ in
            var bytes = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
            for start in stride(from: 0, to: Self.content.count, by: 7000) {
                let part = Self.content[start..<min(start + 7000, Self.content.count)]
                bytes += Array("\(String(part.count, radix: 16))\r\n".utf8) + part + Array("\r\n".utf8)
            }
            return .bytes(bytes + Array("0\r\n\r\n".utf8))
        }
        #expect(chunked.0.bytes == Self.content)
        // A whole file is asked for without a range.
        #expect(!chunked.heads[0].contains("Range:"))
    }

    /// From a server that ignores ranges, ranges that follow each other are read from one answer.
    @Test func oneAnswerServesRangesThatFollowEachOther() async throws {
        let (state, heads) = try await answered([0..<50_000, 50_000..<100_000, 100_000..<200_000]) { _ in
            .stall(Array("HTTP/1.1 200 OK\r\nContent-Length: \(Self.content.count)\r\n\r\n".utf8) + Self.content)
        }
        #expect(state.bytes == Self.content && heads.count == 1)
    }

    @Test(
        arguments: [
            ("nothing", "", "it closed the connection before it answered"),
            ("no HTTP", "SSH-2.0-x\r\n", "its answer is not HTTP"),
            (
                "a page", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
                "it answered with a web page instead of the file"
            ),
            (
                "gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
                "it compresses its answers (gzip)"
            ),
            (
                "too little",
                "HTTP/1.1 206 OK\r\nContent-Range: bytes 60000-119999/200000\r\nContent-Length: 60000\r\n\r\nabc",
                "it sent only 3 of 60000 bytes"
            ),
            (
                "a short length",
                "HTTP/1.1 206 OK\r\nContent-Range: bytes 60000-119999/200000\r\nContent-Length: 3\r\n\r\nabc",
                "it sent only 3 of 60000 bytes"
            ),
            (
                "another range",
                "HTTP/1.1 206 OK\r\nContent-Range: bytes 0-9/200000\r\nContent-Length: 10\r\n\r\n0123456789",
                "it answered with the range 0-9 instead of 60000-119999"
            ),
            (
                "a redirect to another scheme", "HTTP/1.1 302 Found\r\nLocation: ftp://h/x\r\n\r\n",
                "it redirects to something that is not HTTP"
            ),
            ("an error", "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "it answered 500 Oops"),
        ] as [(String, String, String)])
    func badAnswersAreOneFailure(name: String, answer: String, expected: String) async throws {
        let (state, _) = try await answered { _ in .bytes(Array(answer.utf8)) }
        #expect(state.failure == .failed(expected, retryAfter: nil), "\(name)")
    }

    @Test func verdictsOnTheFileAreTold() async throws {
        let missing = try await answered { _ in .page("404 Not Found", []) }
        #expect(missing.0.failure == .lacks("the server answered 404 Not Found"))
        let ignored = try await answered { _ in .page("200 OK", Self.content) }
        #expect(ignored.0.failure == .ignoresRanges)
        let busy = try await answered { _ in .page("503 Busy", [], "Retry-After: 9\r\n") }
        #expect(busy.0.failure == .failed("it answered 503 Busy", retryAfter: .seconds(9)))
    }

    @Test func endlessAndSilentServersAreLeft() async throws {
        let endless = try await answered { _ in .endless(head: "HTTP/1.1 200 OK\r\n", Array("X: y\r\n".utf8)) }
        #expect(endless.0.failure == .failed("the head of its answer is longer than 32768 bytes", retryAfter: nil))
        let silent = try await answered(silence: .seconds(2)) { _ in .stall([]) }
        #expect(silent.0.failure == .failed("it sent nothing for 2 s", retryAfter: nil))
        let long = try await answered { _ in
            .endless(head: "HTTP/1.1 404 Gone\r\nContent-Length: 9000000000\r\n\r\n", Array(repeating: 0, count: 1000))
        }
        #expect(long.0.failure == .lacks("the server answered 404 Gone"))
    }

    @Test func redirectLoopsEnd() async throws {
        let (state, heads) = try await answered { _ in .page("302 Found", [], "Location: /again\r\n") }
        #expect(state.failure == .failed("it redirects in a loop, or more than 5 times", retryAfter: nil))
        #expect(heads.count == 6)
    }

    /// A server that counts as public must not lead to a local address; between local ones it may, without a query.
    @Test func redirectsAreJudged() async throws {
        let target = try await RawHTTPServer.start { .bytes(Self.partial($0)) }
        for (isPublic, query, isFollowed) in [(false, "", true), (false, "?a=b", false), (true, "", false)] {
            let location = "http://127.0.0.1:\(target.port)/other\(query)"
            let server = try await RawHTTPServer.start(host: "127.0.0.2") { _ in
                .page("302 Found", [], "Location: \(location)\r\n")
            }
            let reach = ReachTest(isPublic: { isPublic && $0 == PeerAddress.Host("127.0.0.2") })
            let state = try await fetch(
                [60_000..<120_000], at: "http://127.0.0.2:\(server.port)/file", reach: reach)
            if isFollowed {
                #expect(state.bytes == Array(Self.content[60_000..<120_000]))
                // A local place isn't remembered.
                #expect(state.places == [nil])
            } else {
                guard case .failed(let reason, _) = state.failure else {
                    Issue.record("a redirect to \(location) is followed")
                    continue
                }
                #expect(reason.contains("pieces doesn't follow"), "\(reason)")
            }
            try await server.stop()
        }
        try await target.stop()
    }

    /// A password stays with its server.
    @Test func credentialsAreNotSentElsewhere() async throws {
        let target = try await RawHTTPServer.start { .bytes(Self.partial($0)) }
        let server = try await RawHTTPServer.start { _ in
            .page("302 Found", [], "Location: http://127.0.0.1:\(target.port)/other\r\n")
        }
        _ = try await fetch([0..<1000], at: "http://user:secret@127.0.0.1:\(server.port)/file")
        #expect(server.heads.allSatisfy { $0.contains("Authorization: Basic") })
        #expect(target.heads.count == 1 && target.heads.allSatisfy { !$0.contains("Authorization") })
        try await server.stop()
        try await target.stop()
    }

    /// If the file isn't at the remembered place any more, the web seed itself is asked.
    @Test func rememberedPlaceThatFailsIsForgotten() async throws {
        let server = try await RawHTTPServer.start { head in
            head.hasPrefix("GET /old") ? .page("404 Not Found", []) : .bytes(Self.partial(head))
        }
        let base = "http://127.0.0.1:\(server.port)"
        let state = try await fetch(
            [0..<1000], at: base + "/file", location: base + "/old", reach: ReachTest(isPublic: { _ in true }))
        #expect(state.bytes == Array(Self.content[0..<1000]) && state.places == [nil])
        #expect(server.heads.map { String($0.prefix(8)) } == ["GET /old", "GET /fil"])
        try await server.stop()
    }

    /// A remembered place that breaks off in the middle of a body: what was handed over isn't handed over again.
    @Test func brokenBodyFromARememberedPlaceIsOneFailure() async throws {
        let server = try await RawHTTPServer.start { head in
            .bytes(Array(Self.partial(head).dropLast(head.hasPrefix("GET /old") ? 400 : 0)))
        }
        let base = "http://127.0.0.1:\(server.port)"
        let state = try await fetch(
            [0..<1000], at: base + "/file", location: base + "/old", reach: ReachTest(isPublic: { _ in true }))
        #expect(state.bytes == Array(Self.content[0..<600]))
        #expect(state.failure == .failed("it sent only 600 of 1000 bytes", retryAfter: nil))
        try await server.stop()
    }

    /// Bytes behind the range, or behind the answer, reach nobody.
    @Test func whatIsSentTooMuchIsDropped() async throws {
        let extra = [UInt8](repeating: 0x41, count: 100_000)
        let head = "HTTP/1.1 206 OK\r\nContent-Range: bytes 60000-119999/200000\r\n"
        let body = Array(Self.content[60_000..<120_000])
        for fields in ["Content-Length: 60000\r\n", "Content-Length: 160000\r\n", ""] {
            let bytes = Array("\(head)\(fields)\r\n".utf8) + body + extra
            let (state, heads) = try await answered { _ in .bytes(bytes) }
            #expect(state.bytes == body && state.failure == nil && heads.count == 1, "\(fields)")
        }
        // In place of the next answer it isn't HTTP.
        let next = try await answered([0..<1000, 1000..<2000]) { .bytes(Self.partial($0) + Array("surplus".utf8)) }
        #expect(next.0.bytes == Array(Self.content[0..<1000]))
        #expect(next.0.failure == .failed("its answer is not HTTP", retryAfter: nil))
    }

    /// The URL in a .torrent must not control a device in this network.
    @Test func localWebSeedHasNoQuery() async throws {
        let server = try await RawHTTPServer.start { .bytes(Self.partial($0)) }
        let state = try await fetch([0..<1000], at: "http://127.0.0.1:\(server.port)/reboot?now=1")
        #expect(state.bytes.isEmpty && state.failure != nil && server.heads.isEmpty)
        try await server.stop()
    }
}
