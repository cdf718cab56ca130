import Testing
import Torrent
import TrackerWire

/// HTTP as trackers behind old servers and proxies send it.
@Suite struct HTTPResponseReaderTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        /// The body that is read, and whether the reader knows its end before the connection is closed.
        var body = HTTPResponseReaderTests.answer
        var knowsEnd = true

        var testDescription: String { name }

        init(_ name: String, _ text: String, body: String? = nil, knowsEnd: Bool = true) {
            self.name = name
            bytes = utf8(text)
            if let body { self.body = utf8(body) }
            self.knowsEnd = knowsEnd
        }
    }

    static let answer = utf8("d8:intervali1800e5:peers0:e")
    private static let text = String(decoding: answer, as: UTF8.self)
    private static let count = answer.count
    private static let hex = String(answer.count, radix: 16)
    private static let ok = "HTTP/1.1 200 OK\r\n"

    static let samples = [
        Sample("as the RFC has it", ok + "Content-Length: \(count)\r\n\r\n" + text),
        Sample(
            "chunks",
            ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nd8:in\r\n" + "16;x=\"y z\"\r\n" + text.dropFirst(5)
                + "\r\n0\r\n\r\n"),
        Sample(
            "a length beside chunks",
            ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\(hex)\r\n\(text)\r\n0\r\n\r\n"),
        Sample("chunks that are none", ok + "Transfer-Encoding: chunked\r\n\r\n" + text),
        Sample("chunks without an end", ok + "Transfer-Encoding: chunked\r\n\r\n\(hex)\r\n\(text)"),
        Sample(
            "chunks with blanks behind their sizes",
            ok + "Transfer-Encoding: Chunked\r\n\r\n\(hex)  \r\n\(text)\r\n0  \r\n\r\n"),
        Sample("the same length twice", ok + "Content-Length: \(count)\r\nContent-Length: \(count)\r\n\r\n" + text),
        Sample("the same length twice in a line", ok + "Content-Length: \(count), \(count)\r\n\r\n" + text),
        Sample("two lengths", ok + "Content-Length: 3\r\nContent-Length: 5\r\n\r\n" + text),
        Sample("a length that is no number", ok + "Content-Length: -7\r\n\r\n" + text),
        Sample("a length that is too long", ok + "Content-Length: \(count + 10)\r\n\r\n" + text),
        Sample("a length that is too short", ok + "Content-Length: 7\r\n\r\n" + text),
        Sample("no length", "HTTP/1.0 200 OK\r\n\r\n" + text),
        Sample("bare newlines", "HTTP/1.1 200 OK\nServer: x\n\n" + text),
        Sample("carriage returns too many", "\r\nHTTP/1.1 200 OK\r\r\nServer: x\r\r\n\r\r\n" + text),
        Sample("names with blanks", ok + "X Powered By: php\r\nContent-Length : \(count)\r\n\r\n" + text),
        Sample("lines that are no fields", ok + "garbage\r\n: nothing\r\n continued\r\n\r\n" + text),
        Sample(
            "a field that goes on in the next line", ok + "Content-Length:\r\n \(count)\r\nX: a\r\n\tb\r\n\r\n" + text),
        Sample(
            "interim responses",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "\r\n" + text),
        Sample("no phrase, and blanks too many", "http/1.1  200\r\n\r\n" + text),
        Sample(
            "a byte order mark and empty lines before the answer", ok + "\r\n\u{feff}\r\n\n" + text,
            body: "\u{feff}\r\n\n" + text),
        Sample("a page of another status", "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>", body: "<html>"),
        Sample("a page without a length", "HTTP/1.1 404 Not Found\r\n\r\n<html>", body: "<html>", knowsEnd: false),
        Sample("nothing", ok + "Content-Length: 0\r\n\r\n", body: ""),
        Sample("nothing by its status", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", body: ""),
        Sample("no bencode", ok + "Content-Length: 4\r\n\r\nd0x:", body: "d0x:"),
        Sample("packed", ok + "Content-Length: 4\r\n\r\n\u{1f}xyz", body: "\u{1f}xyz"),
    ]

    /// The body that is read when the bytes come in parts of so many, and whether its end was known.
    private func read(_ bytes: [UInt8], by size: Int) throws(TrackerError) -> (HTTPResponseReader, isDone: Bool) {
        var reader = HTTPResponseReader()
        for start in stride(from: 0, to: bytes.count, by: size) {
            if try reader.received(bytes[start..<min(start + size, bytes.count)]) == .done { return (reader, true) }
        }
        try reader.closed()
        return (reader, false)
    }

    @Test(arguments: samples, [1, 2, 7, .max / 2]) func responsesAreReadInAnyPortions(_ sample: Sample, size: Int)
        throws
    {
        let (reader, isDone) = try read(sample.bytes, by: size)
        #expect(reader.head != nil && isDone == sample.knowsEnd)
        #expect(
            reader.body.prefix(sample.body.count).elementsEqual(sample.body),
            "\(String(decoding: reader.body, as: UTF8.self))")
        if sample.body == Self.answer {
            #expect(try AnnounceResponse(httpBody: reader.body).interval == .seconds(1800))
        }
    }

    /// A length that ends within the answer isn't believed before the server has had time to go on.
    @Test func tooShortLengthWaitsForMoreBytes() throws {
        var reader = HTTPResponseReader()
        #expect(try reader.received(utf8(Self.ok + "Content-Length: 5\r\n\r\nd8:in")) == .linger)
        #expect(try reader.received(utf8("tervali1800e")) == .linger)
        #expect(try reader.received(utf8("e")) == .done)
    }

    @Test func lastHeadCounts() throws {
        let (reader, _) = try read(
            utf8(
                "HTTP/1.1 103 X\r\nLocation: /a\r\n\r\nHTTP/1.1 302 Moved on\r\nLOCATION:  /b c \r\nLocation: /d\r\nRetry-After: 70\r\n\r\n"
            ), by: 3)
        let head = try #require(reader.head)
        #expect(head.status == 302 && head.phrase == "Moved on" && head.location == "/b c" && !head.isSuccess)
        #expect(head.retryAfter(now: 0) == .seconds(70))
    }

    @Test(
        arguments: [
            ("", .unreachable("the server closed the connection before it answered")),
            ("HTTP/1.1 200 OK\r\nX: y\r\n", .truncated("the connection was closed within the header of the response")),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2",
                .truncated("the connection was closed within the header of the response")
            ),
            ("SSH-2.0-OpenSSH\r\n", .malformed("it is not HTTP: “S”")),
            ("HTTP/1.1 2x0 OK\r\n\r\n", .malformed("it is not HTTP: “HTTP/1.1 2x0 OK”")),
            ("HTTP/1.1\r\n\r\n", .malformed("it is not HTTP: “HTTP/1.1”")),
        ] as [(String, TrackerError)])
    func malformedResponseIsRejected(_ text: String, _ expected: TrackerError) throws {
        #expect(try trackerError { () throws(TrackerError) in try read(utf8(text), by: 1) } == expected)
    }

    private static let chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"

    /// How a response begins, and what comes again and again.
    static let endless: [(String, String)] = [
        ("HTTP/1.1 200 ", "x"), (ok + "X: ", "y"), (ok, "X: y\r\n"), ("", "\r\n"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        (chunked + "5;", "x"), (chunked, "\r\n"), (chunked, "1;xxxxx\r\nd\r\n"), (chunked, "000000000000000000000"),
        (chunked + "ffffffffffffffff\r\n", "d"), (ok + "\r\n", "d1:a"),
        (ok + "Content-Length: 99999999999999999999\r\n\r\n", "l"),
        ("HTTP/1.1 500 Oops\r\n\r\n", "<html>"),
    ]

    /// Whatever a server sends without end is given up after a bounded count of bytes.
    @Test(arguments: endless)
    func endlessResponseIsGivenUp(_ start: String, _ rest: String) {
        var reader = HTTPResponseReader(maximumBody: 100_000)
        var sent = start.utf8.count
        var isDone = false
        do {
            _ = try reader.received(utf8(start))
            let more = utf8(String(repeating: rest, count: 1000))
            while !isDone, sent < 1_000_000 {
                isDone = try reader.received(more) == .done
                sent += more.count
            }
        } catch {
            isDone = true
        }
        #expect(isDone && reader.body.count <= 100_000, "\(sent) bytes")
    }

    /// A page in the place of a .torrent is recognized however the reads cut it, beyond the limit too.
    @Test(arguments: [1, 600, 100_000], ["", "Content-Length: 60000\r\n", "Transfer-Encoding: chunked\r\n"])
    func webPageIsRecognizedInPlaceOfATorrent(by size: Int, _ field: String) throws {
        let page = String(repeating: "<html><body>", count: 5_000)
        let body = field.hasPrefix("T") ? "ea60\r\n" + page : page
        let bytes = utf8(Self.ok + field + "\r\n" + body)
        var reader = HTTPResponseReader(.torrent, maximumBody: 1000)
        var rest = bytes[...]
        while try !rest.isEmpty && reader.received(rest.prefix(size)) != .done { rest = rest.dropFirst(size) }
        #expect(reader.body.starts(with: utf8("<html>")) && reader.body.count <= 1000)
    }

    @Test(arguments: 0..<40 as Range<UInt64>) func mutatedResponsesDoNotDependOnPortions(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let bytes = DecoderFuzzTests.mutated(Self.samples.randomElement(using: &random)!.bytes, &random)
            // However the bytes are cut, the same is read of them.
            let answers = [1, 5, bytes.count].map { size -> String in
                do throws(TrackerError) {
                    let (reader, _) = try read(bytes, by: size)
                    guard let head = reader.head else { return "no head" }
                    let body = try HTTPAnswer.body(of: head, reader.body, now: 0)
                    return "\(try AnnounceResponse(httpBody: body))"
                } catch {
                    #expect(error.description.utf8.count < 1000, "seed \(seed)")
                    switch error {
                    // How much of a bad answer was read depends on when its end was seen.
                    case .truncated, .malformed, .notBencode, .empty: return "bad"
                    default: return "\(error)"
                    }
                }
            }
            #expect(Set(answers).count == 1, "seed \(seed): \(answers) of \(String(decoding: bytes, as: UTF8.self))")
        }
    }
}

@Suite struct RetryAfterTests {
    private func head(_ fields: String) throws -> HTTPResponseHead {
        var reader = HTTPResponseReader()
        _ = try reader.received(utf8("HTTP/1.1 503 X\r\n\(fields)\r\n\r\n"))
        return try #require(reader.head)
    }

    @Test(
        arguments: [
            ("Retry-After: 600", 600), ("retry-after:  120 ", 120), ("Retry-After: 5", 60), ("Retry-After: 0", nil),
            ("Retry-After: -5", nil),
            ("Retry-After: soon", nil), ("Retry-After:", nil), ("X: y", nil),
            ("Retry-After: 99999999999999999999999", 86_400),
            ("Retry-After: 864000", 86_400),
            ("Retry-After: Sun, 06 Nov 1994 08:59:37 GMT", 600), ("Retry-After: Sunday, 06-Nov-94 08:59:37 GMT", 600),
            ("Retry-After: Sun Nov  6 08:59:37 1994", 600), ("Retry-After: Sun, 06 Nov 1994 08:39:37 GMT", nil),
            ("Retry-After: Sun, 06 Nov 2094 08:39:37 GMT", 86_400), ("Retry-After: Sun, 06 Nov 1994 25:39:37 GMT", nil),
            // A server whose clock is an hour fast means its own time.
            ("Date: Sun, 06 Nov 1994 09:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 09:59:37 GMT", 600),
        ] as [(String, Int?)])
    func retryAfterIsReadInEveryForm(_ fields: String, _ seconds: Int?) throws {
        #expect(try head(fields).retryAfter(now: 784_111_777) == seconds.map { .seconds($0) })
    }

    @Test(arguments: [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
    ]) func httpDatesAreUnixTime(_ text: String, _ seconds: Int64) { #expect(HTTPDate.parse(text) == seconds) }

    @Test(
        arguments: [
            (429, "slow down", .status(code: 429, phrase: "X", retry: .after(.seconds(600)))),
            (503, "d14:failure reason2:noe", .status(code: 503, phrase: "no", retry: .after(.seconds(600)))),
            (
                503, "d14:failure reason2:no8:retry ini2ee",
                .status(code: 503, phrase: "no", retry: .after(.seconds(120)))
            ),
            (503, "d8:intervali9ee", .status(code: 503, phrase: "X", retry: .after(.seconds(600)))),
            (400, "d14:failure reason2:noe", .failure(reason: "no", retry: .after(.seconds(600)))),
            (200, "d14:failure reason2:noe", .failure(reason: "no", retry: .after(.seconds(600)))),
            (200, "<html>", .notBencode(excerpt: "<html>")),
            (404, "<html>", .status(code: 404, phrase: "X", retry: .after(.seconds(600)))),
            (404, "d1:xi1ee", .status(code: 404, phrase: "X", retry: .after(.seconds(600)))),
            (404, "d8:intervali9ee", nil), (200, "de", nil),
        ] as [(Int, String, TrackerError?)])
    func refusalCarriesItsRetryTime(_ status: Int, _ body: String, _ expected: TrackerError?) throws {
        var reader = HTTPResponseReader()
        _ = try reader.received(utf8("HTTP/1.1 \(status) X\r\nRetry-After: 600\r\n\r\n\(body)"))
        let head = try #require(reader.head)
        do throws(TrackerError) {
            #expect(try HTTPAnswer.body(of: head, reader.body, now: 0) == utf8(body) && expected == nil)
        } catch {
            #expect(error == expected)
            #expect(error.isOfHost == [429, 503].contains(status))
        }
    }
}
